import { X509Certificate } from "node:crypto";
import { renameSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { request as requestHttps } from "node:https";
import { connect as connectTcp, type Socket } from "node:net";
import { type ConnectionOptions, connect, type TLSSocket } from "node:tls";
import { Code, createClient } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Credentials } from "#shared/auth/let-in.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { spiffeNameOf } from "#shared/rpc/certificate-name-of.ts";
import type { ServerOptions } from "#shared/rpc/open-server.ts";
import { closeServed, failureOf, MEMORY, type Served, serve, until } from "#tests/support/rpc/serve.ts";
import { makeTlsFolder, type TlsFolder, validFor } from "#tests/support/tls-folder.ts";

let folder: TlsFolder;
beforeAll(async () => {
  folder = await makeTlsFolder();
});
afterAll(() => folder.remove());
afterEach(closeServed);

/** A server over TLS that notes what its callers show. */
async function serveTls(options: Partial<ServerOptions> = {}) {
  const seen: Credentials[] = [];
  const letIn = (credentials: Credentials) => {
    seen.push(credentials);
    return localAccess();
  };
  const served = await serve({}, { tls: folder.files(true), letIn, ...options });
  return { ...served, seen };
}

function grpcClient(served: Served, tls: { cert?: string; key?: string } = {}) {
  return createClient(ConductorService, served.openTransport({ tls: { ca: folder.authority.cert, ...tls } }));
}

/** A connection of one's own; resolves with what was agreed on, or rejects. */
function shake(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, ca: folder.authority.cert, ...options });
    socket.once("secureConnect", () => resolve(socket)).once("error", reject);
  });
}

/** All that comes until the other side closes. */
function untilClosed(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text));
  });
}

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const PATH = `/${ConductorService.typeName}/GetMemory`;
const GET = `POST ${PATH} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 16\r\nconnection: close\r\n\r\n{"position":"1"}`;

/** A call in JSON over HTTP/1.1; answers with the status. */
function callHttp1(port: number, options: { cert?: string; key?: string; host?: string } = {}): Promise<number> {
  const { host = "localhost", ...pair } = options;
  const headers = { "content-type": "application/json", host };
  return new Promise((resolve, reject) => {
    const request = requestHttps(
      {
        host: "127.0.0.1",
        // Node would compare the certificate with the Host header.
        checkServerIdentity: () => undefined,
        port,
        ca: folder.authority.cert,
        method: "POST",
        path: PATH,
        headers,
        agent: false,
        ...pair,
      },
      (response) => response.resume().on("end", () => resolve(response.statusCode ?? 0)),
    );
    request.on("error", reject).end('{"position":"1"}');
  });
}

/** The same over HTTP/2. */
async function callHttp2(port: number, pair: { cert?: string; key?: string } = {}): Promise<number> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { ca: folder.authority.cert, ...pair });
  try {
    return await new Promise((resolve, reject) => {
      session.on("error", reject);
      const stream = session.request({ ":method": "POST", ":path": PATH, "content-type": "application/json" });
      stream.on("response", (headers) => resolve(Number(headers[":status"]))).on("error", reject);
      stream.resume().end('{"position":"1"}');
    });
  } finally {
    session.destroy();
  }
}

