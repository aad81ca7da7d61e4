import { request as requestHttp1 } from "node:http";
import { connect as connectHttp2, constants } from "node:http2";
import type { Socket } from "node:net";
import { createClient } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Health } from "#gen/grpc/health/v1/health_pb.ts";
import { bindService } from "#shared/rpc/bind-service.ts";
import { RequestWatch } from "#shared/rpc/request-watch.ts";
import { accessWith, EVERYTHING, gateFor, TOKEN, WITH_TOKEN } from "#tests/support/rpc/callers.ts";
import { closeServed, collect, failureOf, from, MEMORY, type Served, serve, until } from "#tests/support/rpc/serve.ts";

const closers: (() => void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) close();
  await closeServed();
});

const RECORD = "/cos.conductor.v1.ConductorService/RecordMemory";
const BULK = "/cos.conductor.v1.ConductorService/RecordMemories";
const MEBIBYTE = 1024 * 1024;
/** What HTTP/2 lets through before anything is taken: two windows, since Node keeps one for itself; and some heads. */
const WINDOW_BYTES = 200_000;

interface Answer {
  readonly headers: Record<string, unknown>;
  readonly resetCode: number;
  /** What left this machine's side of the connection. */
  readonly sentBytes: number;
}

/** Sends headers and, without an end, this body; what comes back, as soon as the answer is over. */
function sendStalled(served: Served, headers: Record<string, string>, body: Buffer): Promise<Answer> {
  const session = connectHttp2(`http://127.0.0.1:${served.port}`);
  closers.push(() => session.destroy());
  let socket: Socket | undefined;
  session.once("connect", (_session, connected) => {
    socket = connected as Socket;
  });
  const stream = session.request({ ":method": "POST", te: "trailers", ...headers });
  stream.on("error", () => {});
  stream.write(body);
  return new Promise((resolve) => {
    let given: Record<string, unknown> = {};
    const finish = () => resolve({ headers: given, resetCode: stream.rstCode, sentBytes: socket?.bytesWritten ?? 0 });
    stream.on("response", (received) => {
      given = { ...received };
    });
    // Connect's stream goes on waiting for our end: its answer is over all the same.
    stream.on("end", () => given["grpc-status"] === undefined && finish());
    stream.on("close", finish);
    stream.resume();
  });
}

/** An envelope that announces so many bytes. */
function envelope(length: number, isCompressed = false): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(isCompressed ? 1 : 0);
  head.writeUInt32BE(length, 1);
  return head;
}

describe.each([
  ["at once", false],
  ["after a look-up", true],
] as const)("a refusal, known %s", (_manner, later) => {
  const { letIn } = gateFor(accessWith(EVERYTHING), later);
  const grpc = {
    "content-type": "application/grpc",
    "x-request-id": "r-1",
    traceparent: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`,
  };

  test.each([
    ["that stalls before its first byte", Buffer.alloc(0)],
    ["that stalls in the middle", Buffer.concat([envelope(1_000), Buffer.alloc(10)])],
    ["of 4 MiB", Buffer.concat([envelope(4 * MEBIBYTE - 5), Buffer.alloc(4 * MEBIBYTE - 5)])],
  ])("over gRPC does not wait for a body %s, and takes no more of it", async (_what, body) => {
    const served = await serve({}, { letIn });
    const answer = await sendStalled(served, { ":path": RECORD, ...grpc }, body);
    expect(answer.headers).toMatchObject({
      ":status": 200,
      "content-type": "application/grpc+proto",
      "grpc-status": "16",
      "grpc-message": expect.stringContaining("needs%20a%20token"),
      "grpc-status-details-bin": expect.any(String),
      "x-request-id": "r-1",
      traceparent: grpc.traceparent,
    });
    expect(answer.resetCode).toBe(constants.NGHTTP2_NO_ERROR);
    expect(answer.sentBytes).toBeLessThan(WINDOW_BYTES);
  });

  test("over gRPC decompresses nothing: what is no gzip is refused for its caller", async () => {
    const served = await serve({}, { letIn });
    const headers = { ":path": RECORD, ...grpc, "grpc-encoding": "gzip" };
    const body = Buffer.concat([envelope(4, true), Buffer.from("bomb")]);
    expect((await sendStalled(served, headers, body)).headers["grpc-status"]).toBe("16");
  });

  test("over gRPC is the same for streams in both directions", async () => {
    const served = await serve({}, { letIn });
    expect((await sendStalled(served, { ":path": BULK, ...grpc }, Buffer.alloc(0))).headers["grpc-status"]).toBe("16");
  });

  test.each([
    ["Connect", "application/proto", 401],
    ["Connect in JSON", "application/json", 401],
    ["Connect's streams", "application/connect+proto", 200],
    ["gRPC-Web", "application/grpc-web+proto", 200],
  ])("over %s does not wait for a body, of either HTTP", async (_stack, type, status) => {
    const served = await serve({}, { letIn });
    const path = type.includes("connect+") ? "/cos.conductor.v1.ConductorService/Subscribe" : RECORD;
    const headers = { "content-type": type, "content-encoding": "gzip", "x-request-id": "r-2" };
    const second = await sendStalled(served, { ":path": path, ...headers }, Buffer.from("bomb"));
    expect(second.headers).toMatchObject({ ":status": status, "x-request-id": "r-2" });
    const first = await new Promise<{ status: number | undefined; text: string }>((resolve) => {
      const url = { host: "127.0.0.1", port: served.port, method: "POST", path };
      const request = requestHttp1({ ...url, headers: { ...headers, "content-length": "1000" } }, (response) => {
        let text = "";
        response.on("data", (chunk) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode, text }));
      });
      closers.push(() => request.destroy());
      request.on("error", () => {});
      request.write("bomb");
    });
    expect(first.status).toBe(status);
    await until(() => served.lines.filter(({ reason }) => reason === "TOKEN_MISSING").length === 2);
    if (type === "application/json") {
      expect(JSON.parse(first.text)).toMatchObject({
        code: "unauthenticated",
        details: [{ type: "google.rpc.ErrorInfo", debug: { reason: "TOKEN_MISSING" } }],
      });
    }
  });
});

describe("a caller who leaves while it is found out who that is", () => {
  test.each([
    ["a unary call", RECORD],
    ["a stream", BULK],
  ])("reaches no handler with %s, let in or refused", async (_what, path) => {
    let called = 0;
    const found = Promise.withResolvers<void>();
    const access = accessWith(EVERYTHING);
    let [asked, answered] = [0, 0];
    const served = await serve(
      {
        recordMemory: async () => {
          called += 1;
          return {};
        },
        recordMemories: async function* () {
          called += 1;
          yield {};
        },
      },
      {
        letIn: async () => {
          asked += 1;
          await found.promise;
          answered += 1;
          if (answered === 1) throw new Error("no");
          return access;
        },
      },
    );
    const session = connectHttp2(`http://127.0.0.1:${served.port}`);
    for (const _ of [1, 2]) {
      const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
      stream.on("error", () => {});
      stream.end(Buffer.concat([envelope(0)]));
    }
    await until(() => asked === 2);
    session.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
    found.resolve();
    await until(() => answered === 2);
    await new Promise((resolve) => setImmediate(resolve));
    expect(called).toBe(0);
    expect(served.server.callsInFlight).toBe(0);
    expect(access.isWatched).toBe(false);
  });
});

