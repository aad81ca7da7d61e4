// The PostgreSQL of a bare machine: the real server, from npm's binaries, on loopback.
//
// Purpose: a durable log without installing anything.
// Owner:   the launcher (or a test), which stops it; it survives its owner.
//
//  E1  One data folder, one server: one that still runs on ours, at our address, is adopted; at another address it is
//      stopped first. One on any other folder is never touched.
//  E2  A postmaster.pid whose process is gone is left to PostgreSQL, which checks by it that no orphan still writes.
//      Only one whose number was given to a stranger (after a reboot) is removed, because PostgreSQL would believe it.
//  E3  It is ready when it answers a query. A recovery takes as long as it takes: the wait ends with the process.
//  E4  fsync is on and passwords are asked for, on loopback too: another user of the machine is not the superuser.
//  E5  Its log names no content: neither statements nor the values of a violated key.
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { totalmem } from "node:os";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { LaunchFault } from "../launch-fault.ts";
import { commandLineOf } from "../processes/command-line-of.ts";
import { isAlive } from "../processes/is-alive.ts";
import { listenFault, takenPort } from "../processes/listen-fault.ts";
import { adoptProcess, type ManagedProcess, startProcess } from "../processes/managed-process.ts";
import { ENGINE_RANK, type StopPlan, stopProcesses } from "../processes/stop-processes.ts";
import type { Engine } from "./engine.ts";
import { initPostgres, SUPERUSER, superuserPassword } from "./init-postgres.ts";
import { type PostgresHome, preparePostgresHome } from "./postgres-home.ts";
import { POSTMASTER_FILE, type Postmaster, readPostmaster } from "./postmaster-file.ts";

interface PostgresOptions {
  /** Where the data lies, or a link to where it lies; the password is kept beside it. */
  readonly dataDir: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly logFile: string;
  /** Further settings, which win over the defaults: `{ fsync: "off" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Hears what a person would want to know: one line at a time. */
  readonly say?: (line: string) => void;
  /** Hears of the process before it is ready, so that it can be stopped at any time. */
  readonly onStart?: (server: ManagedProcess) => void;
}

const HOST = "127.0.0.1";
const STOP_GRACE_MS = 60_000;
const ORPHANS_GRACE_MS = 10_000;
const RETRY_MS = 50;

/** Starts PostgreSQL, or adopts the one that runs on the same folder; answers when it is ready, with a database `cos`. */
export async function startEmbeddedPostgres(options: PostgresOptions): Promise<Engine> {
  const home = preparePostgresHome(options);
  const say = options.say ?? (() => {});
  if (basename(home.dataDir) !== basename(options.dataDir) || dirname(home.dataDir) !== dirname(options.dataDir)) {
    say(`PostgreSQL's data lies in ${home.dataDir}: the user it runs as cannot enter ${dirname(options.dataDir)}`);
  }
  const password = superuserPassword(join(dirname(options.dataDir), "postgres.password"));
  const url = `postgres://${SUPERUSER}:${password}@${HOST}:${options.port}`;
  const crashed = readPostmaster(home.dataDir) !== undefined;
  const engine =
    (await adoptServer(home, options, url, say)) ?? (await startServer(home, options, { url, password, say, crashed }));
  await ensureDatabase(`${url}/postgres`, "cos");
  return { ...engine, url: `${url}/cos`, dataDir: home.dataDir };
}

/** The server that runs on the folder already, once it answers; one that is about to end is waited for. */
async function adoptServer(
  home: PostgresHome,
  options: PostgresOptions,
  url: string,
  say: (line: string) => void,
): Promise<ManagedProcess | undefined> {
  const running = await runningServer(home, options.port);
  if (running === undefined) return undefined;
  options.onStart?.(running);
  return (await isReady(`${url}/postgres`, running, say)) ? running : undefined;
}

/** The server that already runs on the folder, if it is where we want it (E1, E2). */
async function runningServer(home: PostgresHome, port: number): Promise<ManagedProcess | undefined> {
  const postmaster = readPostmaster(home.dataDir);
  if (postmaster === undefined || !isAlive(postmaster.pid)) return forgetZombie(home, postmaster);
  if (!isPostgresOn(postmaster.pid, home.dataDir)) {
    rmSync(join(home.dataDir, POSTMASTER_FILE), { force: true });
    return undefined;
  }
  const adopted = adoptProcess(stopPlan(postmaster.pid));
  if (postmaster.port === port) return adopted;
  await stopProcesses([adopted]);
  return undefined;
}

/** A zombie can be signalled, so PostgreSQL takes it for a living server. */
function forgetZombie(home: PostgresHome, postmaster: Postmaster | undefined): undefined {
  if (postmaster === undefined) return;
  try {
    process.kill(postmaster.pid, 0);
    rmSync(join(home.dataDir, POSTMASTER_FILE), { force: true });
  } catch {
    // Really gone: PostgreSQL deals with the file (E2).
  }
}