describe("one port with TLS", () => {
  test("serves native gRPC, Connect over HTTP/2 and HTTP/1.1", async () => {
    const served = await serveTls();
    expect((await grpcClient(served).recordMemory({ memory: MEMORY })).memory?.text).toBe(MEMORY.text);
    expect(await callHttp1(served.port)).toBe(200);
    expect(await callHttp2(served.port)).toBe(200);
  });

  test("speaks TLS 1.3 and nothing older", async () => {
    const { port } = await serveTls();
    const socket = await shake(port);
    expect(socket.getProtocol()).toBe("TLSv1.3");
    socket.destroy();
    await expect(shake(port, { maxVersion: "TLSv1.2" })).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_SSL/),
    });
  });

  test("a client without ALPN may speak HTTP/1.1 but not HTTP/2", async () => {
    const { port } = await serveTls();
    const http1 = await shake(port);
    expect(http1.alpnProtocol).toBe(false);
    http1.write(GET);
    expect(await untilClosed(http1)).toMatch(/^HTTP\/1.1 200 /);
    const http2 = await shake(port);
    http2.write(PREFACE);
    expect(await untilClosed(http2)).toBe("");
  });

  test.each([
    ["h2", GET],
    ["http/1.1", PREFACE],
  ])("a client that agrees on %s and speaks the other is cut", async (protocol, bytes) => {
    const { port } = await serveTls();
    const socket = await shake(port, { ALPNProtocols: [protocol] });
    expect(socket.alpnProtocol).toBe(protocol);
    socket.write(bytes);
    expect(await untilClosed(socket)).toBe("");
  });

  test("a client that offers other protocols alone is refused", async () => {
    const { port } = await serveTls();
    await expect(shake(port, { ALPNProtocols: ["spdy/3"] })).rejects.toThrow(/no application protocol/i);
  });

  test.each([
    ["plain HTTP", GET],
    ["a plain HTTP/2 preface", PREFACE],
    ["bytes without sense", "\0\0\0\0\0\0\0\0"],
  ])("%s is cut and does no harm", async (_name, bytes) => {
    const served = await serveTls();
    const socket = connectTcp(served.port, "127.0.0.1");
    socket.write(bytes);
    expect(await untilClosed(socket)).not.toContain("HTTP/1.1 200");
    expect(await callHttp1(served.port)).toBe(200);
    expect(served.lines.some(({ msg, level }) => msg === "TLS handshake failed" && level === "debug")).toBe(true);
  });

  test("half a handshake is cut in time, and so is a client that is silent after it", async () => {
    const { port } = await serveTls({ limits: { handshakeTimeoutMs: 40, sniffTimeoutMs: 40 } });
    const half = connectTcp(port, "127.0.0.1");
    half.write(Buffer.from([0x16, 0x03, 0x01]));
    const silent = await shake(port, { ALPNProtocols: ["h2"] });
    silent.write(PREFACE.slice(0, 12));
    expect(await Promise.all([untilClosed(half), untilClosed(silent)])).toEqual(["", ""]);
  });

  test("closing cuts off handshakes that are not done", async () => {
    const served = await serveTls();
    const half = connectTcp(served.port, "127.0.0.1");
    half.write(Buffer.from([0x16, 0x03, 0x01]));
    const whole = await shake(served.port);
    const ends = [untilClosed(half), untilClosed(whole)];
    await served.server.close();
    await Promise.all(ends);
  });

  test("draining waits for the answers and lets go of every connection", async () => {
    const served = await serveTls();
    await grpcClient(served).getMemory({ position: 1n });
    await served.server.drain({ leaveBalancerMs: 0, graceMs: 1_000, endStreams: () => {} });
    await expect(shake(served.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
  });

  test("takes no more connections than its limit, with handshakes that are not done among them", async () => {
    const { port } = await serveTls({ limits: { connectionsMax: 2 } });
    const held = [connectTcp(port, "127.0.0.1"), connectTcp(port, "127.0.0.1")];
    await Promise.all(held.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    await expect(shake(port)).rejects.toThrow();
    for (const socket of held) socket.destroy();
  });

  test("no session is resumed: each connection shows its certificate anew", async () => {
    const { port } = await serveTls();
    const tickets: Buffer[] = [];
    const first = await shake(port);
    first.on("session", (session: Buffer) => void tickets.push(session));
    first.write(GET);
    await untilClosed(first);
    for (const session of tickets) {
      const again = await shake(port, { session });
      expect(again.isSessionReused()).toBe(false);
      again.destroy();
    }
  });

  test("names of the certificate are allowed hosts; others, and wildcards, are not", async () => {
    await folder.write(
      "named",
      await folder.makeServer(["cos.example", "*.wild.example", "::1", "127.0.0.1", "localhost"]),
    );
    const tls = { ...folder.files(), cert: folder.path("named.pem"), key: folder.path("named.key") };
    const { port } = await serveTls({ tls });
    expect(await callHttp1(port, { host: `COS.example:${port}` })).toBe(200);
    expect(await callHttp1(port, { host: "[::1]" })).toBe(200);
    expect(await callHttp1(port, { host: "a.wild.example" })).toBe(421);
    expect(await callHttp1(port, { host: "evil.example" })).toBe(421);
  });
});

describe("certificates of clients", () => {
  const NAME = "spiffe://cos/graph";

  async function callAll(served: Served, pair: { cert?: string; key?: string }) {
    await grpcClient(served, pair).getMemory({ position: 1n });
    await grpcClient(served, pair).getMemory({ position: 1n });
    expect(await callHttp1(served.port, pair)).toBe(200);
    expect(await callHttp2(served.port, pair)).toBe(200);
  }

  test("a SPIFFE name reaches the gate over native gRPC, Connect over HTTP/2 and HTTP/1.1", async () => {
    const served = await serveTls();
    const pair = await folder.makeClient([NAME]);
    await callAll(served, pair);
    expect(served.seen.map(({ certificateName }) => certificateName)).toEqual([NAME, NAME, NAME, NAME]);
    const endsMs = Date.parse(new X509Certificate(pair.cert).validTo);
    expect(served.seen.map(({ certificateExpiresMs }) => certificateExpiresMs)).toEqual(Array(4).fill(endsMs));
  });

  test("no certificate is no fault, and no name", async () => {
    const served = await serveTls();
    await callAll(served, {});
    expect(served.seen.map(({ certificateName }) => certificateName)).toEqual(Array(4).fill(undefined));
  });

  test("a certificate is not asked for where nobody is named who signs them", async () => {
    const served = await serveTls({ tls: folder.files() });
    await callAll(served, await folder.makeClient([NAME]));
    expect(served.seen.map(({ certificateName }) => certificateName)).toEqual(Array(4).fill(undefined));
  });

  test.each([
    ["two SPIFFE names", [NAME, "spiffe://cos/admin"]],
    ["a SPIFFE name and another URI", [NAME, "https://cos.example/graph"]],
    ["another URI", ["https://cos.example/graph"]],
    ["two names written as one", ["spiffe://a, URI:spiffe://cos/admin, x"]],
  ] as const)("a certificate with %s has no name", async (_name, uris) => {
    const served = await serveTls();
    await callAll(served, await folder.makeClient([...uris] as [string, ...string[]]));
    expect(served.seen.map(({ certificateName }) => certificateName)).toEqual(Array(4).fill(undefined));
  });

  test("a certificate that does not verify is cut, before anybody is asked who calls", async () => {
    const served = await serveTls();
    const stranger = await makeTlsFolder();
    const dead = { now: new Date(Date.now() - 10 * 24 * 3_600_000), days: 1 };
    const cases = [
      await stranger.makeClient([NAME]),
      await folder.makeClient([NAME], dead),
      // A server's certificate, of the same authority: not for showing oneself as a client.
      await folder.makeServer(),
    ];
    stranger.remove();
    for (const { cert, key } of cases) {
      const call = grpcClient(served, { cert, key }).getMemory({ position: 1n });
      expect(await failureOf(call)).toMatchObject({ code: Code.Unavailable });
      await expect(callHttp1(served.port, { cert, key })).rejects.toThrow();
    }
    expect(served.seen).toEqual([]);
    expect(served.lines.filter(({ msg }) => msg === "client certificate refused").length).toBeGreaterThan(0);
  });

  test("names are read as Node writes them, and quotes make them none", () => {
    expect(spiffeNameOf("DNS:a, URI:spiffe://cos/a")).toBe("spiffe://cos/a");
    expect(spiffeNameOf('URI:"spiffe://a, URI:spiffe://cos/admin, x"')).toBeUndefined();
    expect(spiffeNameOf('DNS:"a, URI:spiffe://cos/admin, x"')).toBeUndefined();
    expect(spiffeNameOf("DNS:spiffe")).toBeUndefined();
    expect(spiffeNameOf(undefined)).toBeUndefined();
  });
});

describe("certificates that change", () => {
  const limits = { certificateReadIntervalMs: 10 };

  async function serial(port: number): Promise<string> {
    const socket = await shake(port);
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  }

  test("are taken over while a stream runs on", async () => {
    let push = (): void => {};
    const served = await serve(
      {
        subscribe: async function* () {
          for (;;) {
            yield { frame: { case: "started" as const, value: {} } };
            await new Promise<void>((resolve) => {
              push = resolve;
            });
          }
        },
      },
      { tls: folder.files(), limits, letIn: () => localAccess() },
    );
    const stopper = new AbortController();
    const stream = grpcClient(served).subscribe({}, { signal: stopper.signal })[Symbol.asyncIterator]();
    expect((await stream.next()).done).toBe(false);
    const before = await serial(served.port);
    await folder.write("server", await folder.makeServer(["localhost", "127.0.0.1", "late.example"]));
    await until(() => served.lines.some(({ msg }) => msg === "certificates read again"));
    expect(await serial(served.port)).not.toBe(before);
    expect(await callHttp1(served.port, { host: "late.example" })).toBe(200);
    push();
    expect((await stream.next()).done).toBe(false);
    stopper.abort();
  });

  test("are left where they do not fit, with one warning, until they do", async () => {
    const own = await makeTlsFolder();
    const served = await serve({}, { tls: own.files(), limits, letIn: () => localAccess() });
    const ask = (ca: string) =>
      createClient(ConductorService, served.openTransport({ tls: { ca } })).getMemory({ position: 1n });
    const fresh = await own.makeServer();
    // The certificate has come, its key not yet.
    await own.write("half", { cert: fresh.cert, key: "-----BEGIN" });
    renameSync(own.path("half.pem"), own.path("server.pem"));
    await until(() => served.lines.some(({ msg }) => msg.includes("COS_TLS_KEY is not the key of COS_TLS_CERT")));
    await ask(own.authority.cert);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(served.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    await own.write("server", fresh);
    await until(() => served.lines.some(({ msg }) => msg === "certificates read again"));
    await ask(own.authority.cert);
    expect(JSON.stringify(served.lines)).not.toContain("PRIVATE");
    own.remove();
  });

  test.each([
    ["has ended", -1, "has ended"],
    ["ends soon", 1, "within three days"],
  ])("one that %s is told once", async (_name, days, words) => {
    const own = await makeTlsFolder();
    const now = new Date(Date.now() + (days < 0 ? -2 * 24 * 3_600_000 : 0));
    await own.write("server", await own.makeServer(["localhost"], { ...validFor(1), now }));
    const served = await serve({}, { tls: own.files(), limits });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(served.lines.filter(({ level, msg }) => level === "warn" && msg.includes(words))).toHaveLength(1);
    own.remove();
  });
});
