import { connect as connectHttp2 } from "node:http2";
import { Code, createClient } from "@connectrpc/connect";
import { afterEach, expect, test } from "@jest/globals";
import { Health, HealthCheckResponse_ServingStatus as Status } from "#gen/grpc/health/v1/health_pb.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { exchange, openSocket } from "#tests/support/rpc/raw-socket.ts";
import { closeServed, collect, failureOf, from, MEMORY, serve, until } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

/** A promise and what resolves it. */
function gate(): { passed: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { passed: promise, open: resolve };
}

const nothing = () => {};

test("a call in flight is finished, and the drain waits for it", async () => {
  const { passed, open } = gate();
  const served = await serve({
    getMemory: async () => {
      await passed;
      return { memory: MEMORY };
    },
  });
  const call = served.client.getMemory({ position: 1n });
  await until(() => served.server.callsInFlight === 1);
  let isDrained = false;
  const drained = served.server.drain({ leaveBalancerMs: 0, graceMs: 4_000, endStreams: nothing }).then(() => {
    isDrained = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(isDrained).toBe(false);
  open();
  expect((await call).memory?.text).toBe(MEMORY.text);
  await drained;
});

test("while balancers have not noticed, health says NOT_SERVING and calls are served", async () => {
  const served = await serve();
  const health = createClient(Health, served.openTransport());
  const watched: unknown[] = [];
  const watching = (async () => {
    for await (const { status } of health.watch({})) {
      watched.push(status);
    }
  })();
  await until(() => watched.length === 1);
  const drained = served.server.drain({ leaveBalancerMs: 120, graceMs: 1_000, endStreams: nothing });
  await until(() => watched.length === 2);
  expect(watched).toEqual([Status.SERVING, Status.NOT_SERVING]);
  expect((await served.client.recordMemory({ memory: MEMORY })).memory?.text).toBe(MEMORY.text);
  served.server.health.setAll("SERVING");
  expect(await health.check({})).toMatchObject({ status: Status.NOT_SERVING });
  await drained;
  await watching;
});

test("then no connection is taken, and streams are ended by their owner before the grace is over", async () => {
  const { passed, open } = gate();
  const served = await serve({
    subscribe: async function* () {
      yield { frame: { case: "started" as const, value: {} } };
      await passed;
      yield { frame: { case: "goAway" as const, value: {} } };
    },
  });
  const frames = collect(served.client.subscribe({}));
  await until(() => served.server.callsInFlight === 1);
  await served.server.drain({ leaveBalancerMs: 0, graceMs: 4_000, endStreams: open });
  expect((await frames).map(({ frame }) => frame.case)).toEqual(["started", "goAway"]);
  expect(await exchange(served.port, "")).toEqual({ text: "", closed: true });
});

test("a call that comes on an open connection is refused with DRAINING, on both stacks", async () => {
  const { passed, open } = gate();
  const served = await serve({
    getMemory: async () => {
      await passed;
      return {};
    },
  });
  const busy = served.client.getMemory({ position: 1n });
  await until(() => served.server.callsInFlight === 1);
  const rpc = "/cos.conductor.v1.ConductorService/RecordMemory";
  const body = JSON.stringify({ memory: MEMORY });
  const socket = await openSocket(served.port);
  socket.write(`POST ${rpc} HTTP/1.1\r\nhost: localhost\r\ncontent-length: ${body.length}\r\n`);
  const session = connectHttp2(`http://127.0.0.1:${served.port}`);
  const stream = session.request({ ":method": "POST", ":path": rpc, "content-type": "application/grpc" });
  await new Promise((resolve) => session.once("remoteSettings", resolve));

  const drained = served.server.drain({ leaveBalancerMs: 0, graceMs: 2_000, endStreams: nothing });
  await new Promise((resolve) => session.once("goaway", resolve));

  const refused = new Promise<Record<string, unknown>>((resolve) => stream.once("response", resolve));
  stream.end(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0]));
  expect(await refused).toMatchObject({ "grpc-status": String(Code.Unavailable) });
  socket.write(`content-type: application/json\r\n\r\n${body}`);
  const answer = (await socket.toArray()).join("");
  expect(answer).toMatch(/^HTTP\/1.1 503 .*connection: close.*DRAINING/is);

  open();
  await busy;
  await drained;
  session.destroy();
});

