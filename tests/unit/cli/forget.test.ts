import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type Ran, type RunOptions, run } from "./support/run.ts";

let fake = new FakeConductor();
let folder = "";
beforeEach(async () => {
  fake = new FakeConductor();
  folder = await mkdtemp(join(tmpdir(), "cos-forget-"));
});
afterEach(() => rm(folder, { recursive: true }));

const REASON = ["--reason", "asked by the author"];

const forget = (argv: readonly string[], options: RunOptions = {}): Promise<Ran> =>
  run(["memories", "forget", ...REASON, ...argv], { transport: fake.transport(), ...options });

let ids = 0;

/** Puts a memory into the log; answers with its id. */
function remember(module: string, extra: Partial<Memory> = {}): string {
  const log = fake.memories.get(module) ?? [];
  fake.memories.set(module, log);
  ids += 1;
  const id = `00000000-0000-7000-9000-${String(ids).padStart(12, "0")}`;
  const position = BigInt(log.length + 1);
  const common = { id, module, position, eventType: "note", source: "me", text: `text ${position}` };
  log.push(create(MemorySchema, { ...common, recordedAt: timestampFromMs(1_800_000_000_000), ...extra } as never));
  return id;
}

const texts = (module: string): string[] => fake.texts(module).filter((text) => text !== "");

describe("what is forgotten", () => {
  test("a session of module cc, after it was counted", async () => {
    for (const sessionId of ["1234", "1234", "1234", "5678"]) remember("cc", { sessionId });
    const { exitCode, stdout, stderr } = await forget(["--session", "1234", "--yes"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "forgot 3 memories of session 1234 in module cc\n" });
    expect(texts("cc")).toEqual(["text 4"]);
    expect(stderr.split("\n")).toEqual([
      "3 memories to forget of session 1234 in module cc, such as:",
      "  2027-01-15 08:00:00Z  cc/1  note  me  text 1",
      "  2027-01-15 08:00:00Z  cc/2  note  me  text 2",
      "  2027-01-15 08:00:00Z  cc/3  note  me  text 3",
      "cos: what they said is gone from the log and from Redis; their places stay",
      "cos: backups hold it until they expire: after restoring one, `cos memories forget --ledger` forgets it again",
      "",
    ]);
    const selector = { case: "sessionId", value: "1234" };
    expect(fake.forgetRequests).toMatchObject([
      { module: "cc", selector, dryRun: true, reason: "asked by the author" },
      { module: "cc", selector, dryRun: false, reason: "asked by the author" },
    ]);
  });

  test("a source, or all that a module holds; at most five are shown, and none of the log's own acts", async () => {
    for (let n = 0; n < 7; n += 1) remember("drafts", { source: n < 2 ? "bot" : "me" });
    const source = await forget(["--module", "drafts", "--source", "bot", "--yes"]);
    expect(source.stdout).toBe("forgot 2 memories of source bot in module drafts\n");
    const all = await forget(["--module", "drafts", "--all", "--yes"]);
    expect(all.stdout).toBe("forgot 5 memories in module drafts (2 forgotten before)\n");
    expect(all.stderr.match(/ {2}drafts\/\d+ {2}note/g)).toHaveLength(5);
    expect(all.stderr).not.toContain("cos.memory.forgotten");
    expect(texts("drafts")).toEqual([]);
    remember("drafts");
    const rest = await forget(["--module", "drafts", "--all", "--dry-run"]);
    expect(rest.stdout.split("\n")).toEqual([
      "1 memory to forget in module drafts (7 forgotten before), such as:",
      expect.stringContaining("  note  me  text "),
      "",
    ]);
  });

  test("memories by id, in whichever modules they are; those that are nowhere are counted", async () => {
    const [one, two] = [remember("cc"), remember("drafts")];
    remember("drafts");
    const nowhere = "ffffffff-0000-7000-9000-000000000000";
    const ran = await forget([one, two, two, nowhere].flatMap((id) => ["--id", id]).concat("--yes"));
    expect(ran.stdout).toBe("forgot 2 memories in 2 modules (1 not there)\n");
    expect([texts("cc"), texts("drafts")]).toEqual([[], ["text 2"]]);
  });

  test("by id in a module that is named, nothing is looked up", async () => {
    const id = remember("drafts");
    fake.memories.get("drafts")![0]!.id = id;
    const ran = await forget(["--id", id, "--id", remember("cc"), "--module", "drafts", "--yes", "--json"]);
    const totals = { found: 1, forgotten: 1, alreadyForgotten: 0, missing: 1, highwayCleared: true };
    expect(JSON.parse(ran.stdout)).toEqual(totals);
    expect(texts("cc")).toHaveLength(1);
  });

  test("what is not there, and never was, is not found", async () => {
    const ran = await forget(["--id", "ffffffff-0000-7000-9000-000000000000", "--yes"]);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "0 memories to forget (1 not there)\n", stderr: "" });
    const session = await forget(["--session", "none", "--yes"]);
    expect(session).toMatchObject({ exitCode: 0, stdout: "0 memories to forget of session none in module cc\n" });
    expect(fake.forgetRequests.every(({ dryRun }) => dryRun)).toBe(true);
  });

  test("Redis away is told", async () => {
    remember("cc");
    fake.highwayCleared = false;
    expect((await forget(["--module", "cc", "--all", "--yes"])).stderr).toContain(
      "cos: what they said is gone from the log; Redis could not be reached and is cleared before it serves again",
    );
  });
});

