import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { create, type JsonObject } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { CliFailure } from "../cli-failure.ts";
import { EXIT } from "../exit-codes.ts";

/** One commit, as far as a memory of it goes. */
export interface Commit {
  readonly hash: string;
  readonly parents: readonly string[];
  readonly author: string;
  readonly authorEmail: string;
  readonly authoredAt: Timestamp | undefined;
  readonly committer: string;
  readonly committedAt: Timestamp | undefined;
  readonly message: string;
  /** Against the first parent; none for a merge. */
  readonly files: readonly string[];
}

/** The parts of a commit that come before its files, in this order (git-log(1), "PRETTY FORMATS"). */
const FORMAT = ["%H", "%P", "%an", "%ae", "%at", "%cn", "%ct", "%B"] as const;
/** Settings of the user or of the repository that would change what is read. */
const GIT = ["--no-pager", "--no-optional-locks", "-c", "log.showRoot=true", "-c", "log.showSignature=false"];
/** Variables by which git, when it calls a hook, points to a repository of its own choice. */
const OVERRIDES: ReadonlySet<string> = new Set(["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"]);
const YEAR_1_S = -62_135_596_800;
const YEAR_9999_END_S = 253_402_300_799;

/** Where to read, and the environment that git gets. */
export interface Repository {
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** How many commits the history of HEAD has; 0 in a repository without any. Throws CliFailure where there is none. */
export async function countCommits(repository: Repository): Promise<number> {
  await read(repository, ["rev-parse", "--git-dir"]);
  const head = await read(repository, ["rev-parse", "--verify", "--quiet", "HEAD"]).catch(() => "");
  return head === "" ? 0 : Number(await read(repository, ["rev-list", "--count", "HEAD"]));
}

/** The commits of HEAD's history, parents before children, those of one read together. Leaving it ends git. */
export async function* readCommits(repository: Repository): AsyncGenerator<Commit[]> {
  // Nothing that a name or a message can hold: with -z all parts are separated by NUL, and only this tells where the
  // files of one commit end and the next commit begins.
  const mark = randomBytes(16).toString("hex");
  const format = [mark, ...FORMAT].join("%x00");
  const args = ["log", "-z", "--reverse", "--date-order", "--no-color", "--no-ext-diff", "--encoding=UTF-8"];
  const child = git(repository, [...args, "--name-only", `--format=tformat:${format}%x00`, "HEAD", "--"]);
  const ended = endOf(child, repository.folder);
  // Its failure is looked at below, when all that it wrote has been read.
  ended.catch(() => undefined);
  try {
    yield* splitCommits(child.stdout!, mark);
    await ended;
  } finally {
    child.kill();
  }
}

async function* splitCommits(bytes: AsyncIterable<Buffer>, mark: string): AsyncGenerator<Commit[]> {
  // Never fatal: old commits and file names may be in any encoding.
  const decoder = new TextDecoder("utf-8");
  let rest = "";
  let parts: string[] = [];
  for await (const chunk of bytes) {
    const pieces = (rest + decoder.decode(chunk, { stream: true })).split("\0");
    rest = pieces.pop()!;
    const commits: Commit[] = [];
    for (const piece of pieces) {
      if (piece.endsWith(mark) && parts.length > 0) {
        commits.push(commitOf(parts));
        parts = [];
      }
      parts.push(piece);
    }
    if (commits.length > 0) yield commits;
  }
  if (parts.length > 0) yield [commitOf(parts)];
}

function commitOf([, hash = "", parents = "", author = "", email = "", at = "", ...more]: string[]): Commit {
  const [committer = "", committedAt = "", message = "", ...files] = more;
  return {
    hash,
    parents: parents.split(" ").filter((parent) => parent !== ""),
    author,
    authorEmail: email,
    authoredAt: instantOf(at),
    committer,
    committedAt: instantOf(committedAt),
    message: message.trim(),
    files: namesOf(files),
  };
}

/** The names that follow a message: git parts them from it by a line feed of its own. */
function namesOf(pieces: readonly string[]): string[] {
  const names = pieces.filter((piece) => piece !== "" && piece !== "\n");
  return names.map((name, index) => (index === 0 ? name.replace(/^\n/, "") : name));
}

/** Seconds since 1970 as git writes them; undefined outside the years 1 to 9999, which broken clocks do reach. */
function instantOf(seconds: string): Timestamp | undefined {
  const number = Number(seconds);
  if (!/^-?\d+$/.test(seconds) || number < YEAR_1_S || number > YEAR_9999_END_S) return undefined;
  return create(TimestampSchema, { seconds: BigInt(number) });
}

/** The names as JSON may hold them: at most so many bytes of them, and how many there are in all. */
export function filesWithin(files: readonly string[], bytesMax: number): JsonObject {
  let bytes = 0;
  const kept = files.filter((file) => {
    bytes += Buffer.byteLength(JSON.stringify(file)) + 1;
    return bytes <= bytesMax;
  });
  return kept.length === files.length ? { files: kept } : { files: kept, file_count: files.length };
}

function git({ folder, env }: Repository, args: readonly string[]): ChildProcess {
  const ours = Object.fromEntries(Object.entries(env).filter(([name]) => !OVERRIDES.has(name)));
  return spawn("git", ["-C", folder, ...GIT, ...args], { env: ours, stdio: ["ignore", "pipe", "pipe"] });
}

async function read(repository: Repository, args: readonly string[]): Promise<string> {
  const child = git(repository, args);
  let text = "";
  child.stdout!.on("data", (chunk: Buffer) => (text += chunk.toString()));
  await endOf(child, repository.folder);
  return text.trim();
}

/** Resolves when git has ended well; rejects with what it said. */
async function endOf(child: ChildProcess, folder: string): Promise<void> {
  let said = "";
  child.stderr!.on("data", (chunk: Buffer) => (said += chunk.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", (cause: NodeJS.ErrnoException) => {
      const text = cause.code === "ENOENT" ? "git is not installed, or not in the PATH" : cause.message;
      reject(new CliFailure(EXIT.failed, text, { cause }));
    });
    child.once("close", resolve);
  });
  if (code === 0) return;
  const reason =
    said
      .trim()
      .split("\n")[0]
      ?.replace(/^fatal: /, "") || `git ended with ${code}`;
  throw new CliFailure(EXIT.usage, `${folder}: ${reason}`);
}
