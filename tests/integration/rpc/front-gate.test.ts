import { request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { afterEach, describe, expect, test } from "@jest/globals";
import { exchange } from "#tests/support/rpc/raw-socket.ts";
import { closeServed, MEMORY, serve } from "#tests/support/rpc/serve.ts";
import { makeTlsFolder } from "#tests/support/tls-folder.ts";

afterEach(closeServed);

interface Answer {
  readonly status: number;
  readonly headers: Record<string, unknown>;
  readonly body: string;
}

const RPC = "/cos.conductor.v1.ConductorService/RecordMemory";
const GET = "/cos.conductor.v1.ConductorService/GetMemory?encoding=json&connect=v1&message=%7B%22position%22%3A1%7D";
const BODY = JSON.stringify({ memory: MEMORY });

function ask(
  port: number,
  headers: Record<string, string> = {},
  { method = "POST", path = RPC, body = BODY } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const type = method === "POST" ? { "content-type": "application/json" } : {};
    const request = httpRequest(
      { port, host: "127.0.0.1", method, path, headers: { ...type, ...headers } },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text }));
      },
    );
    request.on("error", reject);
    request.end(method === "POST" ? body : undefined);
  });
}

/** The status of a call over HTTP/1.1 and TLS. */
function askHttps(host: string, ca: string, origin: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", origin };
    const request = httpsRequest(`https://${host}${RPC}`, { method: "POST", ca, headers, agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", reject);
    request.end(BODY);
  });
}

function askHttp2(port: number, headers: Record<string, string>, tls?: { ca: string }): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const session = tls ? connectHttp2(`https://localhost:${port}`, tls) : connectHttp2(`http://127.0.0.1:${port}`);
    session.on("error", reject);
    const stream = session.request({ ":method": "POST", ":path": RPC, "content-type": "application/json", ...headers });
    let answered: Record<string, unknown> = {};
    let body = "";
    stream.setEncoding("utf8");
    stream.on("response", (given) => {
      answered = given;
    });
    stream.on("data", (chunk: string) => {
      body += chunk;
    });
    stream.on("end", () => {
      session.close();
      resolve({ status: Number(answered[":status"]), headers: answered, body });
    });
    stream.on("error", reject);
    stream.end(BODY);
  });
}

describe("the host", () => {
  test.each(["localhost", "127.0.0.1", "[::1]"])("%s is served, with the port and without it", async (host) => {
    const { port } = await serve();
    expect(await ask(port, { host })).toMatchObject({ status: 200 });
    expect(await ask(port, { host: `${host}:${port}` })).toMatchObject({ status: 200 });
  });

  test.each(["evil.example", "127.0.0.1.evil.example", "127.0.0.1:1", "localhost@evil.example", "[::1"])(
    "%p is answered 421",
    async (host) => {
      const { port } = await serve();
      expect(await ask(port, { host })).toMatchObject({ status: 421 });
    },
  );

  test.each([
    ["none", ""],
    ["an empty one", "host:\r\n"],
    ["two of them", "host: localhost\r\nhost: localhost\r\n"],
  ])("%s is answered 421", async (_name, lines) => {
    const { port } = await serve();
    const head = `POST ${RPC} HTTP/1.1\r\n${lines}content-length: 0\r\nconnection: close\r\n\r\n`;
    expect((await exchange(port, head)).text).toMatch(/^HTTP\/1.1 421 /);
  });

  test("one that is configured is served", async () => {
    const { port } = await serve({}, { allowedHosts: ["Cos.example"] });
    expect(await ask(port, { host: "COS.example" })).toMatchObject({ status: 200 });
  });

  test("over HTTP/2 it is :authority, which an extra host may not contradict", async () => {
    const { port } = await serve();
    expect(await askHttp2(port, {})).toMatchObject({ status: 200 });
    expect(await askHttp2(port, { ":authority": "evil.example" })).toMatchObject({ status: 421 });
    expect(await askHttp2(port, { ":authority": "localhost", host: "evil.example" })).toMatchObject({ status: 421 });
  });
});

