import { connect as connectHttp2, constants } from "node:http2";
import { brotliCompressSync, gzipSync, constants as zlib } from "node:zlib";
import { Code } from "@connectrpc/connect";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "@jest/globals";
import { exchange, frame, openSocket, PREFACE } from "#tests/support/rpc/raw-socket.ts";
import { closeServed, collect, MEMORY, serve, until } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

const RPC = "/cos.conductor.v1.ConductorService/RecordMemory";

/** An envelope of gRPC: flags, length, message. */
function envelope(message: Uint8Array, flags = 0, length = message.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flags);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, message]);
}

/** Posts a body over HTTP/2 as native gRPC and gives the status trailers. */
function postGrpc(
  port: number,
  chunks: readonly Buffer[],
  headers: Record<string, string> = {},
): Promise<Record<string, unknown>> {
  return new Promise((resolve) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = session.request({
      ":method": "POST",
      ":path": RPC,
      "content-type": "application/grpc",
      te: "trailers",
      ...headers,
    });
    const answer: Record<string, unknown> = {};
    stream.on("response", (given) => Object.assign(answer, given));
    stream.on("trailers", (given) => Object.assign(answer, given));
    stream.on("data", () => {});
    stream.on("error", () => {});
    stream.on("close", () => {
      session.destroy();
      resolve(answer);
    });
    for (const chunk of chunks) {
      stream.write(chunk);
    }
    stream.end();
  });
}

