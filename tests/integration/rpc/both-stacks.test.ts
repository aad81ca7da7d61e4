import { create, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { CursorFaultsSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { ErrorInfoSchema, ResourceInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { detailOf, fieldsOf, reasonOf } from "#shared/rpc/error-reason.ts";
import {
  clientOver,
  closeServed,
  collect,
  failureOf,
  from,
  MEMORY,
  STACKS,
  serve,
  until,
} from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

describe.each(STACKS)("over %s", (stack) => {
  test("a unary call is answered", async () => {
    const served = await serve();
    const { memory } = await clientOver(stack, served).recordMemory({ memory: { ...MEMORY, text: "naïve 𝄞" } });
    expect(memory?.text).toBe("naïve 𝄞");
  });

  test("a server stream arrives in order, and bytes that were encoded before arrive like messages", async () => {
    const served = await serve({
      subscribe: async function* () {
        yield { frame: { case: "started", value: {} } };
        const encoded = toBinary(
          SubscribeResponseSchema,
          create(SubscribeResponseSchema, { frame: { case: "checkpoint", value: {} } }),
        );
        const frame = { encoded };
        yield frame;
        yield frame;
      },
    });
    const frames = await collect(clientOver(stack, served).subscribe({}));
    expect(frames.map(({ frame }) => frame.case)).toEqual(["started", "checkpoint", "checkpoint"]);
  });

  test("the request id is the caller's, in the context and in the answer", async () => {
    let seen: CallContext | undefined;
    const served = await serve({
      getMemory: async (_request, context) => {
        seen = context;
        return {};
      },
    });
    let answered: Headers | undefined;
    await clientOver(stack, served).getMemory(
      { position: 1n },
      {
        headers: { "x-request-id": "mine-1", traceparent: TRACEPARENT },
        onHeader: (headers) => {
          answered = headers;
        },
      },
    );
    expect(seen).toMatchObject({ requestId: "mine-1", traceId: TRACEPARENT.slice(3, 35), traceparent: TRACEPARENT });
    expect(answered?.get("x-request-id")).toBe("mine-1");
    expect(answered?.get("traceparent")).toBe(TRACEPARENT);
  });

  test("a stream answers with the request id in its headers", async () => {
    const served = await serve();
    let answered: Headers | undefined;
    const onHeader = (headers: Headers) => {
      answered = headers;
    };
    await collect(clientOver(stack, served).subscribe({}, { headers: { "x-request-id": "mine-2" }, onHeader }));
    expect(answered?.get("x-request-id")).toBe("mine-2");
  });

  test("a broken rule names its field, and the handler is not called", async () => {
    let called = false;
    const served = await serve({
      batchRecordMemories: async () => {
        called = true;
        return {};
      },
    });
    const requests = [{ memory: MEMORY }, { memory: { ...MEMORY, tags: ["a", "b", "c", ""] } }];
    const error = await failureOf(clientOver(stack, served).batchRecordMemories({ requests }));
    expect(error).toMatchObject({ code: Code.InvalidArgument });
    expect(reasonOf(error)).toBe("INVALID_FIELD");
    expect(fieldsOf(error).map(({ field }) => field)).toEqual(["requests[1].memory.tags[3]"]);
    expect(called).toBe(false);
  });

  test("a refusal brings its reason, details and non-ASCII message", async () => {
    const served = await serve({
      getMemory: async () => {
        throw new CosError(ErrorReason.CURSOR_PAST_FORK, "über 100 % — 日本", {
          resource: { type: "memory", name: "größe" },
          retryAfterMs: 1_500,
          details: [{ desc: CursorFaultsSchema, value: create(CursorFaultsSchema, { faults: [{}] }) }],
        });
      },
    });
    const error = await failureOf(
      clientOver(stack, served).getMemory({ position: 1n }, { headers: { "x-request-id": "r-1" } }),
    );
    expect(error).toMatchObject({ code: Code.DataLoss, rawMessage: "über 100 % — 日本" });
    expect(detailOf(error, ErrorInfoSchema)).toMatchObject({
      reason: "CURSOR_PAST_FORK",
      domain: "cos",
      metadata: { request_id: "r-1" },
    });
    expect(detailOf(error, ResourceInfoSchema)).toMatchObject({ resourceType: "memory", resourceName: "größe" });
    expect(detailOf(error, RetryInfoSchema)?.retryDelay).toMatchObject({ seconds: 1n, nanos: 500_000_000 });
    expect(detailOf(error, CursorFaultsSchema)?.faults).toHaveLength(1);
    expect((error as ConnectError).metadata.get("x-request-id")).toBe("r-1");
  });

  test("an unknown error tells its request id and nothing of its inside", async () => {
    const served = await serve({
      getMemory: async () => {
        throw new Error("duplicate key: Key (text)=(my secret)");
      },
    });
    const error = (await failureOf(
      clientOver(stack, served).getMemory({ position: 1n }, { headers: { "x-request-id": "r-2" } }),
    )) as ConnectError;
    expect(error).toMatchObject({ code: Code.Internal, rawMessage: "internal error; its request id is r-2" });
    expect(reasonOf(error)).toBe("INTERNAL");
    const line = served.lines.find(({ request_id }) => request_id === "r-2");
    expect(line).toMatchObject({ level: "error", code: "INTERNAL", err: { type: "Error" } });
    expect(JSON.stringify(served.lines)).not.toContain("secret");
  });

  test("a stream that fails later has delivered what came before", async () => {
    const served = await serve({
      subscribe: async function* () {
        yield { frame: { case: "started", value: {} } };
        yield { frame: { case: "goAway", value: {} } };
        throw new CosError(ErrorReason.DRAINING, "away");
      },
    });
    const cases: unknown[] = [];
    const error = await failureOf(
      (async () => {
        for await (const { frame } of clientOver(stack, served).subscribe({})) {
          cases.push(frame.case);
          await new Promise((resolve) => setTimeout(resolve, 20));
        }
      })(),
    );
    expect(cases).toEqual(["started", "goAway"]);
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(reasonOf(error)).toBe("DRAINING");
  });

  test("a deadline ends a unary call whose handler takes no notice", async () => {
    const served = await serve({ getMemory: () => new Promise(() => {}) });
    const error = await failureOf(clientOver(stack, served).getMemory({ position: 1n }, { timeoutMs: 60 }));
    expect(error).toMatchObject({ code: Code.DeadlineExceeded });
  });

  test("the deadline reaches the handler, as a time and as a signal", async () => {
    let leftMs = 0;
    let reason: unknown;
    const served = await serve({
      getMemory: (_request, { deadlineMs, signal }) => {
        leftMs = deadlineMs - Date.now();
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(signal.reason);
          });
        });
      },
    });
    await failureOf(clientOver(stack, served).getMemory({ position: 1n }, { timeoutMs: 80 }));
    await until(() => reason !== undefined);
    expect(leftMs).toBeGreaterThan(0);
    expect(leftMs).toBeLessThanOrEqual(80);
    // The client's own timer may be the first to go off.
    expect([Code.DeadlineExceeded, Code.Canceled]).toContain((reason as ConnectError).code);
  });

  test("a unary call without a deadline gets the default", async () => {
    const served = await serve({ getMemory: () => new Promise(() => {}) }, { defaultDeadlineMs: 40 });
    const error = await failureOf(clientOver(stack, served).getMemory({ position: 1n }));
    expect(error).toMatchObject({ code: Code.DeadlineExceeded, rawMessage: "the deadline has passed" });
  });

  test("a deadline that is too far away is cut, not refused", async () => {
    let deadlineMs = 0;
    const served = await serve(
      {
        getMemory: async (_request, context) => {
          deadlineMs = context.deadlineMs;
          return {};
        },
      },
      { deadlineMaxMs: 5_000 },
    );
    await clientOver(stack, served).getMemory({ position: 1n }, { timeoutMs: 99_000_000 });
    expect(deadlineMs - Date.now()).toBeLessThanOrEqual(5_000);
  });

  test("canceling a unary call reaches the handler", async () => {
    let isRunning = false;
    let reason: unknown;
    const served = await serve({
      getMemory: (_request, { signal }) => {
        isRunning = true;
        return new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            reason = signal.reason;
            reject(new DOMException("stop", "AbortError"));
          });
        });
      },
    });
    const canceler = new AbortController();
    const call = failureOf(clientOver(stack, served).getMemory({ position: 1n }, { signal: canceler.signal }));
    await until(() => isRunning);
    canceler.abort();
    expect(await call).toMatchObject({ code: Code.Canceled });
    await until(() => reason !== undefined);
    expect(reason).toMatchObject({ code: Code.Canceled });
    await until(() => served.lines.some(({ code }) => code === "CANCELED"));
    expect(served.server.callsInFlight).toBe(0);
  });

  test("leaving a stream returns its generator, though it waits", async () => {
    let returned = false;
    let aborted = false;
    const served = await serve({
      subscribe: async function* (_request, { signal }) {
        try {
          yield { frame: { case: "started" as const, value: {} } };
          await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
          aborted = true;
        } finally {
          returned = true;
        }
      },
    });
    const canceler = new AbortController();
    const call = (async () => {
      for await (const _ of clientOver(stack, served).subscribe({}, { signal: canceler.signal })) {
        canceler.abort();
      }
    })();
    expect(await failureOf(call)).toMatchObject({ code: Code.Canceled });
    await until(() => returned);
    expect(aborted).toBe(true);
    await until(() => served.server.callsInFlight === 0);
  });

  test("what only the server sets is cleared before the rules are checked", async () => {
    const served = await serve();
    const { memory } = await clientOver(stack, served).recordMemory({
      memory: { ...MEMORY, id: "not a uuid", position: -5n, requestId: "x", recordedAt: { seconds: 1n, nanos: 1 } },
    });
    expect(memory).toMatchObject({ id: "", position: 0n, requestId: "" });
    expect(memory?.recordedAt).toBeUndefined();
  });

  test("a message over the limit is RESOURCE_EXHAUSTED", async () => {
    const served = await serve({}, { limits: { messageBytesMax: 10_000 } });
    const error = await failureOf(
      clientOver(stack, served).recordMemory({ memory: { ...MEMORY, text: "x".repeat(20_000) } }),
    );
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
  });

  test("each call has one line in the log: names and figures, no content", async () => {
    const served = await serve();
    const client = clientOver(stack, served);
    await client.recordMemory({ memory: { ...MEMORY, text: "my diary" } }, { headers: { traceparent: TRACEPARENT } });
    await collect(client.subscribe({}));
    await until(() => served.lines.filter(({ code }) => code === "OK").length === 2);
    const [unary, stream] = served.lines.filter(({ code }) => code !== undefined);
    expect(unary).toMatchObject({
      level: "debug",
      method: "cos.conductor.v1.ConductorService/RecordMemory",
      code: "OK",
      trace_id: TRACEPARENT.slice(3, 35),
      ms: expect.any(Number),
    });
    expect(stream).toMatchObject({ level: "info", code: "OK", msg: "stream ended" });
    expect(JSON.stringify(served.lines)).not.toContain("diary");
  });
});

