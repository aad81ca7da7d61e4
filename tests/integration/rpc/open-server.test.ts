import { connect as connectHttp2 } from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ConductorService, SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { bindService, type Handlers } from "#shared/rpc/bind-service.ts";
import { openSocket } from "#tests/support/rpc/raw-socket.ts";
import { clientOver, closeServed, collect, failureOf, type Served, serve, until } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

const BIG = { frame: { case: "started" as const, value: { resumeToken: "x".repeat(100_000) } } };

test("a port in use is the system's EADDRINUSE", async () => {
  const { port } = await serve();
  expect(await failureOf(serve({}, { listen: { host: "127.0.0.1", port } }))).toMatchObject({ code: "EADDRINUSE" });
});

test("a method without a handler is a mistake that stops the start", () => {
  const handlers = {} as Handlers<typeof ConductorService>;
  expect(() => bindService(ConductorService, handlers)).toThrow(
    "cos.conductor.v1.ConductorService/RecordMemory has no handler",
  );
});

test("a client stream is not served", () => {
  const method = { ...ConductorService.method.recordMemories, methodKind: "client_streaming" };
  const service = { ...ConductorService, methods: [method] } as unknown as typeof ConductorService;
  const handlers = { recordMemories: () => {} } as unknown as Handlers<typeof ConductorService>;
  expect(() => bindService(service, handlers)).toThrow(/client streams are not served/);
});

test("a body that no handler could encode is INTERNAL, and logged", async () => {
  const served = await serve({ getMemory: async () => ({ memory: { position: "x" } }) as never });
  await failureOf(served.client.getMemory({ position: 1n }));
  expect(served.lines.at(-1)).toMatchObject({ code: "INTERNAL", err: expect.anything() });
});

/** Begins a subscription over HTTP/1.1 and reads nothing. */
async function subscribeDeaf(served: Served) {
  const socket = await openSocket(served.port);
  const body = Buffer.from([0, 0, 0, 0, 2, 0x7b, 0x7d]);
  socket.pause();
  socket.on("error", () => {});
  socket.write(
    "POST /cos.conductor.v1.ConductorService/Subscribe HTTP/1.1\r\nhost: localhost\r\n" +
      `content-type: application/connect+json\r\ncontent-length: ${body.length}\r\n\r\n`,
  );
  socket.write(body);
  return socket;
}

describe("a subscriber that reads nothing", () => {
  test("over Connect: nothing more is taken for it, and it is cut as stalled", async () => {
    let yielded = 0;
    let returned = false;
    const served = await serve(
      {
        subscribe: async function* () {
          try {
            for (;;) {
              yielded += 1;
              yield BIG;
            }
          } finally {
            returned = true;
          }
        },
      },
      { stallTimeoutMs: 200 },
    );
    const socket = await subscribeDeaf(served);
    await until(() => returned);
    await until(() => served.lines.some(({ reason }) => reason === "SUBSCRIBER_STALLED"));
    // What the kernel's buffers take, and a frame or two of ours.
    expect(yielded).toBeLessThan(200);
    expect(served.server.callsInFlight).toBe(0);
    socket.destroy();
  });

  test("others do not notice, and it gets what waited when it reads again", async () => {
    const served = await serve({
      subscribe: async function* ({ modules }) {
        for (let left = modules[0] === "slow" ? 60 : 5; left > 0; left -= 1) {
          yield BIG;
        }
      },
    });
    const session = connectHttp2(`http://127.0.0.1:${served.port}`);
    const slow = session.request({
      ":method": "POST",
      ":path": "/cos.conductor.v1.ConductorService/Subscribe",
      "content-type": "application/grpc",
    });
    slow.end(Buffer.from([0, 0, 0, 0, 6, 0x0a, 4, ...Buffer.from("slow")]));
    await until(() => served.server.callsInFlight === 1);
    expect(await collect(served.client.subscribe({ modules: ["cc"] }))).toHaveLength(5);
    expect(served.server.callsInFlight).toBe(1);
    let bytes = 0;
    for await (const chunk of slow) {
      bytes += (chunk as Buffer).length;
    }
    expect(bytes).toBeGreaterThan(60 * 100_000);
    session.destroy();
  });

  test("the bytes that wait for it are bounded", async () => {
    let yielded = 0;
    const served = await serve({
      subscribe: async function* () {
        for (;;) {
          yielded += 1;
          yield BIG;
        }
      },
    });
    const session = connectHttp2(`http://127.0.0.1:${served.port}`);
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": "/cos.conductor.v1.ConductorService/Subscribe",
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    stream.pause();
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
    await until(() => yielded > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    // 64 KiB in the peer's window, at most 256 KiB waiting, one in hand.
    expect(yielded * 100_000).toBeLessThan(65_536 + 262_144 + 2 * 100_100);
    session.destroy();
    await until(() => served.server.callsInFlight === 0);
  });
});

test("a frame that was encoded once is decoded once for all browsers", async () => {
  const bytes = toBinary(
    SubscribeResponseSchema,
    create(SubscribeResponseSchema, { frame: { case: "started", value: {} } }),
  );
  let reads = 0;
  const frame = {
    get encoded() {
      reads += 1;
      return bytes;
    },
  };
  const served = await serve({
    subscribe: async function* () {
      yield frame;
    },
  });
  const client = clientOver("Connect in JSON", served);
  await collect(client.subscribe({}));
  const afterFirst = reads;
  await collect(client.subscribe({}));
  // The second time it is only recognised, not decoded.
  expect(reads - afterFirst).toBeLessThan(afterFirst);
});
