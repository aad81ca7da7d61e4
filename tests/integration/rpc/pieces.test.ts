import { EventEmitter } from "node:events";
import type { ServerHttp2Stream } from "node:http2";
import { create, type DescMessage, fromBinary, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createContextValues, createHandlerContext } from "@connectrpc/connect";
import type { ServerInterceptingCallInterface } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  ConductorService,
  RecordMemoryRequestSchema,
  SubscribeResponseSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { HealthListResponseSchema } from "#gen/grpc/health/v1/health_pb.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { openLog } from "#shared/log/open-log.ts";
import { bindService, type Handlers } from "#shared/rpc/bind-service.ts";
import { CallsInFlight } from "#shared/rpc/calls-in-flight.ts";
import { arrivalOf, ConnectCall } from "#shared/rpc/connect-call.ts";
import type { Edge } from "#shared/rpc/edge.ts";
import { encodeAnswer } from "#shared/rpc/encode-answer.ts";
import { detailOf, reasonOf } from "#shared/rpc/error-reason.ts";
import { findJsonFault } from "#shared/rpc/find-json-fault.ts";
import { compileEnumFinder } from "#shared/rpc/find-unknown-enum.ts";
import { GrpcWire } from "#shared/rpc/grpc-wire.ts";
import { DEFAULT_LIMITS } from "#shared/rpc/limits.ts";
import { RequestWatch } from "#shared/rpc/request-watch.ts";
import { scrubMessage } from "#shared/rpc/scrub-message.ts";
import { StallWatch } from "#shared/rpc/stall-watch.ts";
import { StrangerLines } from "#shared/rpc/stranger-lines.ts";
import { toWireError } from "#shared/rpc/to-wire-error.ts";
import { frame, openSocket, PREFACE } from "#tests/support/rpc/raw-socket.ts";
import { closeServed, failureOf, MEMORY, serve, until } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

describe("faults in JSON", () => {
  const faultOf = (desc: DescMessage, json: JsonValue) => findJsonFault(desc, json);

  test("in a map they are found by key", () => {
    expect(faultOf(HealthListResponseSchema, { statuses: { ok: {}, "a b": { status: true } } })).toMatchObject({
      field: 'statuses["a b"].status',
      description: expect.stringContaining("NOT_SERVING"),
    });
    expect(faultOf(ErrorInfoSchema, { metadata: { x: 5 } })).toMatchObject({ field: 'metadata["x"]' });
    expect(faultOf(ErrorInfoSchema, { metadata: [] })).toEqual({ field: "metadata", description: "must be an object" });
  });

  test("two members of a oneof are no fault of a field", () => {
    expect(faultOf(SubscribeResponseSchema, { started: {}, batch: {} })).toBeUndefined();
  });
});

describe("unknown enum names", () => {
  test("are found in maps, and not where there are none", () => {
    const find = compileEnumFinder(HealthListResponseSchema);
    expect(find?.('{"statuses":{"x":{"status":"SERVING"},"y":{"status":"FINE"}}}')).toMatchObject({
      field: 'statuses["y"].status',
    });
    expect(find?.('{"statuses":{"x":{"status":1}}}')).toBeUndefined();
    expect(find?.('{"statuses":{"x":null,"status":"y"}}')).toBeUndefined();
    expect(find?.('{"statuses":[],"status":"y"}')).toBeUndefined();
    expect(find?.('{"no JSON "status"')).toBeUndefined();
    expect(compileEnumFinder(ErrorInfoSchema)).toBeUndefined();
    expect(compileEnumFinder(StructSchema)).toBeUndefined();
  });

  test("a list that is none, and a field that nobody knows, are not their business", () => {
    const find = compileEnumFinder(RecordMemoryRequestSchema);
    expect(find?.('{"view":"MEMORY_VIEW_FULL","memory":{"tags":5},"what":"view"}')).toBeUndefined();
  });
});

describe("answers", () => {
  const message = create(RecordMemoryRequestSchema, { idempotencyKey: "k" });
  const bytes = toBinary(RecordMemoryRequestSchema, message);

  test("messages, parts of messages and bytes become the same bytes", () => {
    for (const answer of [message, { idempotencyKey: "k" }, { encoded: bytes }, { encoded: Buffer.from(bytes) }]) {
      expect(encodeAnswer(RecordMemoryRequestSchema, answer).equals(bytes)).toBe(true);
    }
  });

  test("bytes are not copied", () => {
    const encoded = Buffer.from(bytes);
    expect(encodeAnswer(RecordMemoryRequestSchema, { encoded })).toBe(encoded);
  });

  test("values in a map are judged too", () => {
    const response = create(HealthListResponseSchema, { statuses: { a: {} } });
    expect(scrubMessage(HealthListResponseSchema, response)).toEqual([]);
    expect(fromBinary(HealthListResponseSchema, toBinary(HealthListResponseSchema, response)).statuses).toHaveProperty(
      "a",
    );
  });
});

