// One start of COS on one machine.
//
// Purpose: engines and services of a bare machine, up with one command and down with Ctrl-C.
// Owner:   main.ts, which brings the terminal, the environment and the signals.
//
//  N1  One launcher for each data folder; the next one is told so, and where things are.
//  N2  Up: the watchman, engines, migrations, the owner's token, the services' keys, services. Down: services (they drain), engines, the watchman.
//  N3  `stop` ends it at any moment, also in the middle of a start; `force` ends what is left at once.
//  N4  Whatever it started is gone when it answers. If it is killed, its watchman does the same (keep-watch.ts).
//  N5  A service that finds its settings wrong ends everything, with 2: nothing would change by itself.
import { mkdirSync } from "node:fs";
import { isAbsolute, join } from "node:path";
import { unknownVariables } from "#shared/config/read-settings.ts";
import { formatListen } from "#shared/config/settings.ts";
import { Closers } from "#shared/lifecycle/closers.ts";
import { EXIT_MISCONFIGURED } from "#shared/lifecycle/run-service.ts";
import { startNeo4jEngine } from "./engines/neo4j/start-neo4j-engine.ts";
import { startPostgresEngine, startRedisEngine } from "./engines/start-engines.ts";
import { type InstanceLock, takeInstanceLock } from "./instance-lock.ts";
import { keepOwnersToken } from "./keep-owners-token.ts";
import { keepServiceKeys } from "./keep-service-keys.ts";
import { followLogs } from "./logs/follow-logs.ts";
import type { Mesh, Paths } from "./mesh.ts";
import { migrateServices } from "./migrate-services.ts";
import { awaitEarlierWatchman, openWatchman } from "./open-watchman.ts";
import { makeRegister, type ProcessRegister } from "./processes/process-register.ts";
import { forceProcesses, stopProcesses } from "./processes/stop-processes.ts";
import { knownVariables, type Service } from "./services.ts";
import { type Environment, type LauncherSettings, readLauncherSettings } from "./settings.ts";
import { makeRoom, startService } from "./start-service.ts";
import { type Address, tellAddresses, tellRunning } from "./tell-addresses.ts";

/** Who asks for the start: the terminal, the environment, the signals. */
export interface LaunchHost {
  readonly env: Environment;
  /** The repository. */
  readonly root: string;
  readonly say: (line: string) => void;
  /** The first Ctrl-C. */
  readonly stop: AbortSignal;
  /** The second one. */
  readonly force: AbortSignal;
}

export interface LaunchOptions {
  readonly services: readonly Service[];
  /** Whether a missing Redis may be installed. */
  readonly mayInstall: boolean;
  /** Whether the graph is to be kept in a Neo4j of our own. Default false. */
  readonly wantsNeo4j?: boolean;
}

/**
 * Runs COS until it is told to stop. Answers with the exit code: 0 stopped as asked, 1 another launcher runs, 2 a wrong
 * setting. Throws LaunchFault and SettingsError.
 */
export async function launch(host: LaunchHost, options: LaunchOptions): Promise<number> {
  const { env, say } = host;
  const { services } = options;
  const settings = readLauncherSettings(env, services);
  const unknown = unknownVariables(env, knownVariables(services));
  for (const { warning } of unknown) say(`Warning: ${warning}`);
  const paths = makeFolders(host.root, settings.dataDir);
  const lock = takeInstanceLock(paths.run);
  if ("pid" in lock) {
    tellRunning(lock, say);
    return 1;
  }
  const closers = new Closers((name, error) => say(`${name}: ${(error as Error).message}`));
  closers.add("instance lock", lock.release);
  try {
    // The services would only warn of them again.
    const known = omit(env, new Set(unknown.map(({ name }) => name)));
    return await run({ host: { ...host, env: known }, options, settings, paths, closers, publish: lock.publish });
  } finally {
    await closers.close();
  }
}

function omit(env: Environment, names: ReadonlySet<string>): Environment {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)));
}

interface Run {
  readonly host: LaunchHost;
  readonly options: LaunchOptions;
  readonly settings: LauncherSettings;
  readonly paths: Paths;
  readonly closers: Closers;
  readonly publish: InstanceLock["publish"];
}

