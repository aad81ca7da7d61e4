import { readSettings, type Settings, SettingsError } from "#shared/config/read-settings.ts";
import { choice, durationMs, integer, list, listen, url } from "#shared/config/settings.ts";
import { LOG_LEVELS } from "#shared/log/open-log.ts";
import { parseRedisUrl } from "#shared/redis/open-redis.ts";

const POSTGRES = ["postgres", "postgresql"] as const;
const REDIS = ["redis", "rediss", "redis+sentinel", "redis+cluster"] as const;
const MINUTE_MS = 60_000;
const MIB = 1024 * 1024;

/** Every variable that the conductor reads. */
export const CONDUCTOR_SETTINGS = {
  listen: listen({
    name: "COS_CONDUCTOR_LISTEN",
    about: "Where the conductor listens.",
    fallback: { host: "127.0.0.1", port: 50_051 },
  }),
  auth: choice({
    name: "COS_AUTH",
    about:
      "Who is let in. `local`: whoever reaches the listener, which must be on loopback. `insecure`: the same on any address, with a warning.",
    fallback: "local",
    choices: ["local", "insecure"],
  }),
  ownPostgresUrl: url({
    name: "COS_CONDUCTOR_POSTGRES_URL",
    about: "The PostgreSQL of the conductor's schema, if it is another one than `COS_POSTGRES_URL`.",
    fallback: undefined,
    schemes: POSTGRES,
  }),
  postgresUrl: url({
    name: "COS_POSTGRES_URL",
    about: "PostgreSQL 15 to 18. Unset: `npm start` runs one under `.cos/`.",
    fallback: undefined,
    schemes: POSTGRES,
  }),
  postgresPoolMax: integer({
    name: "COS_POSTGRES_POOL_MAX",
    about: "How many connections a process keeps to PostgreSQL at most.",
    fallback: 10,
    min: 4,
    max: 200,
  }),
  redisUrl: url({
    name: "COS_REDIS_URL",
    about:
      "Redis 6.2 or later: `redis://`, `rediss://`, `redis+sentinel://host,host/name` or `redis+cluster://host,host`. Unset: `npm start` runs one under `.cos/`.",
    fallback: "redis://127.0.0.1:50379",
    schemes: REDIS,
  }),
  logLevel: choice({
    name: "COS_LOG_LEVEL",
    about: "How much the services log.",
    fallback: "info",
    choices: LOG_LEVELS,
  }),
  allowedHosts: list({
    name: "COS_ALLOWED_HOSTS",
    about:
      "Further `Host` values, separated by commas, under which browsers and other HTTP/1.1 callers may reach a listener. Loopback names are allowed always.",
    fallback: [],
  }),
  allowedOrigins: list({
    name: "COS_ALLOWED_ORIGINS",
    about: "The origins, separated by commas, whose pages may call: `https://studio.example`.",
    fallback: [],
  }),
  leaveBalancerMs: durationMs({
    name: "COS_DRAIN_LEAVE_BALANCER",
    about: "How long a stopping process still takes calls, so that balancers see it go. Behind a balancer: 5s or so.",
    fallback: 0,
    min: 0,
    max: 5 * MINUTE_MS,
  }),
  drainGraceMs: durationMs({
    name: "COS_DRAIN_GRACE",
    about: "How long a stopping process waits for the calls in flight.",
    fallback: 10_000,
    min: 0,
    max: 10 * MINUTE_MS,
  }),
  connectionAgeMaxMs: durationMs({
    name: "COS_CONNECTION_AGE_MAX",
    about:
      "How old a connection or stream may become before it is asked to come back, so that new replicas get a share.",
    fallback: 60 * MINUTE_MS,
    min: 10_000,
    max: 7 * 24 * 60 * MINUTE_MS,
  }),
  stallTimeoutMs: durationMs({
    name: "COS_STALL_TIMEOUT",
    about: "How long a subscriber may take nothing at all before it is cut.",
    fallback: 5 * MINUTE_MS,
    min: 1000,
    max: 60 * MINUTE_MS,
  }),
  highwayEntriesMax: integer({
    name: "COS_HIGHWAY_ENTRIES_MAX",
    about: "How many events Redis keeps of a module.",
    fallback: 20_000,
    min: 100,
    max: 1_000_000,
  }),
  highwayModuleBytesMax: integer({
    name: "COS_HIGHWAY_MODULE_BYTES_MAX",
    about: "How many bytes of events Redis keeps of a module.",
    fallback: 16 * MIB,
    min: MIB,
    max: 4096 * MIB,
  }),
  highwayBytesMax: integer({
    name: "COS_HIGHWAY_BYTES_MAX",
    about: "How many bytes of events Redis keeps in all.",
    fallback: 256 * MIB,
    min: MIB,
    max: 65_536 * MIB,
  }),
} as const;

/** What a migration reads beside: it may run as another role than the conductor. */
export const MIGRATION_SETTINGS = {
  ownPostgresUrl: CONDUCTOR_SETTINGS.ownPostgresUrl,
  postgresUrl: CONDUCTOR_SETTINGS.postgresUrl,
  ownerUrl: url({
    name: "COS_POSTGRES_OWNER_URL",
    about: "PostgreSQL as the role that runs migrations, if the services' own role may not.",
    fallback: undefined,
    schemes: POSTGRES,
  }),
} as const;

export type ConductorSettings = Settings<typeof CONDUCTOR_SETTINGS> & { readonly databaseUrl: string };

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|::1)$/;

const NO_POSTGRES = "COS_POSTGRES_URL is not set: name a PostgreSQL, or use `npm start`";

/** The database to migrate, as the role that may. */
export function readMigrationUrl(env: Readonly<Record<string, string | undefined>>): string {
  const { ownerUrl, ownPostgresUrl, postgresUrl } = readSettings(env, MIGRATION_SETTINGS);
  const found = ownerUrl ?? ownPostgresUrl ?? postgresUrl;
  if (found === undefined) throw new SettingsError([NO_POSTGRES]);
  return found;
}

/** Reads the conductor's settings; every fault at once. */
export function readConductorSettings(env: Readonly<Record<string, string | undefined>>): ConductorSettings {
  const settings = readSettings(env, CONDUCTOR_SETTINGS);
  const databaseUrl = settings.ownPostgresUrl ?? settings.postgresUrl;
  const faults = [
    ...(databaseUrl === undefined ? [NO_POSTGRES] : []),
    ...redisFaults(settings.redisUrl),
    ...(settings.auth === "local" && !LOOPBACK.test(settings.listen.host)
      ? [
          `COS_CONDUCTOR_LISTEN is off loopback (${settings.listen.host}), where anybody could record and read: ` +
            "listen on 127.0.0.1, or set COS_AUTH=insecure if the network itself keeps strangers out",
        ]
      : []),
  ];
  if (databaseUrl === undefined || faults.length > 0) throw new SettingsError(faults);
  return { ...settings, databaseUrl };
}

/** What a URL's shape alone does not tell: a Sentinel without a master's name, say. */
function redisFaults(redisUrl: string): string[] {
  try {
    parseRedisUrl(redisUrl);
    return [];
  } catch (error) {
    return [`COS_REDIS_URL is wrong: ${(error as Error).message}`];
  }
}
