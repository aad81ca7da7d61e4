import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { type RunningCommand, runCommand, startCommand } from "#tests/support/mesh-command.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { run } from "#tests/unit/cli/support/run.ts";

jest.setTimeout(90_000);

const COS = join(ROOT, "bin", "cos.mjs");

const folder = await temporaryFolder();
let mesh: Mesh;
const env = (): Record<string, string> => ({ COS_CONDUCTOR_ADDRESS: mesh.address, PATH: process.env.PATH ?? "" });
/** The command in this process, which is as good and sooner there; signals want a process of its own. */
const cos = async (...args: string[]) => {
  const { exitCode: code, stdout, stderr } = await run(args, { openTransport, env: env() });
  return { code, stdout, stderr };
};
const consume = (...args: string[]): RunningCommand =>
  startCommand(process.execPath, [COS, "consume", ...args], { env: env() });
const interrupt = async (running: RunningCommand): Promise<number> => {
  running.process.kill("SIGINT");
  return (await running.ended).code;
};

function script(name: string, ...lines: string[]): string {
  const file = join(folder, name);
  writeFileSync(file, `#!/bin/sh\n${lines.join("\n")}\n`);
  chmodSync(file, 0o755);
  return file;
}

const linesOf = (file: string): string[] =>
  existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").filter(Boolean) : [];

const record = (module: string, text: string, ...more: string[]) =>
  cos("record", text, "--module", module, "--source", "me", ...more);

async function register(module: string): Promise<void> {
  await mesh.client().modules.registerModule({ module: { name: module } });
}

/** One that was killed may stand there until somebody asks how it ended. */
async function isGone(pid: string): Promise<boolean> {
  const { stdout } = await runCommand("ps", ["-o", "stat=", "-p", pid]);
  return stdout.trim() === "" || stdout.startsWith("Z");
}

const lettersOf = async (consumer: string): Promise<{ error: string; attempts: number; reason: string }[]> => {
  const { stdout } = await cos("dead-letters", "ls", consumer, "--json");
  return stdout
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
};

beforeAll(async () => {
  mesh = await openMesh();
});
afterAll(() => mesh.stop());

