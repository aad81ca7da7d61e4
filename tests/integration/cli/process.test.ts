import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { makeAuthority, makeClientCertificate } from "#services/cli/dev-certs/make-certificates.ts";
import { Output } from "#services/cli/output/output.ts";
import { runJob, runJobs } from "#services/cli/run-job.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openServer, type RpcServer } from "#shared/rpc/open-server.ts";
import { runCommand, startCommand } from "#tests/support/mesh-command.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { makeTlsFolder, validFor } from "#tests/support/tls-folder.ts";
import { FakeConductor } from "#tests/unit/cli/support/fake-conductor.ts";
import { Sink } from "#tests/unit/cli/support/run.ts";

jest.setTimeout(30_000);

const COS = join(ROOT, "bin", "cos.mjs");
const folder = await temporaryFolder();
let server: RpcServer;
const fake = new FakeConductor();
const given = () => ({
  name: "fake",
  services: fake.services(),
  listen: { host: "127.0.0.1", port: 0 },
  log: openLog({ service: "fake", level: "silent" }),
  letIn: () => localAccess(),
});
beforeAll(async () => {
  server = await openServer(given());
});
afterAll(() => server.close());

const env = (): Record<string, string> => ({ COS_CONDUCTOR_ADDRESS: `127.0.0.1:${server.address.port}` });
const stdio = ["pipe", "pipe", "pipe"] as const;

/** Other Nodes of this machine that a person may have in the PATH, from 20 on. */
function foreignNodes(): string[] {
  return ["/usr/bin/node", "/usr/local/bin/node"].filter((path) => {
    if (!existsSync(path)) return false;
    return Number.parseInt(execFileSync(path, ["--version"]).toString().slice(1), 10) >= 20;
  });
}

test("a certificate that the server does not believe is named as what may be wrong", async () => {
  const tls = await makeTlsFolder();
  const stranger = await makeClientCertificate(
    await makeAuthority(validFor(1), "a stranger"),
    ["spiffe://x/y"],
    validFor(1),
  );
  await tls.write("client", stranger);
  const strict = await openServer({ ...given(), tls: tls.files(true) });
  const { code, stderr } = await runCommand(process.execPath, [COS, "whoami"], {
    env: {
      COS_CONDUCTOR_ADDRESS: `https://127.0.0.1:${strict.address.port}`,
      COS_TLS_CA: tls.path("ca.pem"),
      COS_TLS_CLIENT_CERT: tls.path("client.pem"),
      COS_TLS_CLIENT_KEY: tls.path("client.key"),
    },
  });
  await strict.close();
  tls.remove();
  expect({ code, stderr }).toEqual({
    code: 4,
    stderr: expect.stringMatching(
      /^cos: .* perhaps because it does not believe the certificate of COS_TLS_CLIENT_CERT/,
    ),
  });
});

describe.each([...new Set([process.execPath, ...foreignNodes()])])("run by %s", (node) => {
  test("it works, and tells by its exit code", async () => {
    const recorded = await runCommand(node, [COS, "record", "-"], { env: env(), input: "from a pipe" });
    expect(recorded).toMatchObject({ code: 0, stderr: "", stdout: expect.stringMatching(/^recorded cc\/\d+ /) });
    await expect(runCommand(node, [COS, "get", "nonsense"], { env: env() })).resolves.toMatchObject({ code: 2 });
    await expect(runCommand(node, [COS, "get", "cc/999"], { env: env() })).resolves.toMatchObject({ code: 3 });
  });

  test("Ctrl-C ends it in good order, whether one process or the whole group hears it", async () => {
    for (const group of [false, true]) {
      const running = startCommand(node, [COS, "import", "-"], { env: env(), stdio: [...stdio], detached: group });
      const before = fake.all("cc").length;
      running.process.stdin?.write(`{"source":"me","event_type":"note","text":"${node} ${group}"}\n`);
      while (fake.all("cc").length === before) await new Promise((resolve) => setTimeout(resolve, 5));
      if (group) process.kill(-running.process.pid!, "SIGINT");
      else running.process.kill("SIGINT");
      const { code, stdout, stderr } = await running.ended;
      expect(code).toBe(130);
      expect(stdout).toMatch(/^stdin: [01] recorded/);
      expect(stderr).toMatch(/type the same command again/);
    }
  });
});