/** Brings everything up and waits for the end; the closers take it down again (N2). */
async function run({ host, options, settings, paths, closers, publish }: Run): Promise<number> {
  await awaitEarlierWatchman(paths.run, host.say, host.stop);
  if (host.stop.aborted) return 0;
  const watchman = await openWatchman(paths.run);
  closers.add("watchman", watchman.close);
  const register = makeRegister(watchman.watch);
  const follower = followLogs();
  closers.add("logs", follower.close);
  const busy: Promise<unknown>[] = [];
  closers.add("processes", () => stopUntilQuiet(register, busy, host));
  const ending = new AbortController();
  closers.add("start", () => ending.abort());
  const over = Promise.withResolvers<number>();
  host.stop.addEventListener("abort", () => over.resolve(0), { once: true });
  if (host.stop.aborted) over.resolve(0);
  const mesh: Mesh = {
    env: host.env,
    say: host.say,
    settings,
    paths,
    register,
    follower,
    mayInstall: options.mayInstall,
    wantsNeo4j: options.wantsNeo4j ?? false,
    stopping: AbortSignal.any([host.stop, ending.signal]),
    keep(process) {
      busy.push(process);
      void process.then((ended) => ended && over.resolve(EXIT_MISCONFIGURED));
    },
  };
  const up = bringUp(mesh, options.services, publish);
  busy.push(up);
  await Promise.race([up, over.promise]);
  return over.promise;
}

async function bringUp(mesh: Mesh, services: readonly Service[], publish: InstanceLock["publish"]): Promise<void> {
  for (const service of services) await makeRoom(mesh, service);
  const [postgres, redis, neo4j] = await allEngines(mesh);
  mesh.stopping.throwIfAborted();
  // Where there is none, services look where it would be: never at one that belongs to somebody else.
  const redisUrl = redis?.url ?? `redis://${formatListen(mesh.settings.redisListen)}`;
  const urls = { COS_POSTGRES_URL: postgres.url, COS_REDIS_URL: redisUrl, ...neo4j?.variables };
  await migrateServices(mesh, services, postgres.url);
  mesh.stopping.throwIfAborted();
  const owner = await keepOwnersToken(mesh, services, postgres.url);
  mesh.stopping.throwIfAborted();
  const keysOf = keepServiceKeys(mesh, services);
  const start = (service: Service) => startService(mesh, service, { ...urls, ...keysOf(service) });
  const served = await Promise.all(services.map(start));
  mesh.stopping.throwIfAborted();
  const engines = [postgres, redis, neo4j].filter((engine) => engine !== undefined);
  const addresses: Address[] = [...served.flat(), ...engines];
  publish(addresses.map(({ name, address }) => [name, address]));
  tellAddresses(mesh, addresses, owner);
}

/** All at once; if one fails, the others are awaited all the same, so that nothing is started behind our back. */
async function allEngines(mesh: Mesh) {
  const all = [startPostgresEngine(mesh), startRedisEngine(mesh), startNeo4jEngine(mesh)] as const;
  await Promise.allSettled(all);
  return Promise.all(all);
}

/** What was being started while we stopped has either seen it, or stands in the register afterwards (N4). */
async function stopUntilQuiet(
  register: ProcessRegister,
  busy: readonly Promise<unknown>[],
  host: LaunchHost,
): Promise<void> {
  await stopAll(register, host);
  await Promise.allSettled(busy);
  await stopAll(register, host);
}

/** Ends what stands in the register, in order (N2); at once if that is asked for (N3). */
async function stopAll(register: ProcessRegister, { say, stop, force }: LaunchHost): Promise<void> {
  if (stop.aborted && register.plans().length > 0) say("Stopping: services first, then engines. Again to end at once.");
  const forceNow = () => forceProcesses(register.plans());
  if (force.aborted) forceNow();
  force.addEventListener("abort", forceNow, { once: true });
  for (let plans = register.plans(); plans.length > 0; plans = register.plans()) {
    for (const name of await stopProcesses(plans)) say(`${name} did not end in time and was ended`);
  }
}

/** Everybody may pass through the data folder, because as root PostgreSQL runs as another user; what is in it is closed. */
function makeFolders(root: string, dataDir: string): Paths {
  const data = isAbsolute(dataDir) ? dataDir : join(root, dataDir);
  const paths = { root, data, logs: join(data, "logs"), run: join(data, "run") };
  mkdirSync(paths.data, { recursive: true, mode: 0o755 });
  mkdirSync(paths.logs, { recursive: true, mode: 0o700 });
  mkdirSync(paths.run, { recursive: true, mode: 0o700 });
  return paths;
}