function isPostgresOn(pid: number, dataDir: string): boolean {
  const command = commandLineOf(pid);
  return command.includes("postgres") && command.includes(` -D ${dataDir} `);
}

const stopPlan = (pid: number): StopPlan => ({
  name: "PostgreSQL",
  pid,
  rank: ENGINE_RANK,
  signal: "SIGINT",
  graceMs: STOP_GRACE_MS,
  forceSignal: "SIGQUIT",
});

async function startServer(
  home: PostgresHome,
  options: PostgresOptions,
  { url, password, say, crashed }: { url: string; password: string; say: (line: string) => void; crashed: boolean },
): Promise<ManagedProcess> {
  await refuseTakenPort(options.port, crashed ? ORPHANS_GRACE_MS : 0);
  if (!existsSync(join(home.dataDir, "PG_VERSION"))) say("PostgreSQL: making its data folder ...");
  await initPostgres(home, password);
  const orphansEnd = performance.now() + ORPHANS_GRACE_MS;
  for (;;) {
    const logFrom = statSync(options.logFile, { throwIfNoEntry: false })?.size ?? 0;
    const server = await spawnServer(home, options);
    options.onStart?.(server);
    if (await isReady(`${url}/postgres`, server, say)) return server;
    const complaint = readFileSync(options.logFile).subarray(logFrom).toString();
    // After a kill -9 of the postmaster its children need a moment to notice.
    if (/shared memory block|lock file/.test(complaint) && performance.now() < orphansEnd) await sleep(RETRY_MS * 10);
    else throw new LaunchFault(`PostgreSQL does not start: ${lastLine(complaint)} (${options.logFile})`);
  }
}

/** After a crash the port may still be held for a moment, by children that have not noticed yet (E2). */
async function refuseTakenPort(port: number, graceMs: number): Promise<void> {
  const listen = { host: HOST, port };
  const end = performance.now() + graceMs;
  for (;;) {
    const fault = await listenFault(listen);
    if (fault === undefined) return;
    if (performance.now() >= end) throw takenPort("COS_POSTGRES_LISTEN", listen, fault);
    await sleep(RETRY_MS);
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1) ?? "";
}

async function spawnServer(home: PostgresHome, options: PostgresOptions): Promise<ManagedProcess> {
  const settings = Object.entries({ ...defaultSettings(), ...options.settings });
  const { pid: _, ...plan } = stopPlan(0);
  return startProcess({
    ...plan,
    command: join(home.binaries.home, "bin", "postgres"),
    args: [
      "-D",
      home.dataDir,
      "-p",
      String(options.port),
      ...settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ],
    env: { PATH: process.env.PATH, LC_ALL: "C", TZ: "UTC" },
    cwd: "/",
    logFile: options.logFile,
    ...home.runAs,
  });
}

/** A sixteenth of the machine's memory, from 64 to 512 MB: COS is not alone on a person's computer. */
function sharedBuffersMb(): number {
  return Math.min(512, Math.max(64, Math.floor(totalmem() / 2 ** 20 / 16)));
}

function defaultSettings(): Record<string, string> {
  return {
    listen_addresses: HOST,
    unix_socket_directories: "",
    max_connections: "100",
    shared_buffers: `${sharedBuffersMb()}MB`,
    max_wal_size: "1GB",
    jit: "off",
    log_min_error_statement: "panic",
    log_error_verbosity: "terse",
    log_line_prefix: "%m [%p] ",
  };
}

const RECOVERY_NOTICE_MS = 5_000;

/** Waits until it answers (true) or has ended (false); one that will never let us in is stopped (E3). */
async function isReady(url: string, server: ManagedProcess, say: (line: string) => void): Promise<boolean> {
  let ended = false;
  void server.gone.then(() => {
    ended = true;
  });
  const notice = setTimeout(() => say("PostgreSQL is recovering from its log ..."), RECOVERY_NOTICE_MS);
  try {
    while (!ended) {
      if (await answers(url)) return true;
      await sleep(RETRY_MS);
    }
    return false;
  } catch (error) {
    await stopProcesses([server]);
    throw error;
  } finally {
    clearTimeout(notice);
  }
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on("error", () => {});
  try {
    await client.connect();
    await client.query("select 1");
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === "28P01") throw passwordFault(error);
    return false;
  } finally {
    await client.end().catch(() => {});
  }
}

function passwordFault(cause: unknown): LaunchFault {
  return new LaunchFault("PostgreSQL refuses the password of .cos/postgres.password: restore that file", { cause });
}

async function ensureDatabase(url: string, name: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query("select from pg_database where datname = $1", [name]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(name)}`);
  } finally {
    await client.end();
  }
}
