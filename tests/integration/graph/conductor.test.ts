import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { Code } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { GraphLogService } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { ProjectionLogService, ProjectionState } from "#gen/cos/conductor/v1/projection_log_service_pb.ts";
import { type Conductor, openConductor } from "#services/graph/conductor.ts";
import { Access } from "#shared/auth/access.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { Credentials } from "#shared/auth/let-in.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { accessExpired, accessRevoked, moduleNotFound, tokenInvalid, tokenMissing } from "#shared/auth/refusals.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { follow } from "#shared/highway/client/follow.ts";
import { openJwtVerifier } from "#shared/identity/open-jwt-verifier.ts";
import { EMPTY_POLICY } from "#shared/identity/policy.ts";
import { openLog } from "#shared/log/open-log.ts";
import { bindService, type Handlers } from "#shared/rpc/bind-service.ts";
import { accessWith } from "#tests/support/rpc/callers.ts";
import { type ConductorHandlers, closeServed, failureOf, serve } from "#tests/support/rpc/serve.ts";
import { batch, cursor, places, progress, started } from "#tests/unit/highway-client/frames.ts";

const { privateKey } = generateKeyPairSync("ed25519");
const silent = openLog({ service: "test", level: "silent" });
const verifier = openJwtVerifier({
  policy: {
    ...EMPTY_POLICY,
    services: [
      {
        principal: { name: "graph", kind: PrincipalKind.SERVICE, grants: new Map([["*", Verb.RECORD]]) },
        publicKeys: [createPublicKey(privateKey)],
      },
    ],
  },
  serviceName: "conductor",
  log: silent,
});

interface Fakes {
  readonly subscribe?: ConductorHandlers["subscribe"];
  readonly recordGraphAct?: Handlers<typeof GraphLogService>["recordGraphAct"];
  readonly reportProjections?: Handlers<typeof ProjectionLogService>["reportProjections"];
}

const opened: Conductor[] = [];
afterEach(async () => {
  for (const conductor of opened.splice(0)) conductor.close();
  await closeServed();
});

/** A conductor with these handlers that lets in the services it knows, and whom the graph calls. */
async function given(
  fakes: Fakes,
  options: { withKey?: boolean; letsIn?: "services" | "local" | "nobody"; recordMaxMs?: number } = {},
) {
  const { withKey = true, letsIn = "services", recordMaxMs } = options;
  const shown: Credentials[] = [];
  const calls: CallContext[] = [];
  const noting = <F extends (request: never, call: CallContext) => unknown>(handler: F | undefined): F =>
    ((request: never, call: CallContext) => {
      calls.push(call);
      return handler!(request, call);
    }) as F;
  const served = await serve(
    {},
    {
      services: [
        bindService(ConductorService, {
          ...Object.fromEntries(ConductorService.methods.map(({ localName }) => [localName, async () => ({})])),
          subscribe: noting(fakes.subscribe),
        } as unknown as ConductorHandlers),
        bindService(GraphLogService, { recordGraphAct: noting(fakes.recordGraphAct) }),
        bindService(ProjectionLogService, { reportProjections: noting(fakes.reportProjections) }),
      ],
      letIn: (credentials) => {
        shown.push(credentials);
        if (letsIn === "nobody") throw tokenInvalid();
        if (credentials.authorization === undefined && letsIn === "local") return localAccess();
        if (credentials.authorization === undefined) throw tokenMissing();
        return verifier.verifyJwt(credentials.authorization.slice("Bearer ".length));
      },
    },
  );
  const lines: { msg: string; reason?: string }[] = [];
  const log = openLog({
    service: "graph",
    to: { write: (line: string) => void lines.push(JSON.parse(line) as { msg: string }) },
  });
  const address = `127.0.0.1:${served.port}`;
  const conductor = openConductor({
    address,
    log,
    ...(withKey && { serviceKey: privateKey }),
    ...(recordMaxMs !== undefined && { recordMaxMs }),
  });
  opened.push(conductor);
  return { conductor, shown, calls, lines };
}

