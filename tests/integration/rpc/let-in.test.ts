import { inspect } from "node:util";
import { Code, type ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { Health } from "#gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { accessExpired, accessRevoked } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { detailOf, fieldsOf, reasonOf } from "#shared/rpc/error-reason.ts";
import { accessWith, EVERYTHING, gateFor, principalWith, TOKEN, WITH_TOKEN } from "#tests/support/rpc/callers.ts";
import { exchange } from "#tests/support/rpc/raw-socket.ts";
import {
  clientOver,
  closeServed,
  collect,
  failureOf,
  from,
  MEMORY,
  type Served,
  STACKS,
  type Stack,
  serve,
  until,
} from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

const MANNERS = ["at once", "after a look-up"] as const;
const EVERY_WAY = STACKS.flatMap((stack) => MANNERS.map((manner) => [stack, manner] as const));
const BOTH_WAYS = ["gRPC", "Connect over HTTP/2"] as const;

function gate(manner: (typeof MANNERS)[number], access = accessWith(EVERYTHING)) {
  return gateFor(access, manner === "after a look-up");
}

/** The transport of a stack, for services beside the conductor's. */
function transportOver(stack: Stack, served: Served): Transport {
  const baseUrl = `http://127.0.0.1:${served.port}`;
  if (stack === "gRPC") return served.openTransport();
  if (stack === "gRPC-Web") return createGrpcWebTransport({ baseUrl, httpVersion: "1.1" });
  return createConnectTransport({ baseUrl, httpVersion: stack === "Connect over HTTP/2" ? "2" : "1.1" });
}

describe.each(EVERY_WAY)("over %s, known %s", (stack, manner) => {
  test.each([
    ["nothing", {}, "TOKEN_MISSING"],
    ["what is no token", { authorization: `Bearer ${TOKEN}x` }, "TOKEN_INVALID"],
  ])(
    "whoever shows %s is refused in words, with the request id, and no handler runs",
    async (_what, headers, reason) => {
      let called = false;
      const served = await serve(
        {
          getMemory: async () => {
            called = true;
            return {};
          },
        },
        { letIn: gate(manner).letIn },
      );
      const options = { headers: { ...headers, "x-request-id": "r-1" } };
      const error = (await failureOf(clientOver(stack, served).getMemory({ position: 1n }, options))) as ConnectError;
      expect(error).toMatchObject({ code: Code.Unauthenticated });
      expect(detailOf(error, ErrorInfoSchema)).toMatchObject({
        reason,
        domain: "cos",
        metadata: { request_id: "r-1" },
      });
      expect(error.metadata.get("x-request-id")).toBe("r-1");
      expect(called).toBe(false);
      await until(() => served.lines.some(({ request_id }) => request_id === "r-1"));
      const line = served.lines.find(({ request_id }) => request_id === "r-1");
      expect(line).toMatchObject({
        method: "cos.conductor.v1.ConductorService/GetMemory",
        code: "UNAUTHENTICATED",
        reason,
        ms: expect.any(Number),
      });
      expect(line).not.toHaveProperty("caller");
      expect(JSON.stringify(served.lines)).not.toContain(TOKEN.slice(8, 20));
      expect(served.server.callsInFlight).toBe(0);
    },
  );

  test("a stream is refused likewise", async () => {
    const served = await serve({}, { letIn: gate(manner).letIn });
    const error = await failureOf(collect(clientOver(stack, served).subscribe({})));
    expect([reasonOf(error), (error as ConnectError).code]).toEqual(["TOKEN_MISSING", Code.Unauthenticated]);
  });

  test("whoever is known is told to the handler and named in the log; the token is in neither", async () => {
    let seen: CallContext | undefined;
    const access = accessWith(EVERYTHING);
    const served = await serve(
      {
        getMemory: async (_request, context) => {
          seen = context;
          return {};
        },
      },
      { letIn: gate(manner, access).letIn },
    );
    await clientOver(stack, served).getMemory({ position: 1n }, WITH_TOKEN);
    expect(seen?.access).toBe(access);
    expect(seen?.scope).toBe(access.scope);
    await until(() => served.lines.some(({ code }) => code === "OK"));
    expect(served.lines.find(({ code }) => code === "OK")).toMatchObject({ caller: "editor-bot" });
    expect(inspect(seen, { depth: 4, showHidden: true })).not.toContain(TOKEN);
    expect(JSON.stringify(served.lines)).not.toContain(TOKEN);
  });

  test("who calls too often is told when to come again", async () => {
    const refused = new CosError(ErrorReason.RATE_LIMITED, "slower, please", { retryAfterMs: 1_500 });
    const letIn = manner === "at once" ? () => raise(refused) : () => Promise.reject(refused);
    const served = await serve({}, { letIn });
    const error = await failureOf(clientOver(stack, served).getMemory({ position: 1n }));
    expect(error).toMatchObject({ code: Code.ResourceExhausted, rawMessage: "slower, please" });
    expect(detailOf(error, RetryInfoSchema)?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
  });

  test("a fault of the gate itself is told with nothing of its inside", async () => {
    const fault = new Error("password of the database");
    const letIn = manner === "at once" ? () => raise(fault) : () => Promise.reject(fault);
    const served = await serve({}, { letIn });
    const error = (await failureOf(clientOver(stack, served).getMemory({ position: 1n }))) as ConnectError;
    expect(error).toMatchObject({ code: Code.Internal });
    expect(error.rawMessage).toMatch(/^internal error; its request id is/);
    await until(() => served.lines.some(({ level, code }) => level === "error" && code === "INTERNAL"));
    expect(JSON.stringify(served.lines)).not.toContain("password");
  });

  test("health is told to anybody, without a look at who asks", async () => {
    const { letIn, shown } = gate(manner);
    const served = await serve({}, { letIn });
    const health = createClient(Health, transportOver(stack, served));
    expect(await health.check({})).toMatchObject({ status: 1 });
    expect(shown).toEqual([]);
  });
});

function raise(error: Error): never {
  throw error;
}

describe.each(STACKS)("what is asked of callers over %s", (stack) => {
  test("comes after the message's own rules, and before the handler", async () => {
    const served = await serve({}, { letIn: gate("at once", accessWith([["cc", Verb.READ]])).letIn });
    const client = clientOver(stack, served);
    const invalid = await failureOf(client.recordMemory({ memory: { ...MEMORY, source: "" } }, WITH_TOKEN));
    expect(reasonOf(invalid)).toBe("INVALID_FIELD");
    const refused = await failureOf(client.recordMemory({ memory: MEMORY }, WITH_TOKEN));
    expect(refused).toMatchObject({ code: Code.PermissionDenied });
    expect(reasonOf(refused)).toBe("RIGHT_MISSING");
    await until(() => served.lines.some(({ reason }) => reason === "RIGHT_MISSING"));
    expect(served.lines.find(({ reason }) => reason === "RIGHT_MISSING")).toMatchObject({ caller: "editor-bot" });
  });

  test("names the item whose module is not there for the caller", async () => {
    const served = await serve({}, { letIn: gate("at once", accessWith([["cc", Verb.RECORD]])).letIn });
    const requests = [{ memory: MEMORY }, { memory: { ...MEMORY, module: "pepys" } }];
    const error = await failureOf(clientOver(stack, served).batchRecordMemories({ requests }, WITH_TOKEN));
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: 'there is no module "pepys"' });
    expect(fieldsOf(error)).toMatchObject([{ field: "requests[1].memory.module" }]);
  });

  test("holds for streams of answers", async () => {
    const access = accessWith([["cc", Verb.RECORD]], PrincipalKind.PERSON);
    const served = await serve({}, { letIn: gate("at once", access).letIn });
    const request = { reason: "asked", selector: { case: "sessionId" as const, value: "s" } };
    const error = await failureOf(collect(clientOver(stack, served).forgetMemories(request, WITH_TOKEN)));
    expect(reasonOf(error)).toBe("RIGHT_MISSING");
  });
});