test("work from a shell: the event on standard input, its place in the environment, each done once", async () => {
  await register("drafts");
  for (const text of ["one", "two", "three"]) await record("drafts", text);
  const out = join(folder, "drafts.txt");
  const exec = script("on-memory.sh", `read -r line; echo "$COS_MODULE/$COS_POSITION $COS_ATTEMPT $line" >> ${out}`);
  const running = consume("drafts-editor", "--module", "drafts", "--from", "beginning", "--exec", exec);
  await running.says(/created the consumer drafts-editor/);
  await eventually(() => linesOf(out).length === 3, 20_000);
  await record("drafts", "four");
  await eventually(() => linesOf(out).length === 4, 20_000);
  expect(await interrupt(running)).toBe(130);
  const [first] = linesOf(out);
  expect(first).toMatch(/^drafts\/1 1 \{/);
  expect(JSON.parse(first!.slice("drafts/1 1 ".length))).toMatchObject({ text: "one", position: "1" });
  const { stdout } = await cos("consumers", "show", "drafts-editor", "--json");
  expect(JSON.parse(stdout)).toMatchObject({ places: [{ settled: { position: "4" }, head: "4" }] });
});

test("without --exec each memory is printed, and done once it is written", async () => {
  await register("print");
  for (let n = 1; n <= 30; n += 1) await record("print", `n${n}`);
  const running = consume("printer", "--module", "print", "--from", "beginning");
  await running.says(/n30/);
  await eventually(async () => {
    const { stdout } = await cos("consumers", "show", "printer", "--json");
    return JSON.parse(stdout).places[0].settled?.position === "30";
  }, 20_000);
  await interrupt(running);
  const again = consume("printer");
  await record("print", "n31");
  await again.says(/n31/);
  await interrupt(again);
  expect(again.stdout()).not.toContain('"n30"');
});

describe("what fails", () => {
  test("is tried again, then a dead letter with its last words; parked at once with 65; other keys go on", async () => {
    await register("faulty");
    await record("faulty", "bad", "--session", "a");
    await record("faulty", "hopeless", "--session", "b");
    await record("faulty", "good", "--session", "c");
    const out = join(folder, "faulty.txt");
    const exec = script(
      "faulty.sh",
      "read -r line",
      `echo "$COS_POSITION" >> ${out}`,
      'case "$COS_POSITION" in',
      "1) echo first >&2; echo 'the last words' >&2; exit 75;;",
      "2) echo 'not text' >&2; exit 65;;",
      "esac",
    );
    const options = ["--key", "session", "--from", "beginning", "--max-attempts", "2", "--backoff", "10ms..20ms"];
    const running = consume("worker", "--module", "faulty", ...options, "--exec", exec, "--concurrency", "3");
    await eventually(async () => (await lettersOf("worker")).length === 2, 30_000);
    expect(await lettersOf("worker")).toMatchObject([
      { error: "the last words", attempts: 2, reason: "REASON_ATTEMPTS" },
      { error: "not text", attempts: 1, reason: "REASON_PARKED" },
    ]);
    await interrupt(running);
    expect(linesOf(out).toSorted()).toEqual(["1", "1", "2", "3"]);
    expect(running.stderr()).toContain("faulty/1 failed (attempt 1): the last words");
    const shown = await cos("dead-letters", "show", "worker", "faulty/2");
    expect(shown.stdout).toMatch(/why +parked\n(?:.*\n)*.*not text(?:.*\n)*hopeless/);
  });

  test("dead letters are replayed and purged", async () => {
    expect(await cos("dead-letters", "purge", "worker", "--all", "--count", "3")).toMatchObject({ code: 1 });
    expect(await cos("dead-letters", "purge", "worker", "--all")).toMatchObject({ code: 2 });
    expect(await cos("dead-letters", "replay", "worker", "faulty/2")).toMatchObject({
      code: 0,
      stdout: "replayed 1 dead letter\n",
    });
    expect(await cos("dead-letters", "replay", "worker", "faulty/9")).toMatchObject({ code: 3 });
    const purged = await cos("dead-letters", "purge", "worker", "faulty/1", "--count", "1");
    expect(purged).toMatchObject({ code: 0, stdout: "purged 1 dead letter\n" });
    expect(await lettersOf("worker")).toEqual([]);
    const out = join(folder, "replayed.txt");
    const running = consume("worker", "--exec", `echo $COS_POSITION >> ${out}`);
    await eventually(() => linesOf(out).length === 1, 20_000);
    expect(linesOf(out)).toEqual(["2"]);
    await interrupt(running);
  });

  test("a run that takes too long is killed with its whole group, and has failed", async () => {
    await register("slow");
    await record("slow", "x");
    const pids = join(folder, "pids.txt");
    const exec = script("slow.sh", "sleep 300 &", `echo $! >> ${pids}`, "wait");
    const options = ["--from", "beginning", "--max-attempts", "1", "--timeout", "1s"];
    const running = consume("slow", "--module", "slow", ...options, "--exec", exec);
    await eventually(async () => (await lettersOf("slow")).length === 1, 30_000);
    expect(await lettersOf("slow")).toMatchObject([{ error: "it took longer than 1 s and was killed" }]);
    await interrupt(running);
    expect(linesOf(pids)).toHaveLength(1);
    for (const pid of linesOf(pids)) await eventually(() => isGone(pid), 5_000);
  });

  test("a command that cannot be run ends it, and costs the event nothing", async () => {
    await register("nothing");
    await record("nothing", "x");
    const running = consume("nothing", "--module", "nothing", "--from", "beginning", "--exec", "./is-not-there");
    const { code, stderr } = await running.ended;
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("cannot be run") });
    const out = join(folder, "nothing.txt");
    const again = consume("nothing", "--exec", `echo $COS_ATTEMPT >> ${out}`);
    await eventually(() => linesOf(out).length === 1, 20_000);
    expect(linesOf(out)).toEqual(["1"]);
    await interrupt(again);
  });
});

