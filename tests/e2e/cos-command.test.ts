import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { runCommand, startCommand } from "#tests/support/mesh-command.ts";
import { DIARY_ENTRIES, diaryFile } from "#tests/support/mesh-diary.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(60_000);

const COS = join(ROOT, "bin", "cos.mjs");
const MAP = "idempotency_key=key,occurred_at=occurred_on,source=author";

const folder = await temporaryFolder();
let mesh: Mesh;
beforeAll(async () => {
  mesh = await openMesh();
});
afterAll(() => mesh.stop());

const env = () => ({ COS_CONDUCTOR_ADDRESS: mesh.address });
const cos = (args: readonly string[], input?: string) =>
  runCommand(process.execPath, [COS, ...args], { env: env(), ...(input === undefined ? {} : { input }) });
const startCos = (...args: string[]) => startCommand(process.execPath, [COS, ...args], { env: env() });

/** The objects of an output of one JSON object a line. */
const objects = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

describe("the diary", () => {
  beforeAll(async () => {
    const first = await cos(["import", diaryFile(folder), "--module", "pepys", "--map", MAP]);
    expect(first).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("3,413 recorded, 0 already there, 0 failed"),
    });
  });

  test("is imported again without recording anything twice", async () => {
    const again = await cos(["import", diaryFile(folder), "--module", "pepys", "--map", MAP, "--json"]);
    expect(objects(again.stdout).at(-1)).toEqual({ recorded: 0, alreadyThere: DIARY_ENTRIES, failed: 0 });
    const { module } = await mesh.client().modules.getModule({ name: "pepys" });
    expect(module?.head?.position).toBe(BigInt(DIARY_ENTRIES));
  });

  test("is read from its first entry on, that one included", async () => {
    const { code, stdout } = await cos(["tail", "--module", "pepys", "--from", "1", "--limit", "5", "--json"]);
    expect(code).toBe(0);
    expect(objects(stdout).map(({ position }) => position)).toEqual(["1", "2", "3", "4", "5"]);
  });

  test("lists January 1660, and gives one entry by its id", async () => {
    const { stdout } = await cos([
      ...["list", "--module", "pepys", "--since", "1660-01-01", "--until", "1660-02-01"],
      ...["--limit", "all", "--json"],
    ]);
    const listed = objects(stdout);
    expect(listed.length).toBeGreaterThan(10);
    for (const { occurredAt } of listed) expect(occurredAt).toMatch(/^1660-01-\d\dT00:00:00Z$/);
    const got = await cos(["get", String(listed[0]?.id), "--json"]);
    expect(objects(got.stdout)).toEqual([listed[0]]);
  });
});

describe("import", () => {
  test.each([
    ["stop", 1999, /[0-9,]+ recorded, 0 already there, 1 failed/],
    ["skip", 2999, /2,999 recorded, 0 already there, 1 failed/],
  ] as const)("a broken line 2,000 is named; --on-error %s", async (onError, most, counts) => {
    const file = join(folder, `broken-${onError}.jsonl`);
    const lines = Array.from({ length: 3000 }, (_, n) =>
      n === 1999
        ? '{"event_type":"note","source":"me","text":'
        : `{"event_type":"note","source":"me","text":"line ${n}"}`,
    );
    writeFileSync(file, lines.join("\n"));
    const module = `broken_${onError}`;
    const { code, stdout, stderr } = await cos(["import", file, "--module", module, "--on-error", onError]);
    expect(code).toBe(1);
    expect(stderr).toMatch(/line 2,?000/);
    expect(stdout).toMatch(counts);
    const { module: kept } = await mesh.client().modules.getModule({ name: module });
    expect(Number(kept?.head?.position)).toBe(most);
  });

  test("takes standard input, and a line that the server refuses is named too", async () => {
    const lines = [
      '{"event_type":"note","source":"me","text":"good"}',
      '{"event_type":"cos.no","source":"me","text":"x"}',
    ];
    const { code, stdout, stderr } = await cos(
      ["import", "-", "--module", "stdin_lines", "--on-error", "skip"],
      lines.join("\n"),
    );
    expect({ code, stdout }).toEqual({
      code: 1,
      stdout: expect.stringContaining("1 recorded, 0 already there, 1 failed"),
    });
    expect(stderr).toMatch(/line 2.*event_type/);
  });

  needs("git")("takes a git repository, a memory for each commit, once", async () => {
    const repository = join(folder, "repository");
    const git = (...args: string[]) =>
      runCommand("git", ["-c", "user.name=Samuel", "-c", "user.email=s@example.org", "-C", repository, ...args]);
    await runCommand("git", ["init", "-q", repository]);
    for (const message of ["Up betimes", "To the office", "And so to bed"]) {
      await git("commit", "-q", "--allow-empty", "-m", message);
    }
    const first = await cos(["import", "git", repository, "--module", "history"]);
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining("3 recorded") });
    const again = await cos(["import", "git", repository, "--module", "history"]);
    expect(again.stdout).toContain("0 recorded, 3 already there");
    const { stdout } = await cos(["list", "--module", "history", "--json"]);
    expect(objects(stdout).map(({ text }) => text)).toEqual([
      expect.stringContaining("Up betimes"),
      expect.stringContaining("To the office"),
      expect.stringContaining("And so to bed"),
    ]);
  });
});

describe("tail", () => {
  test("hears what is recorded in another terminal; Ctrl-C ends it with 130", async () => {
    const tail = startCos("tail", "--module", "cc", "--from-beginning");
    const recorded = await cos(["record", "Up betimes and to my office", "--module", "cc", "--tag", "diary"]);
    expect(recorded.code).toBe(0);
    await tail.says(/Up betimes and to my office/);
    tail.process.kill("SIGINT");
    await expect(tail.ended).resolves.toMatchObject({ code: 130 });
  });

  test("goes on by itself when the server restarts, and says so", async () => {
    const tail = startCos("tail", "--module", "cc", "--from-beginning");
    await cos(["record", "before the restart"]);
    await tail.says(/before the restart/);
    await mesh.restart();
    await cos(["record", "after the restart"]);
    await tail.says(/after the restart/);
    expect(tail.stderr()).toMatch(/connection lost[\s\S]*connected again: going on without a gap/);
    expect(tail.stdout().match(/before the restart/g)).toHaveLength(1);
    tail.process.kill("SIGINT");
    await tail.ended;
  });
});

test("exit codes tell a script what happened", async () => {
  const unknown = "019a3f5e-7c1b-7d0e-8c55-0f6b2a9d4e11";
  await expect(cos(["get", unknown])).resolves.toMatchObject({ code: 3 });
  await expect(cos(["get", "no-id"])).resolves.toMatchObject({ code: 2 });
  await expect(cos(["list", "--module", "nobody"])).resolves.toMatchObject({ code: 3 });
  const away = await runCommand(process.execPath, [COS, "list"], { env: { COS_CONDUCTOR_ADDRESS: "127.0.0.1:1" } });
  expect(away).toMatchObject({ code: 4, stderr: expect.stringContaining("npm start") });
  expect(away.stderr.trim().split("\n")).toHaveLength(1);
});