const behalf = (access: Access = accessWith([["pepys", Verb.ADMIN]], PrincipalKind.PERSON)) => ({
  access,
  requestId: "request-1",
  traceparent: "",
  signal: new AbortController().signal,
});
const aborted = async (signal: AbortSignal): Promise<never> => {
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  throw signal.reason;
};
const name = (of: string) => ({ kind: "person", name: of });
const act = {
  module: "pepys",
  act: { case: "merged" as const, value: { entities: [name("Betty")], into: name("Elizabeth Pepys") } },
};

describe("K1: a write", () => {
  test("is made for the caller, with what both may do, under the caller's request id and trace", async () => {
    const { conductor, calls } = await given({
      recordGraphAct: async () => ({ cursor: cursor("pepys", 7), memoryId: "m", deduplicated: true }),
    });
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const answer = await conductor.recordGraphAct(act, { ...behalf(), traceparent, timeoutMs: 5_000 });
    expect(answer).toMatchObject({ cursor: cursor("pepys", 7), memoryId: "m", deduplicated: true });
    const [call] = calls;
    expect(call).toMatchObject({ requestId: "request-1", traceparent });
    expect(call!.access.principal).toMatchObject({ name: "editor-bot", kind: PrincipalKind.PERSON });
    expect(call!.access.via?.name).toBe("graph");
    expect([...call!.access.grants]).toEqual([["pepys", Verb.RECORD]]);
    expect(call!.deadlineMs - Date.now()).toBeLessThanOrEqual(5_000);
  });

  test("has three seconds, however long the caller would wait", async () => {
    const { conductor, calls } = await given({ recordGraphAct: async () => ({}) });
    await conductor.recordGraphAct(act, behalf());
    await conductor.recordGraphAct(act, { ...behalf(), timeoutMs: 30_000 });
    for (const { deadlineMs } of calls) expect(deadlineMs - Date.now()).toBeLessThanOrEqual(3_000);
  });

  test("of which a silent conductor says nothing is told as its absence, before the caller's time is over", async () => {
    const { conductor } = await given(
      { recordGraphAct: async (_, { signal }) => await aborted(signal) },
      { recordMaxMs: 50 },
    );
    const absence = { reason: ErrorReason.ENGINE_UNAVAILABLE, message: "the conductor does not answer" };
    await expect(conductor.recordGraphAct(act, { ...behalf(), timeoutMs: 30_000 })).rejects.toMatchObject(absence);
    const short = failureOf(conductor.recordGraphAct(act, { ...behalf(), timeoutMs: 20 }));
    expect(await short).toMatchObject({ name: "ConnectError", code: Code.DeadlineExceeded });
  });

  test("is not made for a caller whose access has ended", async () => {
    const { conductor, shown } = await given({});
    const access = accessWith([["pepys", Verb.RECORD]]);
    access.end(accessRevoked());
    await expect(conductor.recordGraphAct(act, behalf(access))).rejects.toMatchObject({ reasonName: "TOKEN_REVOKED" });
    expect(shown).toEqual([]);
  });

  test("that the conductor refuses is refused in its words", async () => {
    const refusal = moduleNotFound("pepys", [{ field: "module", description: "must be a registered module" }]);
    const { conductor } = await given({ recordGraphAct: () => Promise.reject(refusal) });
    await expect(conductor.recordGraphAct(act, behalf())).rejects.toMatchObject({
      reason: refusal.reason,
      message: refusal.message,
      fields: refusal.fields,
      resource: refusal.resource,
    });
  });

  test("with too little right is refused by the conductor itself", async () => {
    const { conductor } = await given({});
    const reader = accessWith([["pepys", Verb.READ]]);
    await expect(conductor.recordGraphAct(act, behalf(reader))).rejects.toMatchObject({ reasonName: "RIGHT_MISSING" });
    const stranger = accessWith([["cc", Verb.ADMIN]]);
    await expect(conductor.recordGraphAct(act, behalf(stranger))).rejects.toMatchObject({
      reasonName: "MODULE_NOT_FOUND",
      fields: [{ field: "module" }],
    });
  });

  test("that its caller gives up is given up there", async () => {
    const gone = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const { conductor } = await given({
      recordGraphAct: async (_, { signal }) => {
        begun.resolve();
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        gone.resolve();
        return {};
      },
    });
    const caller = new AbortController();
    const writing = failureOf(conductor.recordGraphAct(act, { ...behalf(), signal: caller.signal }));
    await begun.promise;
    caller.abort();
    expect(await writing).toMatchObject({ name: "ConnectError" });
    await gone.promise;
  });
});