test("a second Ctrl-C ends it at once, although there are answers to wait for", async () => {
  const sent = Promise.withResolvers<void>();
  fake.mischief.stalls = sent.resolve;
  const running = startCommand(process.execPath, [COS, "import", "-"], { env: env(), stdio: [...stdio] });
  running.process.stdin?.write('{"source":"me","event_type":"note","text":"never answered"}\n');
  await sent.promise;
  running.process.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 200));
  running.process.kill("SIGINT");
  const { code, stdout } = await running.ended;
  expect({ code, stdout }).toEqual({ code: 130, stdout: "" });
  delete fake.mischief.stalls;
});

test("a reader that goes ends it quietly", async () => {
  for (let index = 0; index < 200; index += 1) {
    fake.memories.get("cc")?.push({ ...fake.all("cc")[0]!, text: "x".repeat(2000) });
  }
  const { stdout, stderr } = await runCommand(
    "sh",
    ["-c", `"${process.execPath}" "${COS}" list --limit all; echo $? >&2`],
    { env: env() },
  );
  expect(stdout.split("\n").length).toBeGreaterThan(200);
  expect(stderr).toBe("0\n");
  const cut = await runCommand(
    "sh",
    ["-c", `("${process.execPath}" "${COS}" list --limit all; echo $? >&2) | head -1`],
    { env: env() },
  );
  expect(cut.stdout.split("\n")).toHaveLength(2);
  expect(cut.stderr).toBe("0\n");
});

describe("a job of a service's", () => {
  const cli = (signal = new AbortController().signal) => {
    const [stdout, stderr] = [new Sink(), new Sink()];
    const terminal = { stdin: new PassThrough(), stdout, stderr, env: { SAID: "hello" }, signal } as never;
    return {
      terminal,
      stdout,
      stderr,
      out: new Output(stdout, {}),
      err: new Output(stderr, {}),
      address: "",
      service: "conductor" as const,
      tokenSource: undefined,
      showsCertificate: false,
      exitCode: 0,
    };
  };

  test("runs the service's own program with the environment, and ends as it does", async () => {
    const script = join(folder, "migrate.mjs");
    await writeFile(script, 'console.log(process.env.SAID); console.error("done"); process.exitCode = 3;');
    const given = cli();
    expect(await runJob(given, "migrate.mjs", pathToFileURL(`${folder}/`))).toBe(3);
    expect([given.stdout.text, given.stderr.text]).toEqual(["hello\n", "done\n"]);
  });

  test("comes after the one before, if that succeeds", async () => {
    for (const [name, code] of [
      ["first", 0],
      ["second", 4],
      ["third", 0],
    ] as const) {
      await writeFile(join(folder, `${name}.mjs`), `console.log("${name}"); process.exitCode = ${code};`);
    }
    const [failing, good] = [cli(), cli()];
    const from = pathToFileURL(`${folder}/`);
    expect(await runJobs(failing, ["first.mjs", "second.mjs", "third.mjs"], from)).toBe(4);
    expect(failing.stdout.text).toBe("first\nsecond\n");
    expect(await runJobs(good, ["first.mjs", "third.mjs"], from)).toBe(0);
    expect(good.stdout.text).toBe("first\nthird\n");
  });

  test("Ctrl-C reaches it", async () => {
    const script = join(folder, "wait.mjs");
    await writeFile(
      script,
      'process.on("SIGINT", () => process.exit(1)); console.log("up"); setTimeout(() => {}, 60_000);',
    );
    const controller = new AbortController();
    const given = cli(controller.signal);
    given.stdout.onText = () => controller.abort();
    expect(await runJob(given, "wait.mjs", pathToFileURL(`${folder}/`))).toBe(130);
  });
});