describe("before it is done", () => {
  test("--dry-run only counts and shows", async () => {
    remember("cc");
    const ran = await forget(["--module", "cc", "--all", "--dry-run"]);
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toMatch(/^1 memory to forget in module cc, such as:\n {2}.*cc\/1.*text 1\n$/);
    const json = await forget(["--module", "cc", "--all", "--dry-run", "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({ found: 1, forgotten: 0 });
    expect(texts("cc")).toHaveLength(1);
  });

  test.each([
    ["y\n", 0, 0],
    ["YES\n", 0, 0],
    ["n\n", 1, 1],
    ["\n", 1, 1],
    ["", 1, 1],
    ["yesterday\n", 1, 1],
  ])("a person is asked: %j", async (stdin, exitCode, left) => {
    remember("cc");
    const ran = await forget(["--module", "cc", "--all"], { isTTY: true, stdin });
    expect(ran.stderr).toContain("Forget them for good? [y/N] ");
    expect(ran.exitCode).toBe(exitCode);
    expect(ran.stderr.includes("cos: nothing was forgotten")).toBe(exitCode === 1);
    expect(texts("cc")).toHaveLength(left);
  });

  test("Ctrl-C at the question ends it with nothing done", async () => {
    remember("cc");
    const controller = new AbortController();
    const onStderr = (text: string): void => (text.includes("[y/N]") ? controller.abort() : undefined);
    const options = { isTTY: true, stdin: new PassThrough(), signal: controller.signal, onStderr };
    expect((await forget(["--module", "cc", "--all"], options)).exitCode).toBe(130);
    expect(texts("cc")).toHaveLength(1);
  });
});

describe("a stream that breaks", () => {
  beforeEach(() => {
    for (let n = 0; n < 7; n += 1) remember("cc", { sessionId: "s" });
  });

  test("E1: goes on where it stood, and says so", async () => {
    fake.mischief.breaksForgetting = (batch, when) => batch === 1 && when === "before";
    const ran = await forget(["--session", "s", "--yes"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "forgot 7 memories of session s in module cc\n" });
    expect(ran.stderr).toContain("cos: connection lost (the process went away): going on\n");
    expect(texts("cc")).toEqual([]);
  });

  test("E1: so does one that ends without its last frame", async () => {
    let ends = 1;
    fake.mischief.endsForgetting = () => ends-- > 0;
    const ran = await forget(["--session", "s", "--yes"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "forgot 7 memories of session s in module cc\n" });
    expect(ran.stderr).toContain("the server ended the stream before it was done");
  });

  test("E4: what was forgotten without being told is counted all the same", async () => {
    fake.mischief.breaksForgetting = (batch, when) => batch < 2 && when === "unanswered";
    expect((await forget(["--session", "s", "--yes"])).stdout).toContain("forgot 7 memories");
  });

  test("E3: a refusal for good is told at once, with what was done before it", async () => {
    const refusal = new ConnectError("not for you", Code.PermissionDenied);
    fake.mischief.breaksForgetting = (batch) => (batch === 1 ? refusal : undefined);
    const ran = await forget(["--session", "s", "--yes"]);
    expect(ran).toMatchObject({ exitCode: 1, stdout: "" });
    expect(ran.stderr).toMatch(/cos: stopped after 2: the same command goes on from there\ncos: not for you\n$/);
    expect(texts("cc")).toHaveLength(5);
  });

  test("Ctrl-C stops it, and the same command goes on", async () => {
    const controller = new AbortController();
    fake.mischief.breaksForgetting = (batch) => {
      if (batch === 2) controller.abort();
      return undefined;
    };
    const ran = await forget(["--session", "s", "--yes"], { signal: controller.signal });
    expect(ran.exitCode).toBe(130);
    expect(ran.stderr).toMatch(/cos: stopped after \d: the same command goes on from there\n$/);
    expect((await forget(["--session", "s", "--yes"])).exitCode).toBe(0);
    expect(texts("cc")).toEqual([]);
  });
});

describe("the ledger", () => {
  const lines = (text: string): JsonObject[] =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as JsonObject);

  test("has every memory that was forgotten, of all modules or of one", async () => {
    const [one, two, three] = [remember("cc"), remember("cc"), remember("drafts")];
    await forget(["--module", "cc", "--all", "--yes"]);
    await forget(["--module", "drafts", "--all", "--yes"]);
    const all = await run(["memories", "forgotten"], { transport: fake.transport() });
    const forgottenAt = "2027-01-15T08:00:01Z";
    expect(lines(all.stdout)).toEqual([
      { module: "cc", position: "1", id: one, forgottenAt },
      { module: "cc", position: "2", id: two, forgottenAt },
      { module: "drafts", position: "1", id: three, forgottenAt },
    ]);
    const argv = ["memories", "forgotten", "--module", "drafts", "--since", "30d"];
    expect(lines((await run(argv, { transport: fake.transport() })).stdout)).toHaveLength(1);
    const request = fake.listRequests.at(-1);
    expect(request?.filter).toMatchObject({ eventTypes: ["cos.memory.forgotten"], recorded: { since: {} } });
  });

  test("an event without a list, and pages without events, add nothing", async () => {
    fake.pages = [[], [create(MemorySchema, { module: "cc", eventType: "cos.memory.forgotten" })]];
    const ran = await run(["memories", "forgotten", "--module", "cc"], { transport: fake.transport() });
    expect(ran).toMatchObject({ exitCode: 0, stdout: "" });
  });

  test("forgets again, after a restore, what had been forgotten", async () => {
    remember("cc");
    remember("drafts");
    await forget(["--module", "cc", "--all", "--yes"]);
    await forget(["--module", "drafts", "--all", "--yes"]);
    const path = join(folder, "ledger.jsonl");
    await writeFile(path, `${(await run(["memories", "forgotten"], { transport: fake.transport() })).stdout}\n`);
    for (const log of fake.memories.values()) {
      log.length = 1;
      Object.assign(log[0]!, { text: "restored", forgottenAt: undefined });
    }
    const ran = await forget(["--ledger", path, "--yes"]);
    expect(ran.stdout).toBe("forgot 2 memories in 2 modules\n");
    expect([...texts("cc"), ...texts("drafts")]).toEqual([]);
    expect((await forget(["--ledger", path, "--yes"])).stdout).toBe(
      "0 memories to forget in 2 modules (2 forgotten before)\n",
    );
  });

  test("more ids than one call takes go in several", async () => {
    const path = join(folder, "ledger.jsonl");
    const id = (n: number): string => `00000000-0000-7000-a000-${String(n).padStart(12, "0")}`;
    const entries = Array.from({ length: 1001 }, (_, n) => JSON.stringify({ module: "cc", id: id(n) }));
    await writeFile(path, entries.join("\n"));
    expect((await forget(["--ledger", path, "--yes"])).exitCode).toBe(3);
    const sizes = fake.forgetRequests.map(({ selector }) => (selector.case === "ids" ? selector.value.ids.length : 0));
    expect(sizes).toEqual([1000, 1]);
  });

  test.each([
    "{}",
    "[1]",
    "null",
    "not JSON",
    '{"module":"cc","id":"7"}',
    '{"id":"00000000-0000-7000-a000-000000000000"}',
  ])("a line that is none is named: %s", async (line) => {
    const path = join(folder, "ledger.jsonl");
    await writeFile(path, `\n${line}\n`);
    expect(await forget(["--ledger", path, "--yes"])).toMatchObject({
      exitCode: 2,
      stderr: `cos: ${path}: line 2 is not one that \`cos memories forgotten\` wrote\n`,
      addresses: [],
    });
  });
});
