import { Code, createClient } from "@connectrpc/connect";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Credentials } from "#shared/auth/let-in.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { openTransport, type TransportOptions } from "#shared/rpc/open-transport.ts";
import { parseAddress } from "#shared/rpc/parse-address.ts";
import { closeServed, collect, failureOf, serve } from "#tests/support/rpc/serve.ts";
import { makeTlsFolder, type TlsFolder } from "#tests/support/tls-folder.ts";

let folder: TlsFolder;
beforeAll(async () => {
  folder = await makeTlsFolder();
});
afterAll(() => folder.remove());
afterEach(closeServed);

async function serveNoting(tls: boolean) {
  const seen: Credentials[] = [];
  const letIn = (credentials: Credentials) => {
    seen.push(credentials);
    return localAccess();
  };
  const served = await serve({}, { letIn, ...(tls && { tls: folder.files() }) });
  const clientOf = (options: Partial<TransportOptions>) =>
    createClient(ConductorService, served.openTransport(options));
  return { ...served, seen, clientOf };
}

describe("a client over TLS", () => {
  test.each([
    ["an address", (port: number) => `127.0.0.1:${port}`],
    ["a name", (port: number) => `localhost:${port}`],
    ["a URL", (port: number) => `https://localhost:${port}`],
    ["a target of grpc-js", (port: number) => `dns:///localhost:${port}`],
  ])("verifies the server by %s", async (_name, addressOf) => {
    const { port, clientOf } = await serveNoting(true);
    await clientOf({ address: addressOf(port), tls: { ca: folder.authority.cert } }).getMemory({ position: 1n });
  });

  test.each([
    ["of an authority that it does not know", {}],
    ["of another name", { serverName: "other.example" }],
  ])("refuses a server %s", async (_name, tls) => {
    const { clientOf, seen } = await serveNoting(true);
    const options = "serverName" in tls ? { ...tls, ca: folder.authority.cert } : tls;
    const error = await failureOf(clientOf({ tls: options, token: "t" }).getMemory({ position: 1n }));
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(seen).toEqual([]);
  });

  test("refuses an address that the certificate does not name", async () => {
    await folder.write("other", await folder.makeServer(["localhost", "127.0.0.2"]));
    const tls = { cert: folder.path("other.pem"), key: folder.path("other.key"), clientCa: undefined };
    const served = await serve({}, { tls });
    const ask = (options: Partial<TransportOptions>) =>
      createClient(ConductorService, served.openTransport(options)).getMemory({ position: 1n });
    const { cert: ca } = folder.authority;
    expect(await failureOf(ask({ tls: { ca } }))).toMatchObject({ code: Code.Unavailable });
    await ask({ tls: { ca, serverName: "localhost" } });
  });

  test("never falls back: a server without TLS gets nothing", async () => {
    const { clientOf, seen } = await serveNoting(false);
    const error = await failureOf(clientOf({ tls: {}, token: "t" }).getMemory({ position: 1n }));
    expect(error).toMatchObject({ code: Code.Unavailable });
    expect(seen).toEqual([]);
  });

  test("refuses to start with certificates and http://, or with PEM that is none", () => {
    const open = (options: TransportOptions) => () => openTransport(options);
    expect(open({ address: "http://localhost:1", tls: {} })).toThrow(SettingsError);
    expect(open({ address: "localhost:1", tls: { cert: "x", key: "y" } })).toThrow(
      /^the TLS certificates of this client are wrong: no start line/,
    );
  });
});

describe("a token", () => {
  test("goes with every call over TLS, unless the call has its own", async () => {
    const { clientOf, seen } = await serveNoting(true);
    const client = clientOf({ tls: { ca: folder.authority.cert }, token: "one" });
    await client.getMemory({ position: 1n });
    await collect(client.subscribe({}));
    await client.getMemory({ position: 1n }, { headers: { authorization: "Bearer two" } });
    expect(seen.map(({ authorization }) => authorization)).toEqual(["Bearer one", "Bearer one", "Bearer two"]);
  });

  test.each(["127.0.0.1:1", "[::1]:1", "localhost:1", "http://localhost:1/", "dns:///localhost:1", "unix:/x.sock"])(
    "goes without TLS to this machine: %s",
    (address) => openTransport({ address, token: "t" }).close(),
  );

  test.each([
    "cos.example:1",
    "http://cos.example:1",
    "10.0.0.1:1",
    "dns:///cos.example:1",
    "dns://127.0.0.1/cos.example:1",
    "ipv4:127.0.0.1:1,10.0.0.1:1",
    "localhost.example:1",
  ])("does not go without TLS to another machine: %s", (address) => {
    expect(() => openTransport({ address, token: "hunter2" })).toThrow(/^a token is not sent to .* without TLS/);
    expect(() => openTransport({ address, token: "hunter2" })).not.toThrow(/hunter2/);
  });
});

test("an address is taken apart", () => {
  expect(parseAddress("https://[::1]:50051/")).toEqual({
    target: "[::1]:50051",
    tls: true,
    host: "::1",
    isLocal: true,
  });
  expect(parseAddress("dns:///conductor:50051")).toMatchObject({ tls: undefined, host: "conductor", isLocal: false });
});
