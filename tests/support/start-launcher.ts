// The launcher under test: in this process, or as one that can be killed; each in a folder of its own, on free ports.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, jest } from "@jest/globals";
import { Client } from "pg";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import { runCommand } from "#deploy/local/run-command.ts";
import { FAKE_SERVICE, ROOT } from "./fake-launcher.ts";
import { keepLauncher } from "./keep-output.ts";
import { freePort } from "./private-servers.ts";
import { temporaryFolder } from "./temporary-folder.ts";

// Processes are started and stopped in earnest, and on a busy machine that takes its time.
jest.setTimeout(60_000);

const base = await temporaryFolder();
const ends: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(ends.map((end) => end())));

/** Ends with the test file, whatever becomes of its tests. */
export function endWithTests(end: () => Promise<unknown>): void {
  ends.push(end);
}

/** A moment, for those who wait for something to appear. */
export const soon = () => new Promise((resolve) => setTimeout(resolve, 10));

/** Where a test starts the launcher. */
export interface Place {
  readonly folder: string;
  readonly diary: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A data folder and ports of a test's own. */
export async function makePlace(more: Record<string, string | undefined> = {}): Promise<Place> {
  const folder = mkdtempSync(join(base, "p"));
  await chmod(folder, 0o755);
  const [postgres, redis, fake] = [await freePort(), await freePort(), await freePort()];
  const diary = join(folder, "diary");
  const env = {
    PATH: process.env.PATH,
    NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE,
    COS_DATA_DIR: join(folder, "cos"),
    COS_POSTGRES_LISTEN: `127.0.0.1:${postgres}`,
    COS_REDIS_LISTEN: `127.0.0.1:${redis}`,
    FAKE_LISTEN: `127.0.0.1:${fake}`,
    FAKE_DIARY: diary,
    ...more,
  };
  return { folder, diary, env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)) };
}

/** The engines of the run, for tests that are not about engines. */
export const given = () => ({
  COS_POSTGRES_URL: process.env.COS_TEST_RUN_POSTGRES_URL,
  COS_REDIS_URL: process.env.COS_TEST_RUN_REDIS_URL,
});

/** Runs the launcher in this process; `said` waits for a line. */
export function startLauncher({ env }: Pick<Place, "env">, services = [FAKE_SERVICE], args: string[] = []) {
  const lines: string[] = [];
  const [stop, force] = [new AbortController(), new AbortController()];
  const say = (line: string) => lines.push(stripVTControlCharacters(line));
  const code = runCommand(args, { env, root: ROOT, say, stop: stop.signal, force: force.signal }, services);
  let over = false;
  const settled = code.finally(() => {
    over = true;
    keepLauncher(env.COS_DATA_DIR, lines.join("\n"));
  });
  settled.catch(() => {});
  endWithTests(() => {
    stop.abort();
    return settled;
  });
  const said = async (pattern: RegExp) => {
    while (!lines.some((line) => pattern.test(line))) {
      if (over) throw new Error(`it ended without a line like ${pattern}: ${lines.join("\n")}`);
      await soon();
    }
  };
  return { code, lines, said, stop: () => stop.abort(), force: () => force.abort() };
}

export const read = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);
export const postmasterOf = ({ env }: Place) =>
  Number(read(join(env.COS_DATA_DIR as string, "postgres", "postmaster.pid"))[0]);
export const postgresRuns = (here: Place) => postmasterOf(here) > 0 && isAlive(postmasterOf(here));
export const servicesOf = ({ diary }: Place) =>
  read(diary)
    .filter((line) => line.startsWith("up"))
    .map((line) => Number(line.split(" ")[1]));
export const urlOf = ({ diary }: Place) =>
  read(diary)
    .find((line) => line.startsWith("up"))
    ?.split(" ")[2] as string;

export async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

/** The launcher as a process of its own, by default with the fake service. */
export function spawnLauncher(
  { env }: Pick<Place, "env">,
  entry = "tests/support/fake-launcher.ts",
  wrapper: string[] = [],
) {
  const child = spawn(wrapper[0] ?? process.execPath, [...wrapper, process.execPath, join(ROOT, entry)].slice(1), {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text += stripVTControlCharacters(chunk.toString());
    });
  }
  const ended = once(child, "close").then(([status]) => {
    keepLauncher(env.COS_DATA_DIR, text);
    return { status: status as number | null, text };
  });
  endWithTests(() => (child.kill("SIGTERM") ? ended : Promise.resolve()));
  const said = async (pattern: RegExp) => {
    while (!pattern.test(text)) await soon();
  };
  return { child, ended, said };
}