describe("Ctrl-C", () => {
  test("lets the command that runs finish; what it did is settled", async () => {
    await register("patient");
    await record("patient", "x");
    const out = join(folder, "patient.txt");
    const exec = `echo begun; sleep 1; echo done >> ${out}`;
    const running = consume("patient", "--module", "patient", "--from", "beginning", "--exec", exec);
    await running.says(/begun/);
    expect(await interrupt(running)).toBe(130);
    expect(linesOf(out)).toEqual(["done"]);
    const { stdout } = await cos("consumers", "show", "patient", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ places: [{ settled: { position: "1" } }] });
  });

  test("a second one kills it", async () => {
    await register("hasty");
    await record("hasty", "x");
    const exec = "echo pid $$; sleep 300";
    const running = consume("hasty", "--module", "hasty", "--from", "beginning", "--exec", exec);
    await running.says(/pid \d+/);
    const [, pid = ""] = /pid (\d+)/.exec(running.stdout()) ?? [];
    running.process.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await interrupt(running)).toBe(130);
    await eventually(() => isGone(pid), 5_000);
  });
});

describe("consumers", () => {
  test("are created once, changed, moved, listed and deleted", async () => {
    await register("many");
    expect(await cos("consumers", "create", "c1", "--module", "many", "--lease", "5s")).toMatchObject({
      code: 0,
      stdout: "created c1\n",
    });
    expect((await cos("consumers", "create", "c1", "--module", "many", "--lease", "5s")).stdout).toMatch(
      /there already/,
    );
    expect(await cos("consumers", "create", "c1", "--module", "many", "--lease", "6s")).toMatchObject({ code: 1 });
    expect(await cos("consumers", "create", "C_1")).toMatchObject({ code: 2, stderr: expect.stringContaining("name") });
    await record("many", "x");
    expect((await cos("consumers", "pause", "c1")).stdout).toBe("paused c1\n");
    expect((await cos("consumers", "update", "c1", "--max-attempts", "9", "--tag", "t")).stdout).toBe("updated c1\n");
    expect((await cos("consumers", "show", "c1")).stdout).toMatch(
      /state +paused\n(?:.*\n)*filter +tag=t\n(?:.*\n)*attempts +9,/,
    );
    expect((await cos("consumers", "resume", "c1")).stdout).toBe("resumed c1\n");
    expect((await cos("consumers", "seek", "c1", "1")).stdout).toBe("c1 goes on in many with position 1\n");
    expect((await cos("consumers", "seek", "c1", "beginning")).stdout).toBe("c1 goes on in many with position 1\n");
    expect((await cos("consumers")).stdout).toMatch(/NAME.*\n(?:.*\n)*c1 +many +module/);
    expect(await cos("consumers", "delete", "c1")).toMatchObject({ code: 2 });
    expect((await cos("consumers", "delete", "c1", "--yes")).stdout).toBe("deleted c1\n");
    expect(await cos("consumers", "show", "c1")).toMatchObject({ code: 3 });
    expect(await cos("consume", "c1")).toMatchObject({ code: 3, stderr: expect.stringContaining("--module or --all") });
  });

  test("one that is deleted sends its members home", async () => {
    await register("gone");
    const running = consume("gone", "--module", "gone");
    await running.says(/created/);
    await eventually(
      async () => JSON.parse((await cos("consumers", "show", "gone", "--json")).stdout).members?.length === 1,
      20_000,
    );
    await cos("consumers", "delete", "gone", "--yes");
    expect(await running.ended).toMatchObject({ code: 3, stderr: expect.stringContaining("was deleted") });
  });
});
