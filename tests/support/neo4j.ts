// The Neo4j of a test run, which all files share that need one.
//
// Purpose: it takes 8 s and 450 MB, so there is one, and only in runs that need it.
// Owner: the first file that asks for it starts it; global-teardown.ts stops it.
//
//  U1  Of several workers one starts it, whoever makes the folder; the others wait for its note.
//  U2  A test works on a graph of a name of its own. Nobody mistreats this server: for that there is `startNeo4j`.
//  U3  It ends with the run, also with one that is killed: a guard looks after the process of the run.
//
// Failure: a start that fails is noted, and fails every file that waits for it.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startLocalNeo4j } from "#deploy/local/engines/neo4j/local-neo4j.ts";
import { prepareNeo4jHome } from "#deploy/local/engines/neo4j/neo4j-home.ts";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import { NEO4J_FOLDER } from "./find-neo4j.ts";
import { freePort } from "./private-servers.ts";

interface Note {
  readonly url?: string;
  readonly pid?: number;
  readonly error?: string;
}

const WAIT_MS = 180_000;
const POLL_MS = 100;

/** The URL of the run's Neo4j, without a password; COS_TEST_NEO4J_URL's, if one was given. */
export async function neo4jUrl(): Promise<string> {
  const given = process.env.COS_TEST_NEO4J_URL;
  if (given !== undefined) return given;
  const folder = folderOfRun();
  if (mkdirSync(folder, { recursive: true }) !== undefined) await startNoted(folder);
  const end = performance.now() + WAIT_MS;
  while (!existsSync(noteOf(folder))) {
    if (performance.now() > end) throw new Error("the run's Neo4j does not start");
    await sleep(POLL_MS);
  }
  const { url, error } = readNote(folder);
  if (url === undefined) throw new Error(`the run's Neo4j does not start: ${error}`);
  return url;
}

/** Ends it, if anybody has started it. */
export async function stopNeo4j(): Promise<void> {
  const folder = folderOfRun();
  if (!existsSync(noteOf(folder))) return;
  const { pid } = readNote(folder);
  // Nothing of it is kept, so it need not end in good order.
  if (pid !== undefined && isAlive(pid)) process.kill(pid, "SIGKILL");
  while (pid !== undefined && isAlive(pid)) await sleep(POLL_MS);
  rmSync(folder, { recursive: true, force: true });
}

/** Named by the process of the run, whose environment its workers have. */
function folderOfRun(): string {
  const folder = process.env.COS_TEST_RUN_NEO4J;
  if (folder === undefined)
    throw new Error("no engines: only the projects with tests/support/global-setup.ts have them");
  return folder;
}

const noteOf = (folder: string) => join(folder, "note.json");

function readNote(folder: string): Note {
  return JSON.parse(readFileSync(noteOf(folder), "utf8")) as Note;
}

async function startNoted(folder: string): Promise<void> {
  const note = await start(folder).catch((error: Error): Note => ({ error: error.message }));
  writeFileSync(`${noteOf(folder)}.new`, JSON.stringify(note));
  renameSync(`${noteOf(folder)}.new`, noteOf(folder));
}

async function start(folder: string): Promise<Note> {
  const home = await prepareNeo4jHome({ folder: NEO4J_FOLDER, logFile: join(NEO4J_FOLDER, "maven.log") });
  const { url, pid } = await startLocalNeo4j({
    home,
    dataDir: join(folder, "data"),
    port: await freePort(),
    logFile: join(folder, "neo4j.log"),
    heapMb: 400,
    pageCacheMb: 64,
    quick: true,
    password: undefined,
    onStart: ({ pid: started }) => guard(started, folder),
  });
  return { url, pid };
}

const GUARD = 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; kill -KILL "$2"; rm -rf "$3"';

/** U3. */
function guard(pid: number, folder: string): void {
  const run = process.env.COS_TEST_RUN_PID ?? String(process.pid);
  spawn("/bin/sh", ["-c", GUARD, "guard", run, String(pid), folder], { stdio: "ignore", detached: true }).unref();
}
