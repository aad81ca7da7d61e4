import { mkdtempSync, rmSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startEmbeddedPostgres } from "#deploy/local/engines/embedded-postgres.ts";
import type { Engine } from "#deploy/local/engines/engine.ts";
import { findRedis } from "#deploy/local/engines/find-redis.ts";
import { startLocalRedis } from "#deploy/local/engines/local-redis.ts";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import { stopProcesses } from "#deploy/local/processes/stop-processes.ts";
import { childrenOf } from "./children-of.ts";
import { type Guard, killWithUs } from "./kill-with-us.ts";

/** A server of a test's own, which may be mistreated. Its port stays the same through every restart. */
export interface PrivateServer {
  /** PostgreSQL: with the database `cos`. */
  readonly url: string;
  readonly port: number;
  /** Of the process that runs now. */
  readonly pid: number;
  /** SIGKILL, children included, as when the machine loses power; what was not made durable is gone. */
  kill(): Promise<void>;
  /** SIGSTOP, children included: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Starts again on the same data and port, after `kill`, or after stopping it in good order. */
  restart(): Promise<void>;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Starts a Redis without limits on what a caller may do; throws where none is installed (see `needs`). */
export async function startRedis(settings: Record<string, string> = {}): Promise<PrivateServer> {
  const command = findRedis();
  if (command === undefined) throw new Error('no Redis here: guard the test with needs("redis")');
  return startPrivately((folder, port) =>
    startLocalRedis({
      command,
      dataDir: join(folder, "redis"),
      port,
      logFile: join(folder, "redis.log"),
      callersMay: "everything",
      settings,
    }),
  );
}

/** Starts a PostgreSQL (about 0.7 s) with an empty database `cos`; pass `{ fsync: "on" }` where durability is tested. */
export async function startPostgres(settings: Record<string, string> = {}): Promise<PrivateServer> {
  return startPrivately((folder, port) =>
    startEmbeddedPostgres({
      dataDir: join(folder, "postgres"),
      port,
      logFile: join(folder, "postgres.log"),
      settings: { fsync: "off", shared_buffers: "64MB", ...settings },
    }),
  );
}

/** Starts an engine in a folder and on a port of its own. */
export async function startPrivately(start: (folder: string, port: number) => Promise<Engine>): Promise<PrivateServer> {
  const folder = mkdtempSync(join(tmpdir(), "cos-engine-"));
  // As root, PostgreSQL runs as another user, who has to get through.
  await chmod(folder, 0o755);
  const port = await freePort();
  let engine = await start(folder, port);
  let guard: Guard = killWithUs(engine.pid, folder);
  const signal = (name: NodeJS.Signals) => signalAll(engine.pid, name);
  const end = async () => {
    guard.release();
    signal("SIGCONT");
    await stopProcesses([engine]);
  };
  return {
    url: engine.url,
    port,
    get pid() {
      return engine.pid;
    },
    async kill() {
      guard.release();
      const pids = signal("SIGKILL");
      while (pids.some(isAlive)) await sleep(5);
    },
    freeze: () => void signal("SIGSTOP"),
    thaw: () => void signal("SIGCONT"),
    async restart() {
      await end();
      engine = await start(folder, port);
      guard = killWithUs(engine.pid, folder);
    },
    async stop() {
      await end();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The children are asked for while the parent stands still, so that none is born unseen. */
function signalAll(pid: number, name: NodeJS.Signals): number[] {
  if (!isAlive(pid)) return [];
  if (name !== "SIGCONT") process.kill(pid, "SIGSTOP");
  const pids = [...childrenOf(pid), pid];
  for (const each of pids) {
    try {
      process.kill(each, name);
    } catch {
      // Gone in the meantime.
    }
  }
  return pids;
}
