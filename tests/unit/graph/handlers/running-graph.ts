import { afterEach } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { OpenStreams } from "#services/graph/handlers/open-streams.ts";
import { openAwaitPlace } from "#services/graph/projection/await-place.ts";
import { Projection } from "#services/graph/projection/projection.ts";
import { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { localScope, type Scope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { openFakeLog } from "#tests/unit/graph/projection/fake-log.ts";
import { projectorNeeds } from "#tests/unit/graph/projection/some-projector.ts";

export const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});

/** A graph of some memories, kept up with its log, and the handlers before it. */
export async function graph({ ageMaxMs = 0, pageRows = 4, texts = ["Anna met Bert", "Bert", "secret poison"] } = {}) {
  const [store, log] = [openMemoryGraph(), openFakeLog()];
  log.append("cc", ...texts);
  log.append("pepys", "Carl");
  const needs = projectorNeeds(store, log);
  const times = { watchMs: 5, dropAfterMs: 0, lookMs: 2 };
  const read = (memory: Parameters<typeof needs.read>[0]) => {
    if (memory.text.includes("poison")) throw new RangeError("poison");
    return needs.read(memory);
  };
  const projection = new Projection({ ...needs, read, store, extractorVersion: 3, times });
  projection.open();
  ends.push(() => projection.close());
  const streams = new OpenStreams({ ageMaxMs });
  const proveCursor = async () => {
    throw new CosError(ErrorReason.CURSOR_ABOVE_HEAD, "above");
  };
  const awaitPlace = openAwaitPlace({ store, projection, proveCursor, times: { doubtMs: 5, marginMs: 5 } });
  const all = { store, projection, streams, awaitPlace, extractorVersion: 3, pageRows, lookMs: 5, intervalMs: 2 };
  const reached = (position: number, module = "cc") =>
    eventually(async () => {
      const places = await store.livePlaces(localScope());
      return places.find((place) => place.module === module)?.position === position;
    });
  await reached(texts.length);
  await reached(1, "pepys");
  return { ...all, log, reached };
}

export const granted = (...modules: string[]) =>
  new Access({
    principal: {
      name: "editor",
      kind: PrincipalKind.PERSON,
      grants: new Map(modules.map((module) => [module, Verb.READ])),
    },
    credential: CredentialKind.TOKEN,
  });

/** A call as the RPC edge makes it: what it is asked for lies in its class, so that a copy of its fields is none. */
class SomeCall implements CallContext {
  readonly requestId = "r";
  readonly traceId = "";
  readonly traceparent = "";
  readonly access: Access;
  readonly deadlineMs: number;
  readonly #signal: AbortSignal;

  constructor(access: Access, signal: AbortSignal, forMs: number) {
    this.access = access;
    this.#signal = signal;
    this.deadlineMs = Date.now() + forMs;
  }

  get scope(): Scope {
    return this.access.scope;
  }

  get signal(): AbortSignal {
    return this.#signal;
  }
}

export function callBy(access: Access, signal = new AbortController().signal, forMs = 5_000): CallContext {
  return new SomeCall(access, signal, forMs);
}

export const collect = async <T>(frames: AsyncIterable<T>): Promise<T[]> => await Array.fromAsync(frames);

export const failure = async (work: Promise<unknown>): Promise<CosError> => {
  try {
    await work;
  } catch (error) {
    return error as CosError;
  }
  throw new Error("it did not fail");
};
