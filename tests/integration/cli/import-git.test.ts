import { type ExecFileSyncOptions, execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type JsonObject, toJson } from "@bufbuild/protobuf";
import { beforeEach, expect } from "@jest/globals";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";
import { FakeConductor } from "#tests/unit/cli/support/fake-conductor.ts";
import { type Ran, run } from "#tests/unit/cli/support/run.ts";

const test = needs("git");
const folder = await temporaryFolder();
let repository = "";
let repositories = 0;
let fake = new FakeConductor();

const IDENTITY = {
  GIT_AUTHOR_NAME: "Samuel Pepys",
  GIT_AUTHOR_EMAIL: "samuel@navy.example",
  GIT_COMMITTER_NAME: "Will Hewer",
  GIT_COMMITTER_EMAIL: "will@navy.example",
  GIT_CONFIG_GLOBAL: "/dev/null",
};
/** The environment without what a git hook, which may be running this, has set for itself. */
const environment = (): Record<string, string> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_"))) as Record<
    string,
    string
  >;

function git(
  args: readonly string[],
  { env = {}, ...options }: ExecFileSyncOptions & { env?: Record<string, string> } = {},
): string {
  const all = { ...environment(), ...IDENTITY, ...env };
  return execFileSync("git", ["-C", repository, ...args], { env: all, stdio: ["pipe", "pipe", "pipe"], ...options })
    .toString()
    .trim();
}

/** Records a commit of all files; the dates are `seconds` since 1970. */
function commit(message: string, seconds: number, env: Record<string, string> = {}): string {
  git(["add", "-A"]);
  const dates = { GIT_AUTHOR_DATE: `@${seconds} +0200`, GIT_COMMITTER_DATE: `@${seconds + 60} +0000` };
  git(["commit", "-q", "--allow-empty", "--allow-empty-message", "-F", "-"], {
    input: message,
    env: { ...dates, ...env },
  });
  return git(["rev-parse", "HEAD"]);
}

/** A commit as no porcelain would write it. */
function rawCommit(content: Buffer): string {
  const hash = git(["hash-object", "-t", "commit", "-w", "--stdin", "--literally"], { input: content });
  git(["update-ref", "HEAD", hash]);
  return hash;
}

const cos = (argv: readonly string[], env = {}): Promise<Ran> =>
  run(["import", "git", ...argv], { transport: fake.transport(), env: { ...environment(), ...env } });
const memories = (module = "cc"): JsonObject[] =>
  fake.all(module).map((each) => toJson(MemorySchema, each) as JsonObject);

beforeEach(() => {
  repositories += 1;
  repository = join(folder, `repository-${repositories}`);
  mkdirSync(repository);
  git(["init", "-q", "-b", "main"]);
  fake = new FakeConductor();
});

test("a commit is a memory: who, when, what, and which files", async () => {
  writeFileSync(join(repository, "office.md"), "up betimes");
  writeFileSync(join(repository, "diary.md"), "and so to bed");
  const hash = commit("Up betimes\n\nAnd to my office.\n", 1_000_000_000);
  expect(await cos([repository, "--module", "history"])).toMatchObject({
    exitCode: 0,
    stdout: `git ${repository}: 1 recorded, 0 already there, 0 failed\n`,
    stderr: "cos: module history registered\n",
  });
  expect(memories("history")[0]).toMatchObject({
    eventType: "git.commit",
    source: "Samuel Pepys",
    text: "Up betimes\n\nAnd to my office.",
    occurredAt: "2001-09-09T01:46:40Z",
    payload: {
      commit: hash,
      parents: [],
      author_email: "samuel@navy.example",
      committer: "Will Hewer",
      committed_at: "2001-09-09T01:47:40.000Z",
      files: ["diary.md", "office.md"],
    },
  });
});

test("oldest first, parents before children, merges too; repeated, only what is new is recorded", async () => {
  commit("first", 3000);
  git(["checkout", "-q", "-b", "side"]);
  writeFileSync(join(repository, "side"), "");
  const side = commit("side", 1000);
  git(["checkout", "-q", "main"]);
  writeFileSync(join(repository, "main"), "");
  const main = commit("main", 2000);
  git(["merge", "-q", "--no-ff", "-m", "merge", "side"]);
  expect((await cos([repository])).stdout).toMatch(/4 recorded/);
  const texts = fake.texts("cc");
  expect(texts[0]).toBe("first");
  expect(texts[3]).toBe("merge");
  expect(memories()[3]).toMatchObject({ payload: { parents: [main, side], files: [] } });
  commit("more", 4000);
  expect((await cos([repository])).stdout).toMatch(/1 recorded, 4 already there/);
});

