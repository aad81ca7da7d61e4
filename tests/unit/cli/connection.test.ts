import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type Ran, run } from "./support/run.ts";

let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "cos-connection-"));
  await mkdir(join(root, ".cos"));
});
afterEach(() => rm(root, { recursive: true }));

async function file(name: string, text: string, mode = 0o600): Promise<string> {
  const path = join(root, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

/** `cos whoami` as it connects. */
function cos(env: Record<string, string> = {}, ...argv: string[]): Promise<Ran> {
  return run(["whoami", ...argv], { transport: new FakeConductor().transport(), root, env });
}

describe("the token", () => {
  test("is the environment's, as it is", async () => {
    const { targets, stdout } = await cos({ COS_TOKEN: " cos_pat_x " });
    expect(targets).toEqual([{ address: "127.0.0.1:50051", token: "cos_pat_x" }]);
    expect(stdout).toContain("(COS_TOKEN)");
  });

  test("or in the file that the environment names, wherever the conductor is", async () => {
    const path = await file("bot.token", "cos_agt_x\n");
    const { targets, stderr } = await cos({ COS_TOKEN_FILE: path, COS_CONDUCTOR_ADDRESS: "https://cos.example:443" });
    expect(targets).toEqual([{ address: "https://cos.example:443", token: "cos_agt_x" }]);
    expect(stderr).toBe("");
  });

  test("else the owner's, which `npm start` wrote, but only to this machine", async () => {
    const path = await file(".cos/owner-token", "cos_pat_owner\n");
    const { targets, stdout } = await cos();
    expect(targets[0]?.token).toBe("cos_pat_owner");
    expect(stdout).toContain(`(${path})`);
    for (const address of ["[::1]:9", "localhost:9", "dns:///127.0.0.1:9"]) {
      expect((await cos({}, "--address", address)).targets[0]?.token).toBe("cos_pat_owner");
    }
    for (const address of ["cos.example:9", "https://cos.example:9", "dns:///cos.example:9"]) {
      expect((await cos({ COS_CONDUCTOR_ADDRESS: address })).targets).toEqual([
        expect.not.objectContaining({ token: expect.anything() }),
      ]);
    }
  });

  test("the owner's is looked for where `npm start` keeps its data", async () => {
    const elsewhere = await mkdtemp(join(tmpdir(), "cos-data-"));
    await writeFile(join(elsewhere, "owner-token"), "cos_pat_elsewhere", { mode: 0o600 });
    expect((await cos({ COS_DATA_DIR: elsewhere })).targets[0]?.token).toBe("cos_pat_elsewhere");
    await rm(elsewhere, { recursive: true });
  });

  test("else there is none, as where the owner's file is empty or out of reach", async () => {
    expect((await cos()).targets).toEqual([{ address: "127.0.0.1:50051" }]);
    await file(".cos/owner-token", "");
    expect((await cos()).targets).toEqual([{ address: "127.0.0.1:50051" }]);
  });

  test("is warned of where others may read its file", async () => {
    const path = await file("bot.token", "cos_agt_x", 0o644);
    const { exitCode, stderr } = await cos({ COS_TOKEN_FILE: path });
    expect({ exitCode, stderr }).toEqual({
      exitCode: 0,
      stderr: `cos: ${path} can be read by others: \`chmod 600 ${path}\` keeps it to yourself\n`,
    });
    await file(".cos/owner-token", "cos_pat_owner", 0o640);
    expect((await cos()).stderr).toContain("owner-token can be read by others");
  });

  test.each([
    [{ COS_TOKEN: "two words" }, "COS_TOKEN must be a token alone: visible characters without spaces"],
    [{ COS_TOKEN: "a", COS_TOKEN_FILE: "b" }, "COS_TOKEN and COS_TOKEN_FILE are both set: unset one of them"],
    [{ COS_TOKEN_FILE: "/dev/null/token" }, "COS_TOKEN_FILE /dev/null/token cannot be read: ENOTDIR"],
  ])("%j is refused without being shown", async (env, message) => {
    expect(await cos(env)).toMatchObject({ exitCode: 2, stderr: `cos: ${message}\n`, targets: [] });
  });

  test("a file that holds something else is refused, and what it holds is not shown", async () => {
    const path = await file("notes", "my secret diary");
    const ran = await cos({ COS_TOKEN_FILE: path });
    expect(ran).toMatchObject({
      exitCode: 2,
      stderr: `cos: COS_TOKEN_FILE ${path} does not hold a token alone\n`,
      targets: [],
    });
  });
});

describe("TLS", () => {
  test("has the files that the environment names", async () => {
    const [ca, cert, key] = [
      await file("ca", "CA", 0o644),
      await file("cert", "CERT", 0o644),
      await file("key", "KEY"),
    ];
    const { targets, stderr } = await cos({ COS_TLS_CA: ca, COS_TLS_CLIENT_CERT: cert, COS_TLS_CLIENT_KEY: key });
    expect(targets).toEqual([{ address: "127.0.0.1:50051", tls: { ca: "CA", cert: "CERT", key: "KEY" } }]);
    expect(stderr).toBe("");
  });

  test("is warned of where others may read the key", async () => {
    const [cert, key] = [await file("cert", "CERT", 0o644), await file("key", "KEY", 0o644)];
    expect((await cos({ COS_TLS_CLIENT_CERT: cert, COS_TLS_CLIENT_KEY: key })).stderr).toContain(
      "key can be read by others",
    );
    expect((await cos({ COS_TLS_CA: cert })).targets[0]?.tls).toEqual({ ca: "CERT" });
  });

  test("all that is missing is told at once, before anybody is talked to", async () => {
    const ran = await cos({ COS_TLS_CA: "/dev/null/ca", COS_TLS_CLIENT_KEY: "/dev/null/key" });
    expect(ran).toMatchObject({ exitCode: 2, targets: [] });
    expect(ran.stderr.split("\n")).toEqual([
      "cos: COS_TLS_CLIENT_CERT and COS_TLS_CLIENT_KEY go together: set both or neither",
      "cos: COS_TLS_CA /dev/null/ca cannot be read: ENOTDIR",
      "cos: COS_TLS_CLIENT_KEY /dev/null/key cannot be read: ENOTDIR",
      "",
    ]);
  });
});
