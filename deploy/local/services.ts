import { cliSpec } from "#services/cli/config.ts";
import { CONDUCTOR_SETTINGS, readConductorSettings } from "#services/conductor/config.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { GRAPH_SETTINGS, readGraphSettings } from "#services/graph/config.ts";
import { migrateGraph } from "#services/graph/migrate.ts";
import { listenOf } from "#shared/config/listen-of.ts";
import { namesOf, readSettings, type Spec } from "#shared/config/read-settings.ts";
import type { Listen, Setting } from "#shared/config/settings.ts";
import type { Log } from "#shared/log/open-log.ts";
import { readCertificates, type TlsFiles } from "#shared/rpc/tls-certificates.ts";
import { type Entrance, originOf, reachedFromHere } from "./entrance.ts";
import { type Environment, LAUNCHER_SETTINGS } from "./settings.ts";

/** A process of the mesh, as the launcher sees it. */
export interface Service {
  readonly name: string;
  /** From the repository's root; run by Node as it is. */
  readonly entry: string;
  /** Its variable and its default are where it listens. */
  readonly listen: Setting<Listen>;
  readonly settings: Spec;
  /** Throws SettingsError where settings do not go together. */
  check(env: Environment): void;
  /** How callers come in. */
  entrance(env: Environment): Entrance;
  /** The variable of its own PostgreSQL, which wins over COS_POSTGRES_URL. */
  readonly postgresVariable: string;
  /** The variable of the key with which it signs its calls of others, who know it by its name; unset: it calls nobody. */
  readonly keyVariable?: string;
  /** The variables by which it finds others of the mesh, where the environment does not say. */
  callees?(env: Environment): Readonly<Record<string, string>>;
  /** What it serves, for the table of addresses. */
  readonly about: string;
  /** How long it may take to drain, in milliseconds. */
  drainMs(env: Environment): number;
  migrate(options: JobOptions): Promise<unknown>;
  /**
   * Makes a token the owner's only one, unless it has `ended`. A service that has it shows the start page as well, which takes
   * the token.
   */
  ensureOwner?(options: JobOptions & { hash: Uint8Array }): Promise<"kept" | "set" | "ended">;
}

/** Where a job of a service does its work. */
interface JobOptions {
  readonly url: string;
  readonly log: Log;
}

/** Every process of the mesh. They are started together and stopped together; none needs another to start. */
export const SERVICES: readonly Service[] = [
  {
    name: "conductor",
    entry: "services/conductor/main.ts",
    listen: CONDUCTOR_SETTINGS.listen,
    settings: CONDUCTOR_SETTINGS,
    check: (env) => void readConductorSettings(withEngine(env)),
    entrance: (env) => entranceOf(readConductorSettings(withEngine(env))),
    postgresVariable: CONDUCTOR_SETTINGS.ownPostgresUrl.name,
    about: "records, answers, publishes: gRPC, Connect, gRPC-Web",
    drainMs: (env) => drainMsOf(readSettings(env, CONDUCTOR_SETTINGS)),
    migrate: migrateConductor,
    ensureOwner,
  },
  {
    name: "graph",
    entry: "services/graph/main.ts",
    listen: GRAPH_SETTINGS.listen,
    settings: GRAPH_SETTINGS,
    check: (env) => void readGraphSettings(withEngine(env)),
    entrance: (env) => entranceOf(readGraphSettings(withEngine(env))),
    postgresVariable: GRAPH_SETTINGS.ownPostgresUrl.name,
    keyVariable: GRAPH_SETTINGS.serviceKey.name,
    callees: conductorFromHere,
    about: "grows the graph from what was recorded: gRPC, Connect, gRPC-Web",
    drainMs: (env) => drainMsOf(readSettings(env, GRAPH_SETTINGS)),
    migrate: migrateGraph,
  },
];

interface Door extends Pick<Entrance, "auth"> {
  readonly tls: TlsFiles | undefined;
  readonly healthListen: Listen | undefined;
}

function entranceOf({ auth, tls, healthListen: health }: Door): Entrance {
  return { auth, certificate: tls && { file: tls.cert, hosts: readCertificates(tls).hosts }, health };
}

function drainMsOf({ drainGraceMs, leaveBalancerMs }: { drainGraceMs: number; leaveBalancerMs: number }): number {
  return drainGraceMs + leaveBalancerMs;
}

/** Where the conductor listens that is started beside; with TLS by a name that its certificate is for. */
function conductorFromHere(env: Environment): Readonly<Record<string, string>> {
  if (env.COS_CONDUCTOR_ADDRESS) return {};
  const listen = listenOf(env, CONDUCTOR_SETTINGS.listen);
  const entrance = entranceOf(readConductorSettings(withEngine(env)));
  const isTls = entrance.certificate !== undefined;
  return { COS_CONDUCTOR_ADDRESS: isTls ? originOf(listen, entrance) : reachedFromHere(listen) };
}

/** The environment as the service will have it: with a PostgreSQL. Which one is no matter to its other settings. */
function withEngine(env: Environment): Environment {
  return { ...env, COS_POSTGRES_URL: env.COS_POSTGRES_URL || "postgres://127.0.0.1/cos" };
}

/** The names of all variables that any process of COS reads, by which a misspelt one is found. */
export function knownVariables(services: readonly Service[]): string[] {
  const names = namesOf(LAUNCHER_SETTINGS, cliSpec, ...services.map(({ settings }) => settings));
  return [...new Set([...names, ...services.map(({ postgresVariable }) => postgresVariable)])];
}