describe.each(["gRPC", "Connect", "gRPC-Web"] as const)("a page over %s", (stack) => {
  test("is known by its Origin", async () => {
    const { letIn, shown } = gate("at once");
    const served = await serve({}, { letIn, allowedOrigins: ["https://console.example"] });
    const client = clientOver(stack, served);
    await client.getMemory({ position: 1n }, WITH_TOKEN);
    const headers = { ...WITH_TOKEN.headers, origin: "https://console.example" };
    await client.getMemory({ position: 1n }, { headers });
    expect(shown).toMatchObject([
      { authorization: `Bearer ${TOKEN}`, certificateName: undefined, peer: "127.0.0.1", isFromPage: false },
      { isFromPage: true },
    ]);
  });

  test.each(["same-origin", "none"])("that sends no Origin is known by its Sec-Fetch-Site, %s too", async (site) => {
    const { letIn, shown } = gate("at once");
    const served = await serve({}, { letIn });
    const headers = { ...WITH_TOKEN.headers, "sec-fetch-site": site };
    await clientOver(stack, served).getMemory({ position: 1n }, { headers });
    expect(shown).toMatchObject([{ isFromPage: true }]);
  });
});

test("two tokens in one request over HTTP/1.1 are none, and nobody is asked about either", async () => {
  const { letIn, shown } = gate("at once");
  const { port } = await serve({}, { letIn });
  const body = JSON.stringify({ position: "1" });
  const head = [
    "POST /cos.conductor.v1.ConductorService/GetMemory HTTP/1.1",
    "host: localhost",
    "content-type: application/json",
    `content-length: ${body.length}`,
    "connection: close",
  ];
  const token = `authorization: Bearer ${TOKEN}`;
  const once = await exchange(port, [...head, token, "", body].join("\r\n"));
  expect(once.text).toMatch(/^HTTP\/1.1 200/);
  const twice = await exchange(port, [...head, token, "Authorization: Bearer other", "", body].join("\r\n"));
  expect(twice.text).toMatch(/^HTTP\/1.1 401/);
  expect(twice.text).toContain("TOKEN_INVALID");
  expect(shown).toHaveLength(1);
});