describe("before the protocol is known", () => {
  const limits = { sniffTimeoutMs: 60 };

  test.each([
    ["nothing", ""],
    ["one byte of the preface", "P"],
    ["half the preface", PREFACE.slice(0, 12)],
    ["all of it but a byte", PREFACE.slice(0, 23)],
  ])("a connection that sends %s is cut", async (_name, bytes) => {
    const { port } = await serve({}, { limits });
    expect(await exchange(port, bytes)).toEqual({ text: "", closed: true });
  });

  test("a preface that comes byte by byte is HTTP/2", async () => {
    const { port } = await serve();
    const socket = await openSocket(port);
    let received = 0;
    socket.on("data", (chunk) => {
      received += chunk.length;
    });
    for (const byte of PREFACE) {
      socket.write(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.write(frame(4, 0, 0));
    await until(() => received >= 9);
    socket.destroy();
  });

  test("garbage is answered by HTTP/1.1's 400 and cut", async () => {
    const { port } = await serve();
    const { text, closed } = await exchange(port, "\x00\x01\x02 garbage\r\n\r\n");
    expect(text).toMatch(/^HTTP\/1.1 400/);
    expect(closed).toBe(true);
  });

  test("a request that only begins like the preface is HTTP/1.1's to cut", async () => {
    const { port } = await serve(
      {},
      { limits: { headersTimeoutMs: 40, requestTimeoutMs: 40, requestCheckIntervalMs: 10 } },
    );
    expect((await exchange(port, "PRI * HTTP/1.1\r\n\r\n")).closed).toBe(true);
  });

  test("connections above the number allowed are cut", async () => {
    const { port } = await serve({}, { limits: { connectionsMax: 2 } });
    const held = [await openSocket(port), await openSocket(port)];
    expect(await exchange(port, "")).toEqual({ text: "", closed: true });
    for (const socket of held) {
      socket.destroy();
    }
  });
});

describe("over HTTP/1.1", () => {
  test("headers that do not end are cut", async () => {
    const limits = { headersTimeoutMs: 50, requestTimeoutMs: 200, requestCheckIntervalMs: 20 };
    const { port } = await serve({}, { limits });
    const { text, closed } = await exchange(port, `POST ${RPC} HTTP/1.1\r\nhost: localhost\r\n`);
    expect(text).toMatch(/^HTTP\/1.1 408/);
    expect(closed).toBe(true);
  });

  test("a body that does not come is cut", async () => {
    const limits = { headersTimeoutMs: 50, requestTimeoutMs: 100, requestCheckIntervalMs: 20 };
    const { port, server } = await serve({}, { limits });
    const head = `POST ${RPC} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 90\r\n\r\n{"m`;
    expect(await exchange(port, head)).toMatchObject({ closed: true });
    expect(server.callsInFlight).toBe(0);
  });

  test("headers over the limit are answered 431", async () => {
    const { port } = await serve();
    const head = `POST ${RPC} HTTP/1.1\r\nhost: localhost\r\nx-a: ${"a".repeat(20_000)}\r\n\r\n`;
    expect((await exchange(port, head)).text).toMatch(/^HTTP\/1.1 431/);
  });

  test("a body of 64 MiB in chunks, of no announced size, is RESOURCE_EXHAUSTED", async () => {
    const { port } = await serve();
    const chunk = Buffer.alloc(1 << 20, 0x61);
    const body = new ReadableStream<Uint8Array>({
      pull: (controller) => {
        sent += 1;
        controller.enqueue(chunk);
        if (sent === 64) {
          controller.close();
        }
      },
    });
    let sent = 0;
    const response = await fetch(`http://127.0.0.1:${port}${RPC}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
      duplex: "half",
    });
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({ code: "resource_exhausted" });
  });

  test.each(["gzip", "br"])("a %s body that unpacks to more than the limit is RESOURCE_EXHAUSTED", async (encoding) => {
    const zeros = Buffer.alloc(64 << 20);
    const bomb =
      encoding === "gzip" ? gzipSync(zeros) : brotliCompressSync(zeros, { params: { [zlib.BROTLI_PARAM_QUALITY]: 1 } });
    const { port } = await serve();
    const before = process.memoryUsage.rss();
    const response = await fetch(`http://127.0.0.1:${port}${RPC}`, {
      method: "POST",
      headers: { "content-type": "application/proto", "content-encoding": encoding },
      body: bomb,
    });
    expect(await response.json()).toMatchObject({ code: "resource_exhausted" });
    expect(process.memoryUsage.rss() - before).toBeLessThan(48 << 20);
  });
});

describe("over gRPC", () => {
  test("a gzip message that unpacks to a gigabyte is RESOURCE_EXHAUSTED", async () => {
    const { port } = await serve();
    // Gzip members may be strung together: a megabyte in all.
    const member = gzipSync(Buffer.alloc(64 << 20));
    const bomb = Buffer.concat(Array.from({ length: 16 }, () => member));
    const answer = await postGrpc(port, [envelope(bomb, 1)], { "grpc-encoding": "gzip" });
    expect(answer).toMatchObject({ "grpc-status": String(Code.ResourceExhausted) });
  });

  test("a message said to have 4 GiB is RESOURCE_EXHAUSTED at once", async () => {
    const { port } = await serve();
    const answer = await postGrpc(port, [envelope(Buffer.alloc(1_000), 0, 0xffff_fff0)]);
    expect(answer).toMatchObject({ "grpc-status": String(Code.ResourceExhausted) });
  });

  test("a message of 64 MiB is RESOURCE_EXHAUSTED", async () => {
    const { port } = await serve();
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest(RPC, Buffer.from, Buffer.from, Buffer.alloc(64 << 20), new Metadata(), resolve);
    });
    expect(error).toMatchObject({ code: Code.ResourceExhausted });
    client.close();
  });

  test("a broken gzip message and an encoding that nobody knows end the call alone", async () => {
    const served = await serve();
    await postGrpc(served.port, [envelope(Buffer.from("no gzip"), 1)], { "grpc-encoding": "gzip" });
    await postGrpc(served.port, [envelope(Buffer.from("?"), 1)], { "grpc-encoding": "zstd" });
    expect((await served.client.recordMemory({ memory: MEMORY })).memory?.text).toBe(MEMORY.text);
  });

  test("a deadline in a wrong form is the default; one that has passed is DEADLINE_EXCEEDED", async () => {
    const { port } = await serve({ recordMemory: () => new Promise(() => {}) }, { defaultDeadlineMs: 30 });
    for (const timeout of ["soon", "123456789m", "99999999H", "0m", "1n"]) {
      const answer = await postGrpc(port, [envelope(Buffer.from([0x0a, 0]))], { "grpc-timeout": timeout });
      expect(["3", "4"]).toContain(answer["grpc-status"]);
    }
  });

  test.each([
    ["unary over gRPC", RPC, "application/grpc"],
    ["a stream over gRPC", "/cos.conductor.v1.ConductorService/Subscribe", "application/grpc"],
    ["unary over Connect", RPC, "application/json"],
  ])("a message that does not come ends its call alone: %s", async (_name, path, type) => {
    const limits = { headersTimeoutMs: 60, requestTimeoutMs: 60, requestCheckIntervalMs: 10 };
    const served = await serve({}, { limits });
    const session = connectHttp2(`http://127.0.0.1:${served.port}`);
    const headers = { ":method": "POST", ":path": path, "content-type": type };
    const late = session.request(headers);
    late.on("error", () => {});
    late.write(Buffer.from([0, 0, 0, 0, 9, 1]));
    await new Promise((resolve) => late.once("close", resolve));
    expect(late.rstCode).toBe(constants.NGHTTP2_CANCEL);
    expect(session.closed).toBe(false);
    session.destroy();
    await until(() => served.server.callsInFlight === 0);
  });

  test("a stream in both directions may be silent for longer than a request may take", async () => {
    const limits = { headersTimeoutMs: 30, requestTimeoutMs: 30, requestCheckIntervalMs: 5 };
    const { client } = await serve({}, { limits });
    async function* requests() {
      await new Promise((resolve) => setTimeout(resolve, 80));
      yield { requests: [{}] };
    }
    expect(await collect(client.recordMemories(requests()))).toHaveLength(1);
  });

  test("no more streams are open at once than allowed", async () => {
    const { port, server } = await serve(
      { recordMemory: () => new Promise(() => {}) },
      { limits: { connectionStreamsMax: 3 } },
    );
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    await new Promise((resolve) => session.once("remoteSettings", resolve));
    expect(session.remoteSettings.maxConcurrentStreams).toBe(3);
    session.destroy();
    expect(server.callsInFlight).toBe(0);
  });

  test("a connection without calls is closed after a while", async () => {
    const { port } = await serve({}, { limits: { connectionIdleMs: 30 } });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const goaway = new Promise((resolve) => session.once("goaway", resolve));
    session.on("error", () => {});
    await goaway;
    session.destroy();
  });

  test("a connection that does not answer pings is cut", async () => {
    const { port } = await serve({}, { limits: { keepaliveIntervalMs: 30, keepaliveTimeoutMs: 30 } });
    const hello = Buffer.concat([Buffer.from(PREFACE), frame(4, 0, 0), frame(4, 1, 0)]);
    expect(await exchange(port, hello)).toMatchObject({ closed: true });
  });

  test("a connection of its age is told to go", async () => {
    const { port } = await serve({}, { connectionAgeMaxMs: 30 });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const code = await new Promise((resolve) => session.once("goaway", resolve));
    expect(code).toBe(constants.NGHTTP2_NO_ERROR);
    session.destroy();
  });

  test("a stream younger than its connection outlives it by an age of its own", async () => {
    const { promise: passed, resolve: pass } = Promise.withResolvers<void>();
    const served = await serve(
      {
        subscribe: async function* () {
          yield { frame: { case: "started" as const, value: {} } };
          await passed;
          yield { frame: { case: "goAway" as const, value: {} } };
        },
      },
      { limits: { connectionAgeMaxMs: 400, connectionAgeGraceMs: 1 } },
    );
    const session = connectHttp2(`http://127.0.0.1:${served.port}`);
    const path = "/cos.conductor.v1.ConductorService/Subscribe";
    const stream = session.request({ ":method": "POST", ":path": path, "content-type": "application/grpc" });
    const trailers = new Promise((resolve, reject) => {
      stream.once("trailers", resolve);
      stream.once("close", () => reject(new Error("the stream was cut")));
    });
    trailers.catch(() => {});
    stream.resume();
    stream.end(Buffer.from([0, 0, 0, 0, 0]));
    await new Promise((resolve) => session.once("goaway", resolve));
    await new Promise((resolve) => setTimeout(resolve, 30));
    pass();
    expect(await trailers).toMatchObject({ "grpc-status": "0" });
    session.destroy();
  });

  test("an RPC that does not exist is UNIMPLEMENTED", async () => {
    const { port } = await serve();
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
    const error = await new Promise<ServiceError | null>((resolve) => {
      client.makeUnaryRequest("/cos.No/No", Buffer.from, Buffer.from, Buffer.alloc(0), new Metadata(), resolve);
    });
    expect(error).toMatchObject({ code: Code.Unimplemented });
    client.close();
  });
});

describe("a subscriber that reads nothing", () => {
  const message = { frame: { case: "started" as const, value: { resumeToken: "x".repeat(60_000) } } };

  test("over gRPC: what waits for it stays bounded, and it is ended as stalled", async () => {
    let yielded = 0;
    const served = await serve(
      {
        subscribe: async function* () {
          for (;;) {
            yielded += 1;
            yield message;
          }
        },
      },
      { stallTimeoutMs: 80 },
    );
    const session = connectHttp2(`http://127.0.0.1:${served.port}`);
    session.on("error", () => {});
    const stream = session.request({
      ":method": "POST",
      ":path": "/cos.conductor.v1.ConductorService/Subscribe",
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    stream.end(envelope(Buffer.alloc(0)));
    stream.pause();
    await until(() => served.lines.some(({ reason }) => reason === "SUBSCRIBER_STALLED"));
    expect(yielded).toBeLessThan(20);
    expect(served.lines.at(-1)).toMatchObject({ code: "UNAVAILABLE", level: "warn" });
    await until(() => stream.closed || stream.destroyed);
    expect(served.server.callsInFlight).toBe(0);
    session.destroy();
  });
});
