import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect } from "@jest/globals";
import { Health } from "#gen/grpc/health/v1/health_pb.ts";
import type { Credentials } from "#shared/auth/let-in.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openServer, type RpcServer } from "#shared/rpc/open-server.ts";
import { requireTool } from "#tests/support/find-tool.ts";
import { pythonWithGrpc, testWith } from "#tests/support/mesh-clients.ts";
import { makeTlsFolder, type TlsFolder } from "#tests/support/tls-folder.ts";
import { needs } from "#tests/support/tools.ts";

const run = promisify(execFile);
const NAME = "spiffe://cos/graph";

let folder: TlsFolder;
let server: RpcServer;
const seen: (string | undefined)[] = [];
beforeAll(async () => {
  folder = await makeTlsFolder();
  await folder.write("client", await folder.makeClient([NAME]));
  await folder.write("stranger", await (await strangers()).makeClient([NAME]));
  server = await openServer({
    name: "test",
    services: [],
    listen: { host: "127.0.0.1", port: 0 },
    log: openLog({ service: "test", level: "silent" }),
    tls: folder.files(true),
    healthListen: { host: "127.0.0.1", port: 0 },
    letIn: ({ certificateName }: Credentials) => {
      seen.push(certificateName);
      return localAccess();
    },
  });
  server.health.setAll("SERVING");
});
afterAll(async () => {
  await server?.close();
  folder.remove();
});

async function strangers(): Promise<TlsFolder> {
  const made = await makeTlsFolder();
  made.remove();
  return made;
}

const at = () => `localhost:${server.address.port}`;
const pair = (name: string) => [folder.path(`${name}.pem`), folder.path(`${name}.key`)] as const;

describe("curl", () => {
  const ask = (...options: string[]) =>
    run(requireTool("curl"), [
      ...["--silent", "--show-error", "--header", "content-type: application/json", "--data", "{}"],
      ...["--write-out", " %{http_version} %{http_code}", ...options, `https://${at()}/${Health.typeName}/Check`],
    ]);

  needs("curl")("calls over HTTP/2 and HTTP/1.1", async () => {
    const ca = ["--cacert", folder.path("ca.pem")];
    expect((await ask(...ca, "--http2")).stdout).toBe('{"status":"SERVING"} 2 200');
    expect((await ask(...ca, "--http1.1")).stdout).toBe('{"status":"SERVING"} 1.1 200');
    expect((await ask(...ca, "--http1.1", "--no-alpn")).stdout).toBe('{"status":"SERVING"} 1.1 200');
  });

  needs("curl")("does not believe a server of another authority, and gets no TLS 1.2", async () => {
    await expect(ask()).rejects.toMatchObject({ code: 60 });
    await expect(ask("--cacert", folder.path("ca.pem"), "--tls-max", "1.2")).rejects.toMatchObject({ code: 35 });
  });

  needs("curl")("is cut when it shows a certificate that nobody here has signed", async () => {
    const [cert, key] = pair("stranger");
    const asked = ask("--cacert", folder.path("ca.pem"), "--cert", cert, "--key", key);
    // The connection is reset, closed, or its bytes cannot be read: never an answer.
    await expect(asked).rejects.toMatchObject({ code: expect.any(Number), stdout: expect.not.stringContaining("200") });
  });
});

describe("grpcurl", () => {
  needs("grpcurl")("lists the services, and is known by its certificate", async () => {
    const [cert, key] = pair("client");
    const options = ["-cacert", folder.path("ca.pem"), "-cert", cert, "-key", key, at(), "list"];
    expect((await run(requireTool("grpcurl"), options)).stdout).toContain(Health.typeName);
    expect(seen.at(-1)).toBe(NAME);
  });

  needs("grpcurl")("is served without a certificate, and cut with a stranger's", async () => {
    const ca = ["-max-time", "3", "-cacert", folder.path("ca.pem")];
    const check = [at(), `${Health.typeName}/Check`];
    expect((await run(requireTool("grpcurl"), [...ca, ...check])).stdout).toContain("SERVING");
    const [cert, key] = pair("stranger");
    await expect(run(requireTool("grpcurl"), [...ca, "-cert", cert, "-key", key, ...check])).rejects.toThrow();
  });

  needs("grpcurl")("gets nothing without TLS, but from the port for health", async () => {
    const check = `${Health.typeName}/Check`;
    await expect(run(requireTool("grpcurl"), ["-plaintext", "-max-time", "2", at(), check])).rejects.toThrow();
    const { host, port } = server.healthAddress!;
    // That port has no reflection: the contract comes from its file.
    const options = ["-plaintext", "-import-path", "proto", "-proto", "grpc/health/v1/health.proto"];
    const { stdout } = await run(requireTool("grpcurl"), [...options, `${host}:${port}`, check]);
    expect(stdout).toContain("SERVING");
  });
});

describe("grpc-health-probe", () => {
  const probe = (...options: string[]) => run(requireTool("grpc-health-probe"), options);

  needs("grpc-health-probe")("asks over TLS, and without it at the port for health", async () => {
    await probe(`-addr=${at()}`, "-tls", `-tls-ca-cert=${folder.path("ca.pem")}`);
    const { host, port } = server.healthAddress!;
    await probe(`-addr=${host}:${port}`);
    await expect(probe(`-addr=${at()}`, "-connect-timeout=1s")).rejects.toThrow();
  });
});

describe("Python", () => {
  const PROGRAM = `
import sys, grpc
address, ca, cert, key = sys.argv[1:]
read = lambda path: open(path, "rb").read() if path else None
channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(read(ca), read(key), read(cert)))
print(channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=3).hex())
`;
  const python = pythonWithGrpc();
  const check = (ca: string, cert = "", key = "") =>
    run(python as string, ["-c", PROGRAM, at(), folder.path(ca), cert, key]);

  testWith(python, "Python with grpcio-tools")(
    "calls with a certificate and without, and believes the authority alone",
    async () => {
      expect((await check("ca.pem")).stdout).toBe("0801\n");
      expect((await check("ca.pem", ...pair("client"))).stdout).toBe("0801\n");
      await expect(check("stranger.pem")).rejects.toThrow("UNAVAILABLE");
      await expect(check("ca.pem", ...pair("stranger"))).rejects.toThrow("UNAVAILABLE");
    },
  );
});