describe("errors on the wire", () => {
  test("long and broken texts are cut and mended: their trailers must arrive", () => {
    const error = toWireError(
      new CosError(ErrorReason.OVERLOADED, `${"x".repeat(2_000)}\ud800`, { retryAfterMs: -5 }),
      "r",
    );
    expect(error.rawMessage).toHaveLength(1_000);
    expect(toWireError(new CosError(ErrorReason.OVERLOADED, "a\ud800"), "r").rawMessage).toBe("a\ufffd");
  });

  test("the error of another server is passed on as it came, details too", async () => {
    const theirs = await serve({
      getMemory: async () => {
        throw new CosError(ErrorReason.MEMORY_NOT_FOUND, "no memory", { resource: { type: "memory", name: "x" } });
      },
    });
    const ours = await serve({ getMemory: (request) => theirs.client.getMemory(request) });
    const error = await failureOf(ours.client.getMemory({ position: 1n }));
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "no memory" });
    expect(reasonOf(error)).toBe("MEMORY_NOT_FOUND");
    expect(detailOf(error, ErrorInfoSchema)?.domain).toBe("cos");
  });

  test("one that is too long is cut, and keeps what else it says", async () => {
    const theirs = new ConnectError("x".repeat(2_000), Code.NotFound, { trace: "t" }, [
      { desc: ErrorInfoSchema, value: { domain: "cos", reason: "X" } },
    ]);
    const ours = toWireError(theirs, "r");
    expect(ours.rawMessage).toHaveLength(1_000);
    expect([ours.code, ours.metadata.get("trace"), reasonOf(ours)]).toEqual([Code.NotFound, "t", "X"]);
  });

  test("an error of another domain has no reason of ours", () => {
    const value = create(ErrorInfoSchema, { domain: "else", reason: "X" });
    const error = new ConnectError("x", Code.Internal, undefined, [{ desc: ErrorInfoSchema, value }]);
    expect(reasonOf(error)).toBeUndefined();
  });
});

describe("a call that is over before its handler knows", () => {
  test("a signal asked for after the deadline has fired already", async () => {
    let reason: unknown;
    const { client } = await serve(
      {
        getMemory: async (_request, context) => {
          await new Promise((resolve) => setTimeout(resolve, 60));
          reason = context.signal.reason;
          return {};
        },
      },
      { defaultDeadlineMs: 10 },
    );
    expect(await failureOf(client.getMemory({ position: 1n }))).toMatchObject({ code: Code.DeadlineExceeded });
    await until(() => reason !== undefined);
    expect(reason).toMatchObject({ code: Code.DeadlineExceeded });
  });

  test("a caller that left without anybody listening is logged as CANCELED, asked for or not", async () => {
    for (const asks of [false, true]) {
      const { promise: left, resolve: leave } = Promise.withResolvers<void>();
      let isRunning = false;
      let wasAborted: boolean | undefined;
      const served = await serve({
        getMemory: async (_request, context) => {
          isRunning = true;
          await left;
          wasAborted = asks ? context.signal.aborted : true;
          return {};
        },
      });
      const canceler = new AbortController();
      const call = failureOf(served.client.getMemory({ position: 1n }, { signal: canceler.signal }));
      await until(() => isRunning);
      canceler.abort();
      await call;
      // The cancellation has to cross the loopback first.
      await new Promise((resolve) => setTimeout(resolve, 50));
      leave();
      await until(() => served.lines.some(({ code }) => code === "CANCELED"));
      expect(wasAborted).toBe(true);
    }
  });

  test("a stream in both directions that is reset has not ended: its requests throw", async () => {
    let thrown: unknown;
    let isWaiting = false;
    const served = await serve({
      recordMemories: async function* (requests) {
        yield {};
        try {
          isWaiting = true;
          for await (const _ of requests) {
            // None comes.
          }
        } catch (error) {
          thrown = error;
          throw error;
        }
      },
    });
    const headers = [
      [":method", "POST"],
      [":scheme", "http"],
      [":path", "/cos.conductor.v1.ConductorService/RecordMemories"],
      [":authority", "localhost"],
      ["content-type", "application/grpc"],
    ] as const;
    // Literals without indexing (RFC 7541, 6.2.2).
    const text = (value: string) => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
    const block = Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
    const socket = await openSocket(served.port);
    const END_HEADERS = 4;
    socket.write(Buffer.concat([Buffer.from(PREFACE), frame(4, 0, 0), frame(1, END_HEADERS, 1, block)]));
    await until(() => isWaiting);
    socket.write(frame(3, 0, 1, Buffer.from([0, 0, 0, 8])));
    await until(() => thrown !== undefined);
    expect(thrown).toMatchObject({ code: Code.Canceled });
    await until(() => served.server.callsInFlight === 0);
    socket.destroy();
  });
});