describe.each(["gRPC", "Connect over HTTP/2"] as const)("a stream in both directions over %s", (stack) => {
  test("answers each message as it comes, and ends when the caller has ended", async () => {
    const served = await serve();
    const requests = from({ requests: [{}] }, { requests: [{}, {}] });
    const answers = await collect(clientOver(stack, served).recordMemories(requests));
    expect(answers.map(({ firstIndex }) => firstIndex)).toEqual([1n, 2n]);
  });

  test("a message that breaks a rule ends it, after the answers to those before", async () => {
    const served = await serve();
    const answers: bigint[] = [];
    const error = await failureOf(
      (async () => {
        const requests = from({ requests: [{}] }, { requests: [] }, { requests: [{}] });
        for await (const { firstIndex } of clientOver(stack, served).recordMemories(requests)) {
          answers.push(firstIndex);
        }
      })(),
    );
    expect(answers).toEqual([1n]);
    expect(fieldsOf(error)).toMatchObject([{ field: "requests" }]);
  });

  test("the caller is paced: what is not pulled is not sent", async () => {
    let pulled = 0;
    const served = await serve({
      recordMemories: async function* (requests, { signal }) {
        for await (const _ of requests) {
          pulled += 1;
          if (pulled === 2) {
            await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
            return;
          }
          yield {};
        }
      },
    });
    let sent = 0;
    const text = "x".repeat(500_000);
    async function* requests() {
      for (; sent < 200; sent += 1) {
        yield { requests: [{ memory: { ...MEMORY, text } }] };
      }
    }
    const canceler = new AbortController();
    const call = failureOf(collect(clientOver(stack, served).recordMemories(requests(), { signal: canceler.signal })));
    await until(() => pulled === 2);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(sent).toBeLessThan(30);
    canceler.abort();
    expect(await call).toMatchObject({ code: Code.Canceled });
  });
});

test("over HTTP/1.1 a stream in both directions is refused in words", async () => {
  const served = await serve();
  const error = await failureOf(collect(clientOver("Connect", served).recordMemories(from({ requests: [{}] }))));
  expect(error).toBeInstanceOf(ConnectError);
});