describe("reading the log", () => {
  test("K1: is the graph's own, with READ everywhere", async () => {
    const { conductor, calls } = await given({
      subscribe: async function* () {
        yield started({ cc: 0 });
      },
    });
    const frames = await Array.fromAsync(conductor.subscribe({ allModules: true }, { signal: behalf().signal }));
    expect(frames).toMatchObject([{ frame: { case: "started" } }]);
    expect(calls[0]!.access.principal).toMatchObject({ name: "graph", kind: PrincipalKind.SERVICE });
    expect([...calls[0]!.access.grants]).toEqual([["*", Verb.READ]]);
  });

  test("K2: goes on with a new token where the old one ran out: no gap, no repeat", async () => {
    const end = new AbortController();
    let streams = 0;
    const { conductor, shown } = await given({
      subscribe: async function* ({ cursors }) {
        const at = Number(cursors[0]?.position ?? 0);
        streams += 1;
        yield started({ cc: at });
        yield batch("cc", at, at + 2);
        throw accessExpired();
      },
    });
    const followed = [];
    const waits: number[] = [];
    const { renews } = conductor;
    for await (const each of follow({
      open: (place, options) => conductor.subscribe({ ...place }, options),
      renews,
      signal: end.signal,
      onState: (state) => void (state.kind === "lost" && waits.push(state.retryInMs)),
    })) {
      followed.push(each);
      if (streams === 3 && each.kind === "event" && each.position === 6) end.abort();
    }
    expect(places(followed)).toEqual(["cc/1", "cc/2", "cc/3", "cc/4", "cc/5", "cc/6"]);
    expect(waits).toEqual([0, 0]);
    expect(shown.map(({ authorization }) => authorization?.startsWith("Bearer ey"))).toEqual([true, true, true]);
  });

  test("has a cursor judged, and leaves the stream", async () => {
    const left = Promise.withResolvers<void>();
    const { conductor, calls } = await given({
      subscribe: async function* (_, { signal }) {
        yield { frame: { case: undefined } };
        yield started({ cc: 3 });
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
        left.resolve();
      },
    });
    await expect(conductor.proveCursor(cursor("cc", 3), behalf().signal)).resolves.toMatchObject(progress("cc", 3));
    await left.promise;
    expect(calls).toHaveLength(1);
  });

  test("a cursor that is refused is refused with how to go on; a stream that says nothing, as an absence", async () => {
    const refusing = await given({
      subscribe: async function* ({ modules }) {
        yield* [];
        throw new CosError(ErrorReason.CURSOR_ABOVE_HEAD, `${modules.length} modules, above the head`);
      },
    });
    await expect(refusing.conductor.proveCursor(cursor("", 3), behalf().signal)).rejects.toMatchObject({
      reasonName: "CURSOR_ABOVE_HEAD",
      message: "0 modules, above the head",
    });
    const mute = await given({
      subscribe: async function* () {
        yield* [];
      },
    });
    await expect(mute.conductor.proveCursor(cursor("cc", 3), behalf().signal)).rejects.toMatchObject({
      reasonName: "ENGINE_UNAVAILABLE",
    });
  });
});