describe.each(STACKS)("refusals of strangers over %s", (stack) => {
  test("have a few lines, and one with the number of the rest; who is known has its own", async () => {
    const limits = { strangerLinesMax: 2, strangerLinesIntervalMs: 60_000 };
    const { letIn } = gate("at once", accessWith([]));
    const served = await serve({}, { letIn, limits });
    const client = clientOver(stack, served);
    for (let n = 0; n < 5; n += 1) await failureOf(client.getMemory({ position: 1n }));
    await failureOf(client.recordMemory({ memory: MEMORY }, WITH_TOKEN));
    await until(() => served.lines.some(({ caller }) => caller === "editor-bot"));
    expect(served.lines.filter(({ reason }) => reason === "TOKEN_MISSING")).toHaveLength(2);
    await served.server.close();
    const rest = served.lines.filter(({ msg }) => msg === "more callers were not let in");
    expect(rest).toMatchObject([{ level: "info", calls: 3 }]);
  });
});

describe.each(BOTH_WAYS)("over %s", (stack) => {
  test("reflection answers whoever is let in, whatever their rights, and nobody else", async () => {
    const served = await serve({}, { letIn: gate("at once", accessWith([])).letIn });
    const reflection = createClient(ServerReflection, transportOver(stack, served));
    const asked = () => from({ messageRequest: { case: "listServices" as const, value: "" } });
    expect(await collect(reflection.serverReflectionInfo(asked(), WITH_TOKEN))).toHaveLength(1);
    expect(reasonOf(await failureOf(collect(reflection.serverReflectionInfo(asked()))))).toBe("TOKEN_MISSING");
  });

  test("a stream in both directions is refused before its first message, to who may record nowhere", async () => {
    const served = await serve({}, { letIn: gate("at once", accessWith([["cc", Verb.READ]])).letIn });
    const call = clientOver(stack, served).recordMemories(from({ requests: [{}] }), WITH_TOKEN);
    expect(reasonOf(await failureOf(collect(call)))).toBe("RIGHT_MISSING");
  });

  test("one that is open ends at once when the access does", async () => {
    const access = accessWith([["cc", Verb.RECORD]]);
    const served = await serve({}, { letIn: gate("at once", access).letIn, limits: { farewellMs: 60_000 } });
    const never = Promise.withResolvers<void>();
    async function* requests() {
      yield { requests: [{ memory: MEMORY }] };
      await never.promise;
    }
    const error = await failureOf(
      (async () => {
        for await (const _ of clientOver(stack, served).recordMemories(requests(), WITH_TOKEN)) {
          access.end(accessRevoked());
        }
      })(),
    );
    never.resolve();
    expect(reasonOf(error)).toBe("TOKEN_REVOKED");
    await until(() => served.server.callsInFlight === 0);
    expect(access.isWatched).toBe(false);
  });
});

