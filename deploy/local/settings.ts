import { readSettings, type Settings, SettingsError, type Spec } from "#shared/config/read-settings.ts";
import { type Listen, listen, type Setting, text, url } from "#shared/config/settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** A listener that only this machine can reach. */
function loopback(spec: { name: string; about: string; fallback: Listen }): Setting<Listen> {
  const setting = listen(spec);
  return {
    ...setting,
    parse(value) {
      const parsed = setting.parse(value);
      if (parsed.port !== 0 && /^(127\.0\.0\.1|localhost)$/.test(parsed.host)) return parsed;
      throw new Error("must be 127.0.0.1:port: this engine is for this machine alone");
    },
  };
}

/** What the launcher reads beside the settings of the services that it starts. */
export const LAUNCHER_SETTINGS = {
  dataDir: text({
    name: "COS_DATA_DIR",
    about: "Where `npm start` keeps its engines' data and its logs, relative to the repository.",
    fallback: ".cos",
  }),
  postgresListen: loopback({
    name: "COS_POSTGRES_LISTEN",
    about: "Where the PostgreSQL that `npm start` brings listens, on 127.0.0.1.",
    fallback: { host: "127.0.0.1", port: 50_432 },
  }),
  redisListen: loopback({
    name: "COS_REDIS_LISTEN",
    about: "Where the Redis that `npm start` brings listens, on 127.0.0.1.",
    fallback: { host: "127.0.0.1", port: 50_379 },
  }),
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
} as const;

export type LauncherSettings = Settings<typeof LAUNCHER_SETTINGS>;

/** Reads the launcher's settings, and looks at the services' as well: every fault is told before anything runs. */
export function readLauncherSettings(env: Environment, services: readonly Spec[]): LauncherSettings {
  const faults = new Set([LAUNCHER_SETTINGS, ...services].flatMap((spec) => faultsOf(env, spec)));
  if (faults.size > 0) throw new SettingsError([...faults]);
  return readSettings(env, LAUNCHER_SETTINGS);
}

function faultsOf(env: Environment, spec: Spec): readonly string[] {
  try {
    readSettings(env, spec);
    return [];
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
}
