import { connect } from "node:net";
import { join } from "node:path";
import { formatListen } from "#shared/config/settings.ts";
import { keepRunning } from "../keep-running.ts";
import type { Mesh } from "../mesh.ts";
import type { Address } from "../tell-addresses.ts";
import { checkPostgres } from "./check-postgres.ts";
import { startEmbeddedPostgres } from "./embedded-postgres.ts";
import type { Engine } from "./engine.ts";
import { findRedis } from "./find-redis.ts";
import { installRedis } from "./install-redis.ts";
import { startLocalRedis } from "./local-redis.ts";

/** An engine that callers may use. */
export interface ReadyEngine extends Address {
  readonly url: string;
}

/** The user's PostgreSQL, or one of our own that is kept running. */
export async function startPostgresEngine(mesh: Mesh): Promise<ReadyEngine> {
  const { settings, paths, say } = mesh;
  if (settings.postgresUrl !== undefined) {
    await checkPostgres("COS_POSTGRES_URL", settings.postgresUrl);
    return {
      name: "PostgreSQL",
      url: settings.postgresUrl,
      address: hostOf(settings.postgresUrl),
      about: "yours",
      serves: true,
    };
  }
  const logFile = join(paths.logs, "postgres.log");
  // Nothing of it is shown; following it keeps it small.
  mesh.follower.add(logFile, () => {});
  const start = () =>
    startEmbeddedPostgres({
      dataDir: join(paths.data, "postgres"),
      port: settings.postgresListen.port,
      logFile,
      say,
      onStart: (server) => mesh.register.add(server),
    });
  const engine = await start();
  keepEngine(mesh, engine, start);
  const about = `${engine.adopted ? "adopted; " : ""}the log; its data: ${engine.dataDir}`;
  return { name: "PostgreSQL", url: engine.url, address: formatListen(settings.postgresListen), about, serves: true };
}

/** The user's Redis, or one of our own that is kept running; undefined where there is none. */
export async function startRedisEngine(mesh: Mesh): Promise<ReadyEngine | undefined> {
  const { settings, paths, say } = mesh;
  if (settings.redisUrl !== undefined) {
    const address = hostOf(settings.redisUrl);
    if (!(await accepts(address, REDIS_PORT))) {
      say(`COS_REDIS_URL: nothing answers at ${address}; COS runs degraded until something does`);
    }
    return { name: "Redis", url: settings.redisUrl, address, about: "yours", serves: true };
  }
  const installLog = join(paths.logs, "redis-install.log");
  const command = findRedis() ?? (mesh.mayInstall ? await installRedis({ logFile: installLog, say }) : undefined);
  if (command === undefined) {
    say("Without Redis COS runs degraded: everything is recorded, and subscribers are served from PostgreSQL");
    return undefined;
  }
  const logFile = join(paths.logs, "redis.log");
  mesh.follower.add(logFile, () => {});
  const start = () =>
    startLocalRedis({
      command,
      dataDir: join(paths.data, "redis"),
      port: settings.redisListen.port,
      logFile,
      onStart: (server) => mesh.register.add(server),
    });
  const engine = await start();
  keepEngine(mesh, engine, start);
  const about = `${engine.adopted ? "adopted; " : ""}the highway's cache: redis-cli -p ${settings.redisListen.port}`;
  return { name: "Redis", url: engine.url, address: formatListen(settings.redisListen), about, serves: true };
}

/** Starts an engine again whenever it ends unasked. */
export function keepEngine(mesh: Mesh, engine: Engine, start: () => Promise<Engine>): void {
  const restart = async () => {
    const again = await start();
    mesh.say(`${again.name} is back`);
    return again;
  };
  mesh.keep(keepRunning(engine, { start: restart, say: mesh.say, stopping: mesh.stopping }));
}

/** The first host of a URL, without what is secret. */
export function hostOf(url: string): string {
  return url.replace(/^[a-z+]+:\/\/(?:[^@/]*@)?/, "").replace(/[/?,].*$/, "");
}

const REDIS_PORT = 6379;

/** Whether anything listens there. */
export function accepts(address: string, usualPort: number, timeoutMs = 2_000): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname, port: Number(port || usualPort), timeout: timeoutMs });
    const done = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => done(true));
    socket.once("timeout", () => done(false));
    socket.once("error", () => done(false));
  });
}