describe("K3: without a key", () => {
  test("the log is read as whoever is on the machine, and acts are refused in a sentence that helps", async () => {
    const { conductor, calls, shown } = await given(
      {
        subscribe: async function* () {
          yield started({ cc: 0 });
        },
      },
      { withKey: false, letsIn: "local" },
    );
    await Array.fromAsync(conductor.subscribe({}, { signal: behalf().signal }));
    expect(calls[0]!.access.principal.name).toBe("local");
    await expect(conductor.recordGraphAct(act, behalf())).rejects.toMatchObject({
      reasonName: "KIND_REFUSED",
      message: expect.stringMatching(/^nothing can be made by hand here: .*COS_GRAPH_SERVICE_KEY/),
    });
    expect(shown.map(({ authorization }) => authorization)).toEqual([undefined, undefined]);
  });
});

describe("a conductor that does not let the graph in", () => {
  test("is told of as its absence, and in the log; the stream is asked for again", async () => {
    const { conductor, lines } = await given({}, { letsIn: "nobody" });
    await expect(conductor.recordGraphAct(act, behalf())).rejects.toMatchObject({
      reasonName: "ENGINE_UNAVAILABLE",
      message: "the conductor does not let this service in (TOKEN_INVALID)",
    });
    expect(lines).toMatchObject([{ reason: "TOKEN_INVALID", msg: expect.stringMatching(/see its policy/) }]);
    const refused = await failureOf(Array.fromAsync(conductor.subscribe({}, { signal: behalf().signal })));
    expect([conductor.renews(refused), conductor.renews(new Error("else"))]).toEqual([true, false]);
  });

  test("and one that is away is named", async () => {
    const conductor = openConductor({ address: "127.0.0.1:1", log: silent });
    opened.push(conductor);
    await expect(conductor.recordGraphAct(act, behalf())).rejects.toMatchObject({
      reasonName: "ENGINE_UNAVAILABLE",
      message: "the conductor does not answer",
    });
  });
});

describe("K4: a token", () => {
  const open = (address: string, withKey = true) => {
    const conductor = openConductor({ address, log: silent, ...(withKey && { serviceKey: privateKey }) });
    opened.push(conductor);
  };

  test("is not sent to another machine openly", () => {
    expect(() => open("conductor.example:50051")).toThrow(SettingsError);
    expect(() => open("http://conductor.example:50051")).toThrow(SettingsError);
  });

  test("is sent to this one, or over TLS; and without one nothing is secret", () => {
    open("127.0.0.1:50051");
    open("https://conductor.example:50051");
    open("conductor.example:50051", false);
    opened.push(openConductor({ address: "conductor.example:50051", tls: {}, log: silent, serviceKey: privateKey }));
    expect(opened).toHaveLength(4);
  });
});

test("what a service called with for somebody bounds what the graph says of them", async () => {
  const { conductor, calls } = await given({ recordGraphAct: async () => ({}) });
  const principal = { name: "ada", kind: PrincipalKind.PERSON, grants: new Map([["*", Verb.ADMIN]]) };
  const via = { name: "health", kind: PrincipalKind.SERVICE, grants: new Map([["pepys", Verb.RECORD]]) };
  await conductor.recordGraphAct(act, behalf(new Access({ principal, via, credential: CredentialKind.SERVICE })));
  expect([...calls[0]!.access.grants]).toEqual([["pepys", Verb.RECORD]]);
});

describe("telling how far the graph has come", () => {
  const says = { projection: "graph", generation: "1", state: ProjectionState.FOLLOWING };

  test("the graph tells of itself, by a token of its own", async () => {
    const { conductor, calls } = await given({ reportProjections: async () => ({}) });
    await conductor.reportProjections?.(says, { signal: new AbortController().signal });
    expect(calls.map(({ access }) => [access.principal.name, access.via?.name])).toEqual([["graph", "graph"]]);
  });

  test("without a key nobody is told", async () => {
    const { conductor } = await given({}, { withKey: false });
    expect(conductor.reportProjections).toBeUndefined();
  });
});
