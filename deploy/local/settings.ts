import { CLIENT_SETTINGS } from "#shared/config/client-settings.ts";
import { ENGINE_LISTENERS } from "#shared/config/engine-listeners.ts";
import { HOST } from "#shared/config/listen-of.ts";
import { NEO4J_SETTINGS } from "#shared/config/neo4j-settings.ts";
import { readSettings, type Settings, SettingsError, type Spec } from "#shared/config/read-settings.ts";
import { url } from "#shared/config/settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What the launcher reads beside the settings of the services that it starts. */
export const LAUNCHER_SETTINGS = {
  host: HOST,
  dataDir: CLIENT_SETTINGS.dataDir,
  ...ENGINE_LISTENERS,
  postgresUrl: url({
    name: "COS_POSTGRES_URL",
    about: "PostgreSQL 15 to 18. Unset: `npm start` runs one under `.cos/`.",
    fallback: undefined,
    schemes: ["postgres", "postgresql"],
  }),
  postgresOwnerUrl: url({
    name: "COS_POSTGRES_OWNER_URL",
    about: "PostgreSQL as the role that runs migrations, if the services' own role may not.",
    fallback: undefined,
    schemes: ["postgres", "postgresql"],
  }),
  redisUrl: url({
    name: "COS_REDIS_URL",
    about: "The highway's Redis. Unset: `npm start` runs one under `.cos/`.",
    fallback: undefined,
    schemes: ["redis", "rediss", "redis+sentinel", "redis+cluster"],
  }),
  neo4jUrl: NEO4J_SETTINGS.neo4jUrl,
} as const;

export type LauncherSettings = Settings<typeof LAUNCHER_SETTINGS>;

/** A service's settings, as they can be judged before it starts. */
interface Judged {
  readonly settings: Spec;
  /** Throws SettingsError where settings do not go together. */
  check(env: Environment): void;
}

/** Reads the launcher's settings, and looks at the services' as well: every fault is told before anything runs. */
export function readLauncherSettings(env: Environment, services: readonly Judged[]): LauncherSettings {
  const specs = [LAUNCHER_SETTINGS, ...services.map(({ settings }) => settings)];
  const alone = specs.flatMap((spec) => faultsOf(() => readSettings(env, spec)));
  // How settings go together can only be said of settings that are right by themselves.
  const faults = alone.length > 0 ? alone : services.flatMap((service) => faultsOf(() => service.check(env)));
  if (faults.length > 0) throw new SettingsError([...new Set(faults)]);
  return readSettings(env, LAUNCHER_SETTINGS);
}

function faultsOf(read: () => void): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
}
