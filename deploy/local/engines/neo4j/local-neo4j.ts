// The Neo4j of a bare machine: Maven's jars in a Java of their own, on loopback.
//
// Purpose: `npm start -- --neo4j`, and the tests.
// Owner:   the launcher (or a test), which stops it; it survives its owner.
//
//  L1  One data folder, one server: one that still runs on ours, at our address, is adopted; at another address it is stopped first.
//      One on any other folder is never touched.
//  L2  It is ready when it answers a query by bolt, with its password. A recovery takes as long as it takes: the wait ends with the process.
//  L3  It asks for a password, on loopback too, which is made once and kept beside the data, for its owner's eyes. Only a test goes without.
//  L4  What was committed survives kill -9: its log is synchronised with every commit.
import { mkdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import neo4j from "neo4j-driver";
import { LaunchFault } from "../../launch-fault.ts";
import { commandLineOf } from "../../processes/command-line-of.ts";
import { isAlive } from "../../processes/is-alive.ts";
import { listenFault, takenPort } from "../../processes/listen-fault.ts";
import { adoptProcess, type ManagedProcess, startProcess } from "../../processes/managed-process.ts";
import { ENGINE_RANK, type StopPlan, stopProcesses } from "../../processes/stop-processes.ts";
import type { Engine } from "../engine.ts";
import { superuserPassword } from "../init-postgres.ts";
import type { Neo4jHome } from "./neo4j-home.ts";

interface Neo4jOptions {
  readonly home: Neo4jHome;
  /** What makes it ours; the password is kept beside it. */
  readonly dataDir: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly logFile: string;
  /** Default 512. */
  readonly heapMb?: number;
  /** What it keeps of its files in memory. Default 128. */
  readonly pageCacheMb?: number;
  /** Compiles less, keeps plans longer: soon ready for many different queries, slower at many equal ones. For tests. Default false. */
  readonly quick?: boolean;
  /** Unset: the one that is kept beside the data (L3). `undefined`: it lets everybody in, which is for tests. */
  readonly password?: string | undefined;
  /** Hears of the process before it is ready, so that it can be stopped at any time. */
  readonly onStart?: (server: ManagedProcess) => void;
}

/** With what a caller needs beside the URL. */
export interface Neo4jEngine extends Engine {
  readonly user: string;
  /** Never logged. Undefined: none is asked for. */
  readonly password: string | undefined;
}

const HOST = "127.0.0.1";
const USER = "neo4j";
const MAIN = "Neo4jServer";
const STOP_GRACE_MS = 30_000;
const RETRY_MS = 50;
const READY = /^READY$/m;

/** Starts Neo4j (about 8 s), or adopts the one that runs on the same folder; answers when it is ready. */
export async function startLocalNeo4j(options: Neo4jOptions): Promise<Neo4jEngine> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = realpathSync(options.dataDir);
  const kept = () => superuserPassword(join(dirname(options.dataDir), "neo4j.password"));
  const password = "password" in options ? options.password : kept();
  const access: Access = { url: `bolt://${HOST}:${options.port}`, user: USER, password };
  const server = (await adoptServer(dataDir, options, access)) ?? (await startServer(dataDir, options, access));
  return { ...server, ...access, dataDir };
}

type Access = Pick<Neo4jEngine, "url" | "user" | "password">;

/** The server that runs on the folder already, once it answers; one that is about to end is waited for (L1). */
async function adoptServer(
  dataDir: string,
  options: Neo4jOptions,
  access: Access,
): Promise<ManagedProcess | undefined> {
  const noted = readNote(dataDir);
  if (noted === undefined || !isAlive(noted.pid) || !isOursOn(noted.pid, dataDir)) return undefined;
  const running = adoptProcess(stopPlan(noted.pid));
  if (noted.port !== options.port) {
    await stopProcesses([running]);
    return undefined;
  }
  options.onStart?.(running);
  return (await untilAnswers(running, access)) ? running : undefined;
}

/** What the server has noted of itself (Neo4jServer.java, J4). */
function readNote(dataDir: string): { readonly pid: number; readonly port: number } | undefined {
  try {
    const [pid, port] = readFileSync(join(dataDir, "server.pid"), "utf8").split("\n").map(Number);
    return pid !== undefined && pid > 0 ? { pid, port: port ?? 0 } : undefined;
  } catch {
    return undefined;
  }
}

/** A number is given again after a while; a command line is not. */
function isOursOn(pid: number, dataDir: string): boolean {
  return commandLineOf(pid).includes(` ${MAIN} ${dataDir} `);
}

const stopPlan = (pid: number): StopPlan => ({
  name: "Neo4j",
  pid,
  rank: ENGINE_RANK,
  signal: "SIGTERM",
  graceMs: STOP_GRACE_MS,
  forceSignal: "SIGKILL",
});

async function startServer(dataDir: string, options: Neo4jOptions, access: Access): Promise<ManagedProcess> {
  const { home, port, logFile, heapMb = 512, pageCacheMb = 128, quick = false } = options;
  const listen = { host: HOST, port };
  const fault = await listenFault(listen);
  if (fault !== undefined) throw takenPort("COS_NEO4J_LISTEN", listen, fault);
  const logFrom = statSync(logFile, { throwIfNoEntry: false })?.size ?? 0;
  const { pid: _, ...plan } = stopPlan(0);
  const server = await startProcess({
    ...plan,
    command: home.java,
    args: [
      `-Xmx${heapMb}m`,
      "-XX:+UseSerialGC",
      "-XX:+ExitOnOutOfMemoryError",
      ...(quick ? ["-XX:TieredStopAtLevel=1"] : []),
      "-cp",
      home.classPath,
      MAIN,
      dataDir,
      String(port),
      String(pageCacheMb),
      quick ? "3600" : "10",
    ],
    env: { PATH: process.env.PATH, LC_ALL: "C.UTF-8", TZ: "UTC", NEO4J_PASSWORD: access.password ?? "" },
    cwd: dataDir,
    logFile,
  });
  options.onStart?.(server);
  // Asked too early it would not know its password yet, and refuse us for a while.
  const isReady = () => READY.test(readFileSync(logFile).subarray(logFrom).toString());
  while (isAlive(server.pid) && !isReady()) await sleep(RETRY_MS);
  if (await untilAnswers(server, access)) return server;
  throw new LaunchFault(`Neo4j does not start: see ${logFile}`);
}

/** Waits until it answers (true) or has ended (false); one that will never let us in is stopped (L2). */
async function untilAnswers(server: ManagedProcess, { url, user, password }: Access): Promise<boolean> {
  const driver = neo4j.driver(url, password === undefined ? undefined : neo4j.auth.basic(user, password), {
    connectionTimeout: 2_000,
    connectionAcquisitionTimeout: 2_000,
    maxTransactionRetryTime: 0,
    telemetryDisabled: true,
  });
  try {
    while (isAlive(server.pid)) {
      if (await answers(driver)) return true;
      await sleep(RETRY_MS);
    }
    return false;
  } catch (error) {
    await stopProcesses([server]);
    throw error;
  } finally {
    await driver.close();
  }
}

async function answers(driver: ReturnType<typeof neo4j.driver>): Promise<boolean> {
  try {
    await driver.executeQuery("RETURN 1");
    return true;
  } catch (error) {
    if (String((error as { code?: unknown }).code).startsWith("Neo.ClientError.Security.")) throw passwordFault(error);
    return false;
  }
}

function passwordFault(cause: unknown): LaunchFault {
  const text = "Neo4j refuses the password that is kept beside its data, in neo4j.password: restore that file";
  return new LaunchFault(text, { cause });
}
