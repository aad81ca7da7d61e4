// The Redis of a bare machine: the `redis-server` of the PATH, on loopback.
//
// Purpose: the highway's cache (L1.5).
// Owner:   the launcher (or a test), which stops it; it survives its owner.
//
//  R1  It keeps nothing on disk: the log is PostgreSQL, and an empty Redis is rebuilt from it.
//  R2  Full, it refuses to write (noeviction). It never drops an entry by itself.
//  R3  One that already answers at the address is adopted only if its folder is ours; any other is a taken port.
//  R4  It has no password, so that any tool can subscribe; therefore nothing can be done through it to the files of
//      the person who runs it: no folder, module or replication can be set by a caller.
import { mkdirSync, realpathSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { LaunchFault } from "../launch-fault.ts";
import { listenFault, takenPort } from "../processes/listen-fault.ts";
import { adoptProcess, type Ended, type ManagedProcess, startProcess } from "../processes/managed-process.ts";
import { ENGINE_RANK, type StopPlan } from "../processes/stop-processes.ts";
import type { Engine } from "./engine.ts";

interface RedisOptions {
  /** The full path of a redis-server (`findRedis`). */
  readonly command: string;
  /** Its working folder: what makes it ours. */
  readonly dataDir: string;
  /** On 127.0.0.1. */
  readonly port: number;
  readonly logFile: string;
  /** Further settings, which win over the defaults: `{ maxmemory: "64mb" }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Hears of the process before it is ready, so that it can be stopped at any time. */
  readonly onStart?: (server: ManagedProcess) => void;
  /** `everything` is for the private servers of tests (R4). Default `restricted`. */
  readonly callersMay?: "restricted" | "everything";
}

const HOST = "127.0.0.1";
const STOP_GRACE_MS = 5_000;
const RETRY_MS = 20;
const PROCESS_ID = "process_id:";

const DEFAULT_SETTINGS: Readonly<Record<string, string>> = {
  bind: HOST,
  "protected-mode": "yes",
  save: "",
  appendonly: "no",
  maxmemory: "512mb",
  "maxmemory-policy": "noeviction",
  databases: "16",
  daemonize: "no",
  "always-show-logo": "no",
};

/** What a caller may not do (R4), in the words of `ACL SETUSER`; reading the settings is useful and harmless. */
const FORBIDDEN = [
  "-config",
  "+config|get",
  "+config|resetstat",
  "-module",
  "-debug",
  "-replicaof",
  "-slaveof",
  "-acl",
];
const RESTRICTED = ["--user", "default", "on", "nopass", "~*", "&*", "+@all", ...FORBIDDEN];

/** Starts Redis, or adopts the one that runs on the same folder; answers when it is ready. */
export async function startLocalRedis(options: RedisOptions): Promise<Engine> {
  mkdirSync(options.dataDir, { recursive: true, mode: 0o700 });
  const dataDir = realpathSync(options.dataDir);
  const url = `redis://${HOST}:${options.port}`;
  const listen = { host: HOST, port: options.port };
  const fault = await listenFault(listen);
  if (fault === undefined) return { ...(await spawnRedis(options, dataDir, url)), url, dataDir };
  const owner = await whoAnswers(url);
  if (owner?.dataDir === dataDir) {
    const adopted = adoptProcess(stopPlan(owner.pid));
    options.onStart?.(adopted);
    return { ...adopted, url, dataDir };
  }
  throw takenPort("COS_REDIS_LISTEN", listen, fault);
}

const stopPlan = (pid: number): StopPlan => ({
  name: "Redis",
  pid,
  rank: ENGINE_RANK,
  signal: "SIGTERM",
  graceMs: STOP_GRACE_MS,
  forceSignal: "SIGKILL",
});

async function spawnRedis(options: RedisOptions, dataDir: string, url: string): Promise<ManagedProcess> {
  const settings = Object.entries({
    ...DEFAULT_SETTINGS,
    port: String(options.port),
    dir: dataDir,
    ...options.settings,
  });
  const { pid: _, ...plan } = stopPlan(0);
  const server = await startProcess({
    ...plan,
    command: options.command,
    args: [
      ...settings.flatMap(([name, value]) => [`--${name}`, value]),
      ...(options.callersMay === "everything" ? [] : RESTRICTED),
    ],
    env: { PATH: process.env.PATH, LC_ALL: "C" },
    cwd: dataDir,
    logFile: options.logFile,
  });
  options.onStart?.(server);
  let ended: Ended | undefined;
  void server.gone.then((how) => {
    ended = how;
  });
  while ((await whoAnswers(url))?.pid !== server.pid) {
    if (ended !== undefined) throw new LaunchFault(`Redis does not start: see ${options.logFile}`);
    await sleep(RETRY_MS);
  }
  return server;
}

/** The process and folder of the Redis at an address; undefined when what is there is no Redis that answers us. */
async function whoAnswers(url: string): Promise<{ pid: number; dataDir: string | undefined } | undefined> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 1_000,
    commandTimeout: 1_000,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  redis.on("error", () => {});
  try {
    await redis.connect();
    const info = await redis.info("server");
    const [, dataDir] = await redis.config("GET", "dir");
    return { pid: Number.parseInt(info.slice(info.indexOf(PROCESS_ID) + PROCESS_ID.length), 10), dataDir };
  } catch {
    return undefined;
  } finally {
    // On a connection that never was, it would leave a timer of 2 s behind.
    if (redis.status !== "end") redis.disconnect();
  }
}