test("a connection that shows its protocol only then is cut", async () => {
  const { passed, open } = gate();
  const served = await serve({
    getMemory: async () => {
      await passed;
      return {};
    },
  });
  const busy = served.client.getMemory({ position: 1n });
  await until(() => served.server.callsInFlight === 1);
  const socket = await openSocket(served.port);
  const drained = served.server.drain({ leaveBalancerMs: 0, graceMs: 2_000, endStreams: nothing });
  await until(() => served.server.health.get("") === "NOT_SERVING");
  await new Promise((resolve) => setTimeout(resolve, 20));
  socket.write("GET / HTTP/1.1\r\n\r\n");
  expect(await socket.toArray().catch(() => [])).toEqual([]);
  open();
  await busy;
  await drained;
});

test("what does not end in time is answered DRAINING, and its signal fires", async () => {
  let reason: unknown;
  const served = await serve({
    getMemory: (_request, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener("abort", () => {
          reason = signal.reason;
          reject(signal.reason);
        });
      }),
    subscribe: async function* (_request, { signal }) {
      yield { frame: { case: "started" as const, value: {} } };
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    },
  });
  const calls = [failureOf(served.client.getMemory({ position: 1n })), failureOf(collect(served.client.subscribe({})))];
  await until(() => served.server.callsInFlight === 2);
  await served.server.drain({ leaveBalancerMs: 0, graceMs: 20, endStreams: nothing });
  for (const error of await Promise.all(calls)) {
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(reasonOf(error)).toBe("DRAINING");
  }
  expect(reason).toMatchObject({ reasonName: "DRAINING" });
});

/** Sends one message and then neither another nor the end. */
async function* onlyOne() {
  yield { requests: [{}] };
  await new Promise(() => {});
}

test("a stream of requests that is idle is told to go elsewhere at once", async () => {
  const served = await serve();
  const answers = served.client.recordMemories(onlyOne())[Symbol.asyncIterator]();
  expect((await answers.next()).value).toMatchObject({ firstIndex: 1n });
  const next = failureOf(answers.next());
  await served.server.drain({ leaveBalancerMs: 0, graceMs: 60_000, endStreams: nothing });
  expect(reasonOf(await next)).toBe("DRAINING");
});

test("one with requests in hand answers them before", async () => {
  const { passed, open } = gate();
  const inHand = gate();
  const served = await serve({
    recordMemories: async function* (requests) {
      for await (const { requests: items } of requests) {
        inHand.open();
        await passed;
        yield { firstIndex: BigInt(items.length) };
      }
    },
  });
  const answers = served.client.recordMemories(onlyOne())[Symbol.asyncIterator]();
  const first = answers.next();
  await inHand.passed;
  const drained = served.server.drain({ leaveBalancerMs: 0, graceMs: 60_000, endStreams: open });
  expect((await first).value).toMatchObject({ firstIndex: 1n });
  expect(reasonOf(await failureOf(answers.next()))).toBe("DRAINING");
  await drained;
});

test("one that its caller has ended ends in peace", async () => {
  const { passed, open } = gate();
  let isRead = false;
  const served = await serve({
    recordMemories: async function* (requests) {
      await collect(requests);
      isRead = true;
      await passed;
      yield {};
    },
  });
  const answers = collect(served.client.recordMemories(from({ requests: [{}] })));
  await until(() => isRead);
  await served.server.drain({ leaveBalancerMs: 0, graceMs: 60_000, endStreams: open });
  expect(await answers).toHaveLength(1);
});

test("closing cuts off what is left", async () => {
  const served = await serve({ getMemory: () => new Promise(() => {}) });
  const call = failureOf(served.client.getMemory({ position: 1n }));
  await until(() => served.server.callsInFlight === 1);
  await served.server.close();
  expect(await call).toMatchObject({ code: Code.Unavailable });
});