describe.each(STACKS)("when the access ends, over %s", (stack) => {
  test("a stream of answers may say goodbye itself", async () => {
    const access = accessWith(EVERYTHING);
    const served = await serve(
      {
        subscribe: async function* (_request, context) {
          yield { frame: { case: "started" as const, value: {} } };
          await new Promise<void>((resolve) => context.access.watch({ ended: () => resolve() }));
          await new Promise((resolve) => setTimeout(resolve, 10));
          yield { frame: { case: "goAway" as const, value: {} } };
          throw context.access.ended;
        },
      },
      { letIn: gate("at once", access).letIn, limits: { farewellMs: 60_000 } },
    );
    const cases: unknown[] = [];
    const error = await failureOf(
      (async () => {
        for await (const { frame } of clientOver(stack, served).subscribe({}, WITH_TOKEN)) {
          cases.push(frame.case);
          access.end(accessExpired());
        }
      })(),
    );
    expect(cases).toEqual(["started", "goAway"]);
    expect(reasonOf(error)).toBe("TOKEN_EXPIRED");
  });

  test("one whose handler takes no notice is ended after the farewell, and its signal has fired", async () => {
    const access = accessWith(EVERYTHING);
    let signal: AbortSignal | undefined;
    const served = await serve(
      {
        subscribe: async function* (_request, context) {
          signal = context.signal;
          yield { frame: { case: "started" as const, value: {} } };
          await new Promise(() => {});
        },
      },
      { letIn: gate("at once", access).letIn, limits: { farewellMs: 20 } },
    );
    const error = await failureOf(
      (async () => {
        for await (const _ of clientOver(stack, served).subscribe({}, WITH_TOKEN)) access.end(accessRevoked());
      })(),
    );
    expect(reasonOf(error)).toBe("TOKEN_REVOKED");
    expect(signal?.aborted).toBe(true);
    expect(access.isWatched).toBe(false);
  });

  test("one that began with an access which had ended already is ended too", async () => {
    const access = accessWith(EVERYTHING);
    const { letIn } = gate("at once", access);
    const served = await serve(
      {
        subscribe: () =>
          (async function* () {
            await new Promise(() => {});
            yield {};
          })(),
      },
      {
        letIn: (credentials) => {
          access.end(accessRevoked());
          return letIn(credentials);
        },
        limits: { farewellMs: 5 },
      },
    );
    const error = await failureOf(collect(clientOver(stack, served).subscribe({}, WITH_TOKEN)));
    // Without rights from the start, it may also be told that.
    expect(["TOKEN_REVOKED", "RIGHT_MISSING"]).toContain(reasonOf(error));
  });

  test("a unary call runs to its end", async () => {
    const access = accessWith(EVERYTHING);
    const served = await serve(
      {
        getMemory: async () => {
          access.end(accessRevoked());
          await new Promise((resolve) => setTimeout(resolve, 10));
          return { memory: { text: "done" } };
        },
      },
      { letIn: gate("at once", access).letIn, limits: { farewellMs: 0 } },
    );
    const { memory } = await clientOver(stack, served).getMemory({ position: 1n }, WITH_TOKEN);
    expect(memory?.text).toBe("done");
  });

  test("rights that change are seen by a call that has begun", async () => {
    const access = accessWith(EVERYTHING);
    let modules: unknown;
    const served = await serve(
      {
        getMemory: async (_request, context) => {
          access.update(principalWith([["pepys", Verb.READ]]));
          modules = context.scope.modules;
          return {};
        },
      },
      { letIn: gate("at once", access).letIn },
    );
    await clientOver(stack, served).getMemory({ position: 1n }, WITH_TOKEN);
    expect(modules).toEqual(new Set(["pepys"]));
  });
});