test("a repository without a commit is no trouble; what is no repository is 2", async () => {
  expect(await cos([repository])).toMatchObject({
    exitCode: 0,
    stdout: `git ${repository}: 0 recorded, 0 already there, 0 failed\n`,
  });
  const none = await cos([folder]);
  expect(none.exitCode).toBe(2);
  expect(none.stderr).toMatch(/not a git repository/);
  expect((await cos([join(folder, "nowhere")])).stderr).toMatch(/cannot change to/);
});

test("names with line feeds, quotes, marks and any script are read as they are", async () => {
  const names = ['quote"d', "line\nfeed", "\nfirst", "é日本", "tab\there", "-dash", "\u0001mark"];
  for (const name of names) writeFileSync(join(repository, name), "");
  commit("names", 1);
  await cos([repository]);
  const { files } = memories()[0]!.payload as { files: string[] };
  expect(new Set(files)).toEqual(new Set(names));
});

test("messages in another encoding are turned into ours, broken bytes are replaced, none are lost", async () => {
  commit("plain", 1);
  const [tree, parent] = [git(["rev-parse", "HEAD^{tree}"]), git(["rev-parse", "HEAD"])];
  const head = `tree ${tree}\nparent ${parent}\nauthor A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n`;
  rawCommit(Buffer.concat([Buffer.from(`${head}encoding ISO-8859-1\n\ncaf`), Buffer.from([0xe9])]));
  const latin = git(["rev-parse", "HEAD"]);
  rawCommit(Buffer.concat([Buffer.from(`${head.replace(parent, latin)}\nbroken `), Buffer.from([0xff])]));
  expect((await cos([repository])).stdout).toMatch(/3 recorded/);
  expect(fake.texts("cc")).toEqual(["plain", "café", "broken \ufffd"]);
});

test("a commit without a name, a message or a sane date is recorded all the same", async () => {
  commit("", 1);
  const tree = git(["rev-parse", "HEAD^{tree}"]);
  const odd = (author: string): string =>
    rawCommit(
      Buffer.from(`tree ${tree}\nparent ${git(["rev-parse", "HEAD"])}\nauthor ${author}\ncommitter  <> 1 +0000\n\nodd`),
    );
  odd(" <nobody@example.org> 99999999999999 +0000");
  odd(" <> 1 +0000");
  expect(await cos([repository])).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("3 recorded") });
  const [empty, far, nobody] = memories();
  expect(empty).not.toHaveProperty("text");
  expect(far).toMatchObject({ source: "nobody@example.org" });
  expect(nobody).toMatchObject({ source: "unknown" });
});

test("of very many files as many are named as fit, and all are counted", async () => {
  for (let index = 0; index < 900; index += 1) writeFileSync(join(repository, `${"n".repeat(60)}-${index}`), "");
  commit("many", 1);
  await cos([repository]);
  const payload = memories()[0]!.payload as { files: string[]; file_count: number };
  expect(payload.file_count).toBe(900);
  expect(payload.files.length).toBeGreaterThan(400);
  expect(JSON.stringify(payload).length).toBeLessThan(64 * 1024);
});

test("inside a git hook, whose variables point elsewhere, the folder named is read", async () => {
  commit("here", 1);
  const { stdout } = await cos([repository], { GIT_DIR: join(folder, "elsewhere"), GIT_INDEX_FILE: "x" });
  expect(stdout).toMatch(/1 recorded/);
});

test("source and type may be given; a map may not, and without git it says so", async () => {
  commit("one", 1);
  await cos([repository, "--source", "repo", "--event-type", "code.change"]);
  expect(memories()[0]).toMatchObject({ source: "repo", eventType: "code.change" });
  expect(await cos([repository, "--map", "source=author"])).toMatchObject({
    exitCode: 2,
    stderr: expect.stringContaining("--map is for files"),
  });
  const without = await cos([repository], { PATH: folder });
  expect(without).toMatchObject({ exitCode: 1, stderr: "cos: git is not installed, or not in the PATH\n" });
});

test("of a long history all commits come, however git's output is cut", async () => {
  const lines = Array.from({ length: 3000 }, (_, index) => {
    const text = `commit ${index} ${"é".repeat(index % 50)}`;
    return `commit refs/heads/main\ncommitter A <a@b> ${index + 1} +0000\ndata ${Buffer.byteLength(text)}\n${text}\n`;
  });
  git(["fast-import", "--quiet"], { input: lines.join("") });
  expect((await cos([repository])).stdout).toMatch(/3,000 recorded/);
  expect(fake.texts("cc").map((text) => Number(text.split(" ")[1]))).toEqual(
    Array.from({ length: 3000 }, (_, index) => index),
  );
});
