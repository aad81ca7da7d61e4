import { readFileSync } from "node:fs";
import type { ServerHttp2Stream } from "node:http2";
import { connect as connectHttp2 } from "node:http2";
import { createConnectRouter, createContextValues } from "@connectrpc/connect";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Edge } from "#shared/rpc/edge.ts";
import { openGrpcStack } from "#shared/rpc/grpc-stack.ts";
import { DEFAULT_LIMITS } from "#shared/rpc/limits.ts";
import { closeServed, serve } from "#tests/support/rpc/serve.ts";

afterEach(closeServed);

type Hook = (stream: ServerHttp2Stream, headers: Record<string, unknown>) => boolean;
const prototype = Server.prototype as unknown as { _verifyContentType: Hook };

describe("what COS uses of grpc-js that is private", () => {
  test("the version is pinned exactly, and is the one installed", () => {
    const wanted = JSON.parse(readFileSync("package.json", "utf8")).dependencies["@grpc/grpc-js"];
    const installed = JSON.parse(readFileSync("node_modules/@grpc/grpc-js/package.json", "utf8")).version;
    expect(wanted).toMatch(/^\d+\.\d+\.\d+$/);
    expect(installed).toBe(wanted);
  });

  test("each HTTP/2 request is shown to _verifyContentType with its stream and headers", async () => {
    const seen: unknown[] = [];
    const original = prototype._verifyContentType;
    expect(original).toHaveLength(2);
    const server = new Server();
    const hook: Hook = (stream, headers) => {
      seen.push(stream.constructor.name, headers[":path"], headers["content-type"]);
      return original.call(server, stream, headers);
    };
    Object.assign(server, { _verifyContentType: hook });
    const port = await new Promise<number>((resolve) => {
      server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (_error, bound) => resolve(bound));
    });
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":method": "POST", ":path": "/a/b", "content-type": "text/plain" });
    await new Promise((resolve) => stream.on("response", resolve));
    session.destroy();
    server.forceShutdown();
    expect(seen).toEqual(["ServerHttp2Stream", "/a/b", "text/plain"]);
  });

  test("where the hook is missing the server does not start", () => {
    const original = prototype._verifyContentType;
    Object.assign(prototype, { _verifyContentType: undefined });
    try {
      const edge = { limits: DEFAULT_LIMITS } as Edge;
      expect(() => openGrpcStack(edge, [], () => {})).toThrow(/_verifyContentType/);
    } finally {
      prototype._verifyContentType = original;
    }
  });

  test("a caller cannot set the deadline by the name under which it is kept", async () => {
    let deadlineMs = 0;
    const { client } = await serve({
      subscribe: async function* (_request, context) {
        deadlineMs = context.deadlineMs;
        yield {};
      },
    });
    for await (const _ of client.subscribe({}, { headers: { "cos-grpc-timeout": "5S" } })) {
      // One frame, then the end.
    }
    expect(deadlineMs).toBe(Number.POSITIVE_INFINITY);
  });
});

describe("what COS uses of Connect that its types do not say", () => {
  test("a context is aborted with the very error that is then written", async () => {
    const router = createConnectRouter();
    let reason: unknown;
    const decoded: string[] = [];
    const textDecoder = {
      decode: (bytes: Uint8Array) => {
        decoded.push(Buffer.from(bytes).toString());
        return "{";
      },
    };
    router.rpc(ConductorService.method.getMemory, () => ({}), {
      jsonOptions: { textDecoder } as object,
      requestGate: (context) => {
        context.signal.addEventListener("abort", () => {
          reason = context.signal.reason;
          Object.assign(context.signal.reason, { rawMessage: "rewritten" });
        });
      },
    });
    const [handler] = router.handlers;
    const response = await handler!({
      httpVersion: "1.1",
      method: "POST",
      url: "http://localhost/",
      header: new Headers({ "content-type": "application/json" }),
      body: (async function* () {
        yield Buffer.from('{"id":""}');
      })(),
      signal: new AbortController().signal,
      contextValues: createContextValues(),
    });
    const body = Buffer.concat(await Array.fromAsync(response.body as AsyncIterable<Uint8Array>)).toString();
    expect(decoded).toEqual(['{"id":""}']);
    expect(reason).toBeInstanceOf(Error);
    expect(JSON.parse(body)).toMatchObject({ message: "rewritten" });
  });
});