describe("the origin", () => {
  const allowedOrigins = ["http://console.example:8080"];

  test("one that is listed is served, and may read the answer", async () => {
    const { port } = await serve({}, { allowedOrigins });
    const { status, headers } = await ask(port, { origin: "http://console.example:8080" });
    expect(status).toBe(200);
    expect(headers).toMatchObject({
      "access-control-allow-origin": "http://console.example:8080",
      vary: "Origin",
    });
    expect(headers["access-control-expose-headers"]).toMatch(/Grpc-Status.*x-request-id/i);
  });

  test("one that is listed as people write it is the same one", async () => {
    const { port } = await serve({}, { allowedOrigins: ["HTTP://Console.example:8080/"] });
    expect(await ask(port, { origin: "http://console.example:8080" })).toMatchObject({ status: 200 });
  });

  test.each(["null", "http://console.example", "https://console.example:8080", "http://evil.example"])(
    "%s is answered 403 and not told why in its own page",
    async (origin) => {
      const { port } = await serve({}, { allowedOrigins });
      const { status, headers } = await ask(port, { origin });
      expect(status).toBe(403);
      expect(headers).not.toHaveProperty("access-control-allow-origin");
    },
  );

  test.each(["http", "https"])("the server's own by %s is served, under each of its names", async (scheme) => {
    const { port } = await serve({}, { allowedHosts: ["cos.example"] });
    for (const name of ["127.0.0.1", "localhost", "cos.example"]) {
      const host = `${name}:${port}`;
      expect(await ask(port, { host, origin: `${scheme}://${host}` })).toMatchObject({ status: 200 });
    }
    const host = `127.0.0.1:${port}`;
    expect(await askHttp2(port, { ":authority": host, origin: `${scheme}://${host}` })).toMatchObject({ status: 200 });
  });

  test("where the server speaks TLS itself, its own is https alone", async () => {
    const folder = await makeTlsFolder();
    const { port } = await serve({}, { tls: folder.files() });
    const host = `localhost:${port}`;
    const tls = { ca: folder.authority.cert };
    const headers = (scheme: string) => ({ ":authority": host, origin: `${scheme}://${host}` });
    expect(await askHttp2(port, headers("https"), tls)).toMatchObject({ status: 200 });
    expect(await askHttp2(port, headers("http"), tls)).toMatchObject({ status: 403 });
    expect(await askHttps(host, folder.authority.cert, `https://${host}`)).toBe(200);
    expect(await askHttps(host, folder.authority.cert, `http://${host}`)).toBe(403);
    folder.remove();
  });

  test("of this machine's others none is the server's own: not another port, not another of its names", async () => {
    const { port } = await serve();
    const host = `127.0.0.1:${port}`;
    for (const origin of [
      "http://127.0.0.1",
      `http://127.0.0.1:${port + 1}`,
      `http://localhost:${port}`,
      `ftp://${host}`,
    ]) {
      expect(await ask(port, { host, origin })).toMatchObject({ status: 403 });
    }
  });

  test.each(["cross-site", "same-site"])("without one, a browser's %s GET is answered 403", async (site) => {
    const { port } = await serve();
    expect(await ask(port, { "sec-fetch-site": site }, { method: "GET", path: GET })).toMatchObject({ status: 403 });
  });

  test.each(["same-origin", "none"])("without one, a browser's %s GET is served", async (site) => {
    const { port } = await serve();
    expect(await ask(port, { "sec-fetch-site": site }, { method: "GET", path: GET })).toMatchObject({ status: 200 });
  });

  test("a preflight is answered with the headers and methods that Connect needs, and ours", async () => {
    const { port } = await serve({}, { allowedOrigins });
    const { status, headers } = await ask(
      port,
      { origin: allowedOrigins[0]!, "access-control-request-method": "POST" },
      { method: "OPTIONS" },
    );
    expect(status).toBe(204);
    expect(headers["access-control-allow-methods"]).toBe("POST, GET");
    expect(headers["access-control-allow-headers"]).toMatch(/Connect-Protocol-Version.*authorization, x-request-id/i);
    expect(headers["access-control-max-age"]).toBeDefined();
  });

  test("a preflight of another origin is answered 403", async () => {
    const { port } = await serve({}, { allowedOrigins });
    const answer = await ask(port, { origin: "http://evil.example" }, { method: "OPTIONS" });
    expect(answer.status).toBe(403);
  });
});

describe("the rest", () => {
  test("a body announced as too large is answered 413 before it is read", async () => {
    const { port } = await serve({}, { limits: { messageBytesMax: 1_000 } });
    expect(await ask(port, {}, { body: "x".repeat(2_000) })).toMatchObject({
      status: 413,
      headers: { connection: "close" },
    });
  });

  test("an RPC that does not exist is answered 404 with a request id", async () => {
    const { port } = await serve();
    const answer = await ask(port, { "x-request-id": "r" }, { path: "/cos.conductor.v1.ConductorService/No" });
    expect(answer).toMatchObject({ status: 404, headers: { "x-request-id": "r" } });
    expect(JSON.parse(answer.body)).toMatchObject({ code: "unimplemented" });
  });

  test("a refusal too has a request id", async () => {
    const { port } = await serve();
    const { headers } = await ask(port, { host: "evil.example", "x-request-id": "häh?" });
    expect(headers["x-request-id"]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  });

  test("a read may be a GET, a write may not", async () => {
    const { port } = await serve();
    expect(await ask(port, {}, { method: "GET", path: GET })).toMatchObject({ status: 200 });
    expect(await ask(port, {}, { method: "GET", path: `${RPC}?encoding=json&message=%7B%7D` })).toMatchObject({
      status: 405,
    });
  });

  test("gRPC over HTTP/1.1 is answered 415", async () => {
    const { port } = await serve();
    expect(await ask(port, { "content-type": "application/grpc" })).toMatchObject({ status: 415 });
  });
});
