import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type Ran, type RunOptions, run } from "./support/run.ts";

let fake = new FakeConductor();
beforeEach(() => {
  fake = new FakeConductor();
});
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-scratch-"));
});
afterAll(() => rm(folder, { recursive: true }));

const scratch = (argv: string[], options: RunOptions = {}): Promise<Ran> =>
  run(["scratch", ...argv], { transport: fake.transport(), ...options });
const lastPut = () => fake.scratch.putRequests.at(-1)!;

async function file(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe("scratch put", () => {
  test("writes what was typed, for as long as was typed, and tells until when", async () => {
    const { exitCode, stdout } = await scratch(["put", "outline", "three acts", "--ttl", "2h"]);
    expect({ exitCode, stdout }).toEqual({
      exitCode: 0,
      stdout: "wrote outline until 2027-01-15 10:00:00Z, revision 1\n",
    });
    expect(lastPut()).toMatchObject({
      note: { module: "cc", key: "outline", text: "three acts", ttl: { seconds: 7200n } },
      revision: 0n,
      onlyIfAbsent: false,
    });
  });

  test("takes a module, a revision, or that there be none, and a value", async () => {
    await scratch(["put", "a", "x", "--module", "drafts", "--revision", "7", "--value", '{"n":1}']);
    expect(lastPut()).toMatchObject({ note: { module: "drafts", value: { n: 1 } }, revision: 7n });
    await scratch(["put", "lock", "--if-absent"]);
    expect(lastPut()).toMatchObject({ note: { key: "lock", text: "" }, onlyIfAbsent: true });
  });

  test("reads standard input without its last line break, and files exactly", async () => {
    await scratch(["put", "a", "-"], { stdin: "one\ntwo\n" });
    expect(lastPut().note?.text).toBe("one\ntwo");
    await scratch(["put", "a", "--file", "-"], { stdin: "one\ntwo\n" });
    expect(lastPut().note?.text).toBe("one\ntwo\n");
    await scratch(["put", "a", "--file", await file("a.md", "\ufeffacts\r\n")]);
    expect(lastPut().note?.text).toBe("\ufeffacts\r\n");
  });

  test("says what is wrong before it calls", async () => {
    const refused = async (argv: string[], says: RegExp): Promise<void> => {
      const { exitCode, stderr } = await scratch(["put", "a", ...argv]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: expect.stringMatching(says) });
    };
    await refused([], /nothing to write: give a text, - for standard input, --file, or --value/);
    await refused(["x", "--file", "y"], /given twice/);
    await refused(["--file", join(folder, "missing")], /there is no such file/);
    await refused(["--file", await file("large", "x".repeat(256 * 1024 + 1))], /at most 256 KiB/);
    await refused(["--file", await file("latin", Buffer.from([0xe4, 0x20]))], /is no UTF-8 text/);
    await refused(["x", "--ttl", "soon"], /length of time/);
    await refused(["x", "--revision", "1", "--if-absent"], /cannot be used with/);
    expect(fake.scratch.putRequests).toEqual([]);
  });

  test("a quota that is used up is a failure that waiting does not mend", async () => {
    const message = 'module "cc" may hold 10000 notes (scratch_notes_max), and would hold more';
    fake.mischief.refuses = () => quotaExceeded(message);
    const { exitCode, stderr } = await scratch(["put", "a", "x"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `cos: ${message}\n` });
  });
});

describe("scratch get", () => {
  test("writes what the note says and nothing else", async () => {
    await scratch(["put", "a", "--file", "-"], { stdin: "one\u0007\ntwo\n" });
    expect((await scratch(["get", "a"])).stdout).toBe("one\u0007\ntwo\n");
    expect((await scratch(["get", "a"], { isTTY: true })).stdout).toBe("one\ntwo\n");
    expect(JSON.parse((await scratch(["get", "a", "--json"])).stdout)).toMatchObject({ key: "a", revision: "1" });
  });

  test("of one that says nothing but a value, the value", async () => {
    await scratch(["put", "a", "--value", '{"acts":3}']);
    expect((await scratch(["get", "a"])).stdout).toBe('{"acts":3}\n');
  });

  test("of none ends with 3 and says so", async () => {
    expect(await scratch(["get", "nothing"])).toMatchObject({
      exitCode: 3,
      stdout: "",
      stderr: 'cos: there is no note "nothing" in module "cc"\n',
    });
  });
});

describe("scratch ls, touch, rm and stats", () => {
  test("lists all pages, without what notes say, or with it for programs", async () => {
    for (const key of ["ch/1", "ch/2", "ch/3", "other"]) await scratch(["put", key, "text"]);
    const { stdout } = await scratch(["ls"]);
    expect(stdout.split("\n")).toHaveLength(6);
    expect(stdout).toMatch(/^KEY +BYTES +REVISION +EXPIRES +BY\nch\/1 +8 +1 +2027-01-16 08:00:00Z +local\n/);
    const lines = (await scratch(["ls", "ch/", "--json"])).stdout.trim().split("\n");
    expect(lines.map((line) => JSON.parse(line))).toMatchObject(
      ["ch/1", "ch/2", "ch/3"].map((key) => ({ key, text: "text" })),
    );
    expect(await scratch(["ls", "nothing"])).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: "cos: there are none in module cc: `cos scratch put` writes one\n",
    });
  });

  test("touches", async () => {
    await scratch(["put", "a", "x"]);
    expect((await scratch(["touch", "a", "--ttl", "1h"])).stdout).toBe("a lives until 2027-01-15 09:00:00Z\n");
    expect((await scratch(["touch", "a"])).stdout).toBe("a lives until 2027-01-16 08:00:00Z\n");
    expect(JSON.parse((await scratch(["touch", "a", "--json"])).stdout)).toMatchObject({ key: "a" });
  });

  test("deletes", async () => {
    await scratch(["put", "a", "x"]);
    await scratch(["put", "b", "x"]);
    expect((await scratch(["rm", "a"])).stdout).toBe("deleted a\n");
    expect(JSON.parse((await scratch(["rm", "b", "--json", "--revision", "2"])).stdout)).toEqual({
      module: "cc",
      key: "b",
    });
    expect(await scratch(["rm", "a"])).toMatchObject({ exitCode: 3 });
  });

  test("counts", async () => {
    expect((await scratch(["stats"])).stdout).toBe(
      ["notes  0 of 10,000", "bytes  1,234 of 67,108,864", "ttl    1 d, at most 30 d", ""].join("\n"),
    );
    await scratch(["put", "a", "x"]);
    expect((await scratch(["stats"])).stdout).toContain("next expires  2027-01-16 08:00:00Z\n");
    expect(JSON.parse((await scratch(["stats", "--json"])).stdout)).toMatchObject({ notes: "1" });
  });

  test("a put that is answered with its note is told as such for programs", async () => {
    expect(JSON.parse((await scratch(["put", "a", "x", "--json"])).stdout)).toMatchObject({ key: "a", revision: "1" });
  });
});

function quotaExceeded(message: string): ConnectError {
  const error = new ConnectError(message, Code.ResourceExhausted);
  error.details.push({ desc: ErrorInfoSchema, value: { domain: "cos", reason: "QUOTA_EXCEEDED" } });
  return error;
}
