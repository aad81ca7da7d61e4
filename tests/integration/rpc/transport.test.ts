import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Metadata, Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { BadRequestSchema } from "#gen/google/rpc/error_details_pb.ts";
import { detailOf, fieldsOf, reasonOf } from "#shared/rpc/error-reason.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { closeServed, collect, failureOf, from, MEMORY, serve, until } from "#tests/support/rpc/serve.ts";

const closers: (() => void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) {
    close();
  }
  await closeServed();
});

function clientAt(address: string, options: Partial<Parameters<typeof openTransport>[0]> = {}) {
  const transport = openTransport({ address, ...options });
  closers.push(() => transport.close());
  return createClient(ConductorService, transport);
}

describe("addresses", () => {
  test.each([
    ["host:port", (port: number) => `127.0.0.1:${port}`],
    ["a URL", (port: number) => `http://127.0.0.1:${port}`],
    ["a URL with a slash", (port: number) => `http://localhost:${port}/`],
    ["a target of grpc-js", (port: number) => `dns:///localhost:${port}`],
  ])("%s is understood", async (_name, addressOf) => {
    const { port } = await serve();
    const client = clientAt(addressOf(port), { roundRobin: true });
    expect((await client.recordMemory({ memory: MEMORY })).memory?.text).toBe(MEMORY.text);
  });

  test("https asks for TLS, which a plain server is not", async () => {
    const { port } = await serve();
    const call = clientAt(`https://127.0.0.1:${port}`).getMemory({ position: 1n }, { timeoutMs: 3_000 });
    expect(await failureOf(call)).toMatchObject({ code: Code.Unavailable });
  });
});

describe("a server that is not there", () => {
  test("is UNAVAILABLE at once, for unary calls and streams, and found when it comes", async () => {
    const first = await serve();
    const { port } = first;
    await first.server.close();
    const client = clientAt(`127.0.0.1:${port}`);
    expect(await failureOf(client.getMemory({ position: 1n }))).toMatchObject({ code: Code.Unavailable });
    expect(await failureOf(collect(client.subscribe({})))).toMatchObject({ code: Code.Unavailable });
    await serve({}, { listen: { host: "127.0.0.1", port } });
    let answered = false;
    while (!answered) {
      answered = await client.getMemory({ position: 1n }).then(
        () => true,
        () => false,
      );
    }
  });
});

describe("signals and deadlines", () => {
  test("a call whose signal has fired is not made", async () => {
    const { client } = await serve();
    const signal = AbortSignal.abort();
    expect(await failureOf(client.getMemory({ position: 1n }, { signal }))).toMatchObject({ code: Code.Canceled });
    expect(await failureOf(collect(client.subscribe({}, { signal })))).toMatchObject({ code: Code.Canceled });
  });

  test("a timeout's signal is DEADLINE_EXCEEDED; another reason of ours is passed on", async () => {
    const { client } = await serve({ getMemory: () => new Promise(() => {}) });
    const signal = AbortSignal.timeout(30);
    expect(await failureOf(client.getMemory({ position: 1n }, { signal }))).toMatchObject({
      code: Code.DeadlineExceeded,
    });
    const canceler = new AbortController();
    const call = failureOf(client.getMemory({ position: 1n }, { signal: canceler.signal }));
    const reason = new ConnectError("enough", Code.Aborted);
    canceler.abort(reason);
    expect(await call).toBe(reason);
  });

  test("the transport's own timeout is for unary calls without one", async () => {
    const served = await serve({ getMemory: () => new Promise(() => {}) });
    const client = createClient(ConductorService, served.openTransport({ defaultTimeoutMs: 40 }));
    expect(await failureOf(client.getMemory({ position: 1n }))).toMatchObject({ code: Code.DeadlineExceeded });
  });

  test("a stream's deadline ends it", async () => {
    const { client } = await serve({
      subscribe: async function* (_request, { signal }) {
        yield { frame: { case: "started" as const, value: {} } };
        await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      },
    });
    const call = failureOf(collect(client.subscribe({}, { timeoutMs: 50 })));
    expect(await call).toMatchObject({ code: Code.DeadlineExceeded });
  });
});

describe("streams", () => {
  test("what the caller's own messages throw is what the call throws", async () => {
    const { client } = await serve();
    async function* requests() {
      yield { requests: [{}] };
      throw new Error("the file ends here");
    }
    const error = await failureOf(collect(client.recordMemories(requests())));
    expect(error).toMatchObject({ rawMessage: "the file ends here" });
  });

  test("messages are no longer pulled once the call is over", async () => {
    const served = await serve({
      recordMemories: () => {
        throw new ConnectError("no", Code.PermissionDenied);
      },
    });
    let pulled = 0;
    let returned = false;
    async function* requests() {
      try {
        for (;;) {
          pulled += 1;
          yield { requests: [{ memory: { ...MEMORY, text: "x".repeat(100_000) } }] };
        }
      } finally {
        returned = true;
      }
    }
    const error = await failureOf(collect(served.client.recordMemories(requests())));
    expect(error).toMatchObject({ code: Code.PermissionDenied });
    await until(() => returned);
    expect(pulled).toBeLessThan(100);
  });

  test("headers and trailers arrive", async () => {
    const { client } = await serve();
    const seen: [string, Headers][] = [];
    await collect(
      client.recordMemories(from({ requests: [{}] }), {
        headers: { "x-request-id": "r-3", "x-bin-bin": "AAEC" },
        onHeader: (headers) => seen.push(["header", headers]),
        onTrailer: (headers) => seen.push(["trailer", headers]),
      }),
    );
    expect(seen.map(([name]) => name)).toEqual(["header", "trailer"]);
    expect(seen[0]?.[1].get("x-request-id")).toBe("r-3");
  });
});

describe("errors of other servers", () => {
  test("details that are none, and binary trailers, do no harm", async () => {
    const server = new Server();
    const asIs = (bytes: Buffer) => bytes;
    server.addService(
      {
        getMemory: {
          path: `/${ConductorService.typeName}/GetMemory`,
          requestStream: false,
          responseStream: false,
          requestSerialize: asIs,
          requestDeserialize: asIs,
          responseSerialize: asIs,
          responseDeserialize: asIs,
        },
      },
      {
        getMemory: (_call: unknown, respond: (error: object) => void) => {
          const metadata = new Metadata();
          metadata.set("grpc-status-details-bin", Buffer.from([0xff, 0xff]));
          metadata.set("x-more-bin", Buffer.from([1, 2]));
          respond({ code: Code.NotFound, details: "нет", metadata });
        },
      },
    );
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    closers.push(() => server.forceShutdown());
    const error = await failureOf(clientAt(`127.0.0.1:${port}`).getMemory({ position: 1n }));
    expect(error).toMatchObject({ code: Code.NotFound, rawMessage: "нет", details: [] });
    expect((error as ConnectError).metadata.get("x-more-bin")).toBe("AQI=");
    expect(reasonOf(error)).toBeUndefined();
  });

  test("what is no error of a call has neither reason nor fields nor details", () => {
    expect(reasonOf(new Error("x"))).toBeUndefined();
    expect(fieldsOf(undefined)).toEqual([]);
    expect(detailOf("x", BadRequestSchema)).toBeUndefined();
  });
});
