import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { Writable } from "node:stream";
import { describe, expect, test } from "@jest/globals";
import type { Cli } from "#services/cli/cli.ts";
import { devCertsCommand } from "#services/cli/commands/dev-certs.ts";
import { makeAuthority } from "#services/cli/dev-certs/make-certificates.ts";
import { writePair } from "#services/cli/dev-certs/write-pair.ts";
import { Output } from "#services/cli/output/output.ts";
import { readCertificates } from "#shared/rpc/tls-certificates.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const folder = await temporaryFolder();

/** Runs the command; answers with what it says. */
function devCerts(...args: string[]): Promise<string> {
  return devCertsIn({}, ...args);
}

async function devCertsIn(env: Record<string, string>, ...args: string[]): Promise<string> {
  let said = "";
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      said += chunk.toString();
      done();
    },
  });
  const cli = { out: new Output(stdout, {}), terminal: { root: folder, env }, exitCode: -1 } as unknown as Cli;
  const command = devCertsCommand(cli)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  await command.parseAsync(args, { from: "user" });
  expect(cli.exitCode).toBe(0);
  return said;
}

const certificateAt = (path: string) => new X509Certificate(readFileSync(path));

describe("cos dev-certs", () => {
  test("makes an authority and a server's certificate for this machine, and says what to set", async () => {
    const said = await devCerts();
    const at = (file: string) => join(folder, ".cos", "certs", file);
    expect(said).toContain(`COS_TLS_CERT=${at("server.pem")}\n`);
    expect(said).toContain(`COS_TLS_KEY=${at("server.key")}\n`);
    expect(said).toContain(`COS_TLS_CA=${at("ca.pem")}\n`);
    expect(said).not.toContain("COS_TLS_CLIENT");
    const files = { cert: at("server.pem"), key: at("server.key"), clientCa: at("ca.pem") };
    expect(readCertificates(files).hosts).toEqual(["localhost", "127.0.0.1", "[::1]"]);
    expect(certificateAt(at("server.pem")).checkIssued(certificateAt(at("ca.pem")))).toBe(true);
  });

  test("puts them below the data folder, wherever that is", async () => {
    const said = await devCertsIn({ COS_DATA_DIR: "elsewhere" });
    expect(said).toContain(`COS_TLS_CA=${join(folder, "elsewhere", "certs", "ca.pem")}\n`);
  });

  test("keys are their owner's alone, and nothing half written is left", async () => {
    const out = join(folder, "modes");
    await devCerts("--out", out, "--client", "spiffe://cos/ns/graph");
    const modes = readdirSync(out).map((file) => [file, statSync(join(out, file)).mode & 0o777]);
    expect(Object.fromEntries(modes)).toEqual({
      "ca.key": 0o600,
      "ca.pem": 0o644,
      "client-ns-graph.key": 0o600,
      "client-ns-graph.pem": 0o644,
      "server.key": 0o600,
      "server.pem": 0o644,
    });
  });

  test("names further hosts and clients", async () => {
    const out = join(folder, "names");
    const said = await devCerts(
      "--out",
      out,
      "--host",
      "cos.local",
      "--host",
      "10.0.0.1",
      "--client",
      "spiffe://cos/graph",
    );
    expect(certificateAt(join(out, "server.pem")).subjectAltName).toContain("DNS:cos.local, IP Address:10.0.0.1");
    const client = certificateAt(join(out, "client-graph.pem"));
    expect(client.subjectAltName).toBe("URI:spiffe://cos/graph");
    expect(client.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(said).toContain(`COS_TLS_CLIENT_CA=${join(out, "ca.pem")}\n`);
    expect(said).toContain(`COS_TLS_CLIENT_KEY=${join(out, "client-graph.key")}\n`);
  });

  test("keeps its authority from one time to the next, and renews the rest", async () => {
    const out = join(folder, "again");
    await devCerts("--out", out);
    const [ca, server] = ["ca.pem", "server.pem"].map((file) => readFileSync(join(out, file), "utf8"));
    await devCerts("--out", out, "--days", "1");
    expect(readFileSync(join(out, "ca.pem"), "utf8")).toBe(ca);
    expect(readFileSync(join(out, "server.pem"), "utf8")).not.toBe(server);
    expect(certificateAt(join(out, "server.pem")).checkIssued(certificateAt(join(out, "ca.pem")))).toBe(true);
  });

  test("replaces an authority that has ended", async () => {
    const out = join(folder, "again");
    const ended = await makeAuthority({ now: new Date(0), days: 1 });
    await writePair(out, "ca", ended);
    await devCerts("--out", out);
    expect(certificateAt(join(out, "ca.pem")).validToDate.getTime()).toBeGreaterThan(Date.now());
  });

  test.each([
    [["--host", "a:1"]],
    [["--host", "https://a"]],
    [["--client", "graph"]],
    [["--client", "spiffe://cos"]],
    [["--client", "spiffe://cos/../x"]],
    [["--client", "spiffe://cos/a,b"]],
    [["--days", "826"]],
    [["--days", "0"]],
  ])("refuses %p", async (args) => {
    await expect(devCerts(...args)).rejects.toMatchObject({ code: "commander.invalidArgument" });
  });
});