describe("the wire of a stream whose caller is gone", () => {
  test("sends nothing, waits for nothing and has nothing to pull", async () => {
    const sent: unknown[] = [];
    let listener: Parameters<ServerInterceptingCallInterface["start"]>[0] | undefined;
    const call = {
      start: (given: typeof listener) => {
        listener = given;
      },
      sendMessage: (message: unknown) => sent.push(message),
      startRead: () => {},
    } as unknown as ServerInterceptingCallInterface;
    const wire = new GrpcWire(call, undefined, 10, () => {});
    const noop = () => {};
    wire.start({ onReceiveMetadata: noop, onReceiveMessage: noop, onReceiveHalfClose: noop, onCancel: noop });
    wire.send(Buffer.alloc(20));
    const room = wire.room(20);
    const pulled = wire.pull();
    expect(wire.isGone).toBe(false);
    listener?.onCancel();
    await room;
    expect(await pulled).toBeUndefined();
    expect(await wire.pull()).toBeUndefined();
    wire.send(Buffer.alloc(20));
    wire.reset();
    expect(sent).toHaveLength(1);
    expect(wire.isGone).toBe(true);
  });
});

describe("calls in flight", () => {
  test("with none there is nothing to wait for, and leaving twice is leaving once", async () => {
    const calls = new CallsInFlight();
    await calls.drained();
    const call = { abort: () => {}, drain: () => {} };
    calls.enter(call);
    calls.leave(call);
    calls.leave(call);
    expect(calls.count).toBe(0);
    calls.enter(call);
    const drained = Promise.all([calls.drained(), calls.drained()]);
    calls.leave(call);
    await drained;
  });
});

describe("requests whose message does not come", () => {
  class FakeStream extends EventEmitter {
    isCut = false;
    close(): void {
      this.isCut = true;
    }
  }

  test("are cut; one whose stream is closed already is kept no longer", async () => {
    const watch = new RequestWatch(0, 1);
    const [closed, late] = [new FakeStream(), new FakeStream()];
    for (const stream of [closed, late]) {
      watch.enter(stream as unknown as ServerHttp2Stream);
    }
    closed.emit("close");
    await until(() => late.isCut);
    expect(closed.isCut).toBe(false);
    watch.close();
  });
});

describe("a call over Connect", () => {
  const edge: Edge = {
    log: openLog({ service: "test", level: "silent", to: { write: () => {} } }),
    limits: DEFAULT_LIMITS,
    letIn: () => localAccess(),
    calls: new CallsInFlight(),
    stalls: new StallWatch(1_000),
    requests: new RequestWatch(1_000, 1_000),
    strangers: new StrangerLines(openLog({ service: "test", level: "silent" }), 1, 1_000),
  };
  const handlers = new Proxy({}, { get: () => () => {} }) as Handlers<typeof ConductorService>;
  const [method] = bindService(ConductorService, handlers).methods;
  const head = { requestId: "r", traceparent: "", timeoutMs: undefined };

  test("whose caller left before it began is canceled from the start", async () => {
    const context = createHandlerContext({
      service: ConductorService,
      method: ConductorService.method.recordMemory,
      protocolName: "connect",
      requestMethod: "POST",
      url: "http://localhost/",
      requestSignal: AbortSignal.abort(),
    });
    const gone = { head, request: {} as never, response: {} as never, atMs: 0, access: localAccess(), hasCall: false };
    const call = new ConnectCall(edge, method!, context, gone);
    expect(call.signal.aborted).toBe(true);
    expect(await failureOf(call.race(Promise.resolve(MEMORY)))).toMatchObject({ code: Code.Canceled });
    call.close();
    call.close();
    call.cancel();
    expect(edge.calls.count).toBe(0);
  });

  test("that did not come through the gate is a mistake", () => {
    const context = { values: createContextValues() } as Parameters<typeof arrivalOf>[0];
    expect(() => arrivalOf(context)).toThrow("past the front gate");
  });
});

test("lines below the log's level are not made", async () => {
  const lines: string[] = [];
  const log = openLog({ service: "test", level: "warn", to: { write: (line: string) => void lines.push(line) } });
  const { client } = await serve({}, { log });
  await client.recordMemory({ memory: MEMORY });
  expect(lines).toEqual([]);
});