describe("what the edge keeps of requests", () => {
  test("is nothing, once they are answered, refused or gone", async () => {
    const watches = new Set<RequestWatch>();
    const { enter } = RequestWatch.prototype;
    RequestWatch.prototype.enter = function (stream) {
      watches.add(this);
      return enter.call(this, stream);
    };
    try {
      for (const later of [false, true]) {
        const served = await serve({}, { letIn: gateFor(accessWith(EVERYTHING), later).letIn });
        await served.client.recordMemory({ memory: MEMORY }, WITH_TOKEN);
        await collect(served.client.recordMemories(from({ requests: [{}] }), WITH_TOKEN));
        await failureOf(served.client.recordMemory({ memory: MEMORY }));
        await failureOf(collect(served.client.subscribe({})));
        await sendStalled(served, { ":path": RECORD, "content-type": "application/grpc" }, envelope(10));
      }
      expect(watches.size).toBe(2);
      await until(() => [...watches].every(({ count }) => count === 0));
    } finally {
      RequestWatch.prototype.enter = enter;
    }
  });
});

test("a caller cannot make a number of a request up", async () => {
  const access = accessWith(EVERYTHING);
  const served = await serve({}, { letIn: gateFor(access).letIn });
  await served.client.recordMemory({ memory: MEMORY }, WITH_TOKEN);
  const headers = { "cos-request": "1", authorization: `Bearer ${TOKEN}!` };
  await failureOf(served.client.recordMemory({ memory: MEMORY }, { headers }));
  expect(served.lines.filter(({ code }) => code !== undefined).map(({ code }) => code)).toEqual([
    "OK",
    "UNAUTHENTICATED",
  ]);
});

test("a method that is not there is told apart from nobody", async () => {
  const served = await serve({}, { letIn: gateFor(accessWith(EVERYTHING)).letIn });
  const path = "/cos.conductor.v1.ConductorService/Nothing";
  const { headers } = await sendStalled(served, { ":path": path, "content-type": "application/grpc" }, Buffer.alloc(0));
  expect(headers["grpc-status"]).toBe("12");
});

test("a service whose contract says nothing of rights is not bound, unless it is said to whom it is open", async () => {
  const handlers = { check: async () => ({}), list: async () => ({}), watch: async function* () {} };
  expect(() => bindService(Health, handlers as never)).toThrow("(cos.auth.v1.requires)");
  const services = [bindService(Health, handlers as never, { openTo: "all callers" })];
  expect(services[0]?.methods.map(({ anonymous }) => anonymous)).toEqual([false, false, false]);
  expect(createClient(Health, (await serve()).openTransport())).toBeDefined();
});
