import { cliSpec } from "#services/cli/config.ts";
import { CONDUCTOR_SETTINGS } from "#services/conductor/config.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { readSettings, type Spec } from "#shared/config/read-settings.ts";
import type { Listen, Setting } from "#shared/config/settings.ts";
import type { Log } from "#shared/log/open-log.ts";
import { type Environment, LAUNCHER_SETTINGS } from "./settings.ts";

/** A process of the mesh, as the launcher sees it. */
export interface Service {
  readonly name: string;
  /** From the repository's root; run by Node as it is. */
  readonly entry: string;
  /** Its variable and its default are where it listens. */
  readonly listen: Setting<Listen>;
  readonly settings: Spec;
  /** The variable of its own PostgreSQL, which wins over COS_POSTGRES_URL. */
  readonly postgresVariable: string;
  /** What it serves, for the table of addresses. */
  readonly about: string;
  /** How long it may take to drain, in milliseconds. */
  drainMs(env: Environment): number;
  migrate(options: { url: string; log: Log }): Promise<unknown>;
}

/** Every process of the mesh. They are started together and stopped together; none needs another to start. */
export const SERVICES: readonly Service[] = [
  {
    name: "conductor",
    entry: "services/conductor/main.ts",
    listen: CONDUCTOR_SETTINGS.listen,
    settings: CONDUCTOR_SETTINGS,
    postgresVariable: CONDUCTOR_SETTINGS.ownPostgresUrl.name,
    about: "records, answers, publishes: gRPC, Connect, gRPC-Web",
    drainMs: (env) => {
      const { drainGraceMs, leaveBalancerMs } = readSettings(env, CONDUCTOR_SETTINGS);
      return drainGraceMs + leaveBalancerMs;
    },
    migrate: migrateConductor,
  },
];

/** The names of all variables that any process of COS reads, by which a misspelt one is found. */
export function knownVariables(services: readonly Service[]): string[] {
  const specs: readonly Spec[] = [LAUNCHER_SETTINGS, cliSpec, ...services.map(({ settings }) => settings)];
  const names = specs.flatMap((spec) => Object.values(spec).map(({ name }) => name));
  return [...new Set([...names, ...services.map(({ postgresVariable }) => postgresVariable)])];
}
