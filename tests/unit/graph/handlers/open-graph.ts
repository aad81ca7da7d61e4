// A graph with its handlers, in memory: what is done by hand becomes an event of a log, which is projected at once.
import { create, type DescMethod, type MessageInitShape, type MessageShape, toJson } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import {
  type RecordGraphActRequest,
  RecordGraphActRequestSchema,
  RecordGraphActResponseSchema,
} from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import { mentionKeyOf } from "#services/graph/domain/extract/name-key.ts";
import { idOf } from "#services/graph/domain/ids.ts";
import type { EntityKind, Mention } from "#services/graph/domain/mention.ts";
import { graphReads } from "#services/graph/handlers/graph-reads.ts";
import { graphWrites } from "#services/graph/handlers/graph-writes.ts";
import { OpenStreams } from "#services/graph/handlers/open-streams.ts";
import { applyEvents } from "#services/graph/projection/apply-events.ts";
import type { LogEvent } from "#services/graph/projection/log-event.ts";
import { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";

/** A memory as a test says it: who and what it names, in one passage. */
export interface Said {
  readonly names?: readonly (readonly [kind: EntityKind, form: string])[];
  readonly session?: string;
  readonly source?: string;
  readonly text?: string;
  readonly occurredMs?: number;
}

/** The memory that a test has said at a position. */
export function memoryAt(module: string, position: number): string {
  return idOf(module, "memory", String(position));
}

export async function openGraph() {
  const store = openMemoryGraph();
  await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
  const heads = new Map<string, number>();
  const keys = new Map<string, { readonly content: string; readonly position: number }>();

  const append = async (module: string, event: object): Promise<number> => {
    const after = heads.get(module) ?? 0;
    const position = after + 1;
    heads.set(module, position);
    await store.project({ generation: 1, module, after }, async (transaction) => {
      const whole = { position, memoryId: memoryAt(module, position), ...event } as LogEvent;
      await applyEvents(transaction, module, [whole], 7);
      return { module, position, epoch: "1-a", atMs: position };
    });
    return position;
  };

  /** What the conductor does, with keys; `before` is what somebody else does just before it. */
  let before: (() => Promise<unknown>) | undefined;
  let refusal: Error | undefined;
  const acts: RecordGraphActRequest[] = [];
  let appended = 0;
  const recordAct = async (request: RecordGraphActRequest) => {
    if (refusal !== undefined) throw refusal;
    const interfere = before;
    before = undefined;
    await interfere?.();
    acts.push(request);
    const { module, act, idempotencyKey: key, recordedOnly } = request;
    const content = JSON.stringify(toJson(RecordGraphActRequestSchema, { ...request, recordedOnly: false }));
    const known = key === "" ? undefined : keys.get(`${module} ${key}`);
    if (known !== undefined && known.content !== content)
      throw new CosError(ErrorReason.IDEMPOTENCY_KEY_REUSED, "the key was used for other content");
    if (known === undefined && recordedOnly) throw new CosError(ErrorReason.MEMORY_NOT_FOUND, "nothing was recorded");
    if (known === undefined) appended += 1;
    const event = act.case === undefined ? { kind: "passed" } : { ...act.value, kind: act.case };
    const position = known?.position ?? (await append(module, event));
    if (key !== "") keys.set(`${module} ${key}`, { content, position });
    const cursor = { module, position: BigInt(position), epoch: "1-a" };
    return create(RecordGraphActResponseSchema, { cursor, deduplicated: known !== undefined });
  };

  const awaited: (bigint | undefined)[] = [];
  const streams = new OpenStreams({ ageMaxMs: 1 });
  const needs = {
    store,
    recordAct,
    streams,
    awaitPlace: async (cursor: { position: bigint } | undefined) => {
      awaited.push(cursor?.position);
    },
  };
  return {
    store,
    streams,
    /** What the conductor was asked to record. */
    acts,
    /** How many of them it recorded. */
    get appended() {
      return appended;
    },
    /** The places that calls have waited for. */
    awaited,
    ...askedBy({ ...graphReads(needs), ...graphWrites(needs) }),
    /** Records a memory. */
    say: (module: string, { names = [], session = "", source = "", text, occurredMs }: Said) => {
      const mentions = names.map(
        ([kind, form]): Mention => ({ kind, key: mentionKeyOf(kind, form), forms: [form], count: 1, passages: [0] }),
      );
      const name = text ?? `entry ${(heads.get(module) ?? 0) + 1}`;
      const memory = { label: "LogEntry", name, eventType: "note", source, session, cause: "", forgotten: false };
      return append(module, {
        kind: "remembered",
        memory: { ...memory, occurredMs: occurredMs ?? (heads.get(module) ?? 0) + 1 },
        mentions,
      });
    },
    /** Somebody else does this just before the next act is recorded. */
    interfere: (first: () => Promise<unknown>) => {
      before = first;
    },
    /** The conductor answers with this from now on. */
    refuseActs: (error: Error | undefined) => {
      refusal = error;
    },
    /** Puts a fault at the place where the next act will be. */
    parkNext: (module: string) => {
      before = async () => {
        const after = heads.get(module) ?? 0;
        await store.project({ generation: 1, module, after }, async (transaction) => {
          const at = { module, position: after + 1, memoryId: memoryAt(module, after + 1) };
          await transaction.addFault({ ...at, kind: "parked", error: "unreadable", attempts: 5, atMs: 1 });
          return { module, position: after, epoch: "1-a", atMs: 1 };
        });
      };
    },
  };
}

/** How a test calls a method: with the fields that count, by somebody who may do all unless it says whom. Streams are read to their end. */
type Asked<M extends DescMethod> = M extends { methodKind: "unary" }
  ? (request: MessageInitShape<M["input"]>, call?: CallContext) => Promise<MessageShape<M["output"]>>
  : (request: MessageInitShape<M["input"]>, call?: CallContext) => Promise<MessageShape<M["output"]>[]>;

type Methods = (typeof GraphService)["method"];

function askedBy<Name extends keyof Methods>(handlers: Readonly<Record<Name, unknown>>) {
  const asked = Object.entries(handlers).map(([name, handler]) => {
    const { input, output, methodKind } = GraphService.method[name as Name];
    const call = async (request: object, by = someCall()) => {
      const answer = (handler as (request: unknown, call: CallContext) => unknown)(create(input, request), by);
      if (methodKind === "unary") return create(output, (await answer) as object);
      const messages = [];
      for await (const message of answer as AsyncIterable<object>) messages.push(create(output, message));
      return messages;
    };
    return [name, call];
  });
  return Object.fromEntries(asked) as { [K in Name]: Asked<Methods[K]> };
}

export type Graph = Awaited<ReturnType<typeof openGraph>>;

/** A call of somebody who may do all at this machine. */
export function someCall(): CallContext {
  return callBy(localAccess());
}

/** A call of somebody with a right in these modules and nowhere else. */
export function callIn(modules: readonly string[], verb = Verb.RECORD): CallContext & { readonly access: Access } {
  const grants = new Map(modules.map((module) => [module, verb]));
  const principal = { name: "somebody", kind: PrincipalKind.PERSON, grants };
  return callBy(new Access({ principal, credential: CredentialKind.TOKEN }));
}

function callBy(access: Access): CallContext {
  return {
    requestId: "r",
    traceId: "",
    traceparent: "",
    access,
    get scope() {
      return access.scope;
    },
    signal: new AbortController().signal,
    deadlineMs: Number.POSITIVE_INFINITY,
  };
}

/** How a call is refused: its reason and the fields that it names. */
export async function refusalOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof CosError) return [error.reasonName, ...error.fields.map(({ field }) => field)].join(" ");
    throw error;
  }
  return "not refused";
}
