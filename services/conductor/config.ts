import { HOST, listenOf } from "#shared/config/listen-of.ts";
import { readSettings, type Settings, SettingsError } from "#shared/config/read-settings.ts";
import { choice, durationMs, integer, type Listen, list, listen, type Setting, url } from "#shared/config/settings.ts";
import { type AuthMode, authFaults, authModeOf } from "#shared/identity/auth-mode.ts";
import { IDENTITY_SETTINGS } from "#shared/identity/identity-settings.ts";
import type { Policy } from "#shared/identity/policy.ts";
import { readPolicy } from "#shared/identity/read-policy.ts";
import { LOG_LEVELS } from "#shared/log/open-log.ts";
import { postgresTlsOf, withSslMode } from "#shared/postgres/tls-of-url.ts";
import { parseRedisUrl } from "#shared/redis/open-redis.ts";
import type { TlsFiles } from "#shared/rpc/tls-certificates.ts";
import { readTls, TLS_SETTINGS } from "#shared/rpc/tls-settings.ts";

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
  host: HOST,
  healthListen: optional(
    listen({
      name: "COS_CONDUCTOR_HEALTH_LISTEN",
      about:
        "Where the conductor answers health checks without TLS, and nothing else; for orchestrators that speak none.",
      fallback: { host: "127.0.0.1", port: 0 },
    }),
  ),
  ...IDENTITY_SETTINGS,
  ...TLS_SETTINGS,
  ownPostgresUrl: url({
    name: "COS_CONDUCTOR_POSTGRES_URL",
    about: "The PostgreSQL of the conductor's schema, if it is another one than `COS_POSTGRES_URL`.",
    fallback: undefined,
    schemes: POSTGRES,
  }),
  postgresUrl: url({
    name: "COS_POSTGRES_URL",
    about:
      "PostgreSQL 15 to 18. TLS: `?sslmode=verify-full&sslrootcert=/ca.pem` (and `sslcert`, `sslkey` for a client's certificate); every mode but `disable` verifies, and `PGSSLMODE` counts where the URL says nothing. Unset: `npm start` runs one under `.cos/`.",
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
      "Redis 6.2 or later: `redis://`, `rediss://` (TLS: `?ca=/ca.pem`, and `cert`, `key` for a client's certificate), `redis+sentinel://host,host/name` or `redis+cluster://host,host`. Unset: `npm start` runs one under `.cos/`.",
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

/** A listener that is not there unless it is asked for. */
function optional(setting: Setting<Listen>): Setting<Listen | undefined> {
  return { ...setting, shown: "", fallback: undefined };
}

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

export type ConductorSettings = Omit<Settings<typeof CONDUCTOR_SETTINGS>, "auth" | "tls"> & {
  readonly databaseUrl: string;
  readonly auth: AuthMode;
  /** Undefined: its listener speaks no TLS. */
  readonly tls: TlsFiles | undefined;
  readonly policy: Policy;
};

/** What the policy's and the door's faults are found by, however wrong the rest may be. */
const POLICY = { authPolicy: IDENTITY_SETTINGS.authPolicy } as const;
const DOOR = { auth: IDENTITY_SETTINGS.auth, ...TLS_SETTINGS } as const;

type Environment = Readonly<Record<string, string | undefined>>;

const NO_POSTGRES = "COS_POSTGRES_URL is not set: name a PostgreSQL, or use `npm start`";

/** The database to migrate, as the role that may. */
export function readMigrationUrl(env: Environment): string {
  const { ownerUrl, ownPostgresUrl, postgresUrl } = readSettings(env, MIGRATION_SETTINGS);
  const found = ownerUrl ?? ownPostgresUrl ?? postgresUrl;
  if (found === undefined) throw new SettingsError([NO_POSTGRES]);
  return withEnvironmentsMode(found, env);
}

/** What libpq's variable says of TLS counts for a URL that says nothing, here rather than in pg, which would not verify. */
function withEnvironmentsMode(databaseUrl: string, { PGSSLMODE }: Environment): string {
  try {
    return withSslMode(databaseUrl, PGSSLMODE);
  } catch (error) {
    throw new SettingsError([`PGSSLMODE ${(error as Error).message}`]);
  }
}

/** Reads the conductor's settings; every fault at once. */
export function readConductorSettings(env: Environment): ConductorSettings {
  const settings = faultsIn(() => readSettings(env, CONDUCTOR_SETTINGS));
  const listener = faultsIn(() => readListener(env));
  const policy = faultsIn(() => readPolicy(readSettings(env, POLICY).authPolicy));
  const found = settings.value?.ownPostgresUrl ?? settings.value?.postgresUrl;
  const database = faultsIn(() => found && withEnvironmentsMode(found, env));
  const databaseUrl = database.value;
  const faults = [
    ...settings.faults,
    ...(settings.value === undefined ? [] : engineFaults(found, settings.value.redisUrl)),
    ...database.faults,
    ...listener.faults,
    ...(listener.value?.faults ?? []),
    ...policy.faults,
  ];
  const door = listener.value?.value;
  if (!settings.value || !databaseUrl || !door || !policy.value || faults.length > 0) {
    // What is read twice is told once.
    throw new SettingsError([...new Set(faults)]);
  }
  return { ...settings.value, ...door, databaseUrl, policy: policy.value };
}

function engineFaults(databaseUrl: string | undefined, redisUrl: string): string[] {
  return [
    ...(databaseUrl === undefined ? [NO_POSTGRES] : urlFaults("COS_POSTGRES_URL", () => postgresTlsOf(databaseUrl))),
    ...urlFaults("COS_REDIS_URL", () => parseRedisUrl(redisUrl)),
  ];
}

/** What a process that serves says of its door: where it is, whether it speaks TLS, and who is let in without a token. */
export interface Listener {
  readonly listen: Listen;
  readonly tls: TlsFiles | undefined;
  readonly auth: AuthMode;
}

/** The conductor's listener, with every fault of what its settings say together. Throws SettingsError where one is wrong alone. */
export function readListener(env: Environment): { readonly value: Listener | undefined; readonly faults: string[] } {
  const settings = readSettings(env, DOOR);
  const address = listenOf(env, CONDUCTOR_SETTINGS.listen);
  const tls = faultsIn(() => readTls(settings));
  const exposure = { auth: settings.auth, hosts: [address.host], tls: settings.tls };
  // Where TLS is asked for and wrong, that is the fault to tell of.
  const tlsOn = tls.faults.length > 0 || tls.value !== undefined;
  const faults = [...tls.faults, ...authFaults({ ...exposure, tlsOn })];
  return {
    value: faults.length > 0 ? undefined : { listen: address, tls: tls.value, auth: authModeOf(exposure) },
    faults,
  };
}

function faultsIn<T>(read: () => T): { readonly value?: T; readonly faults: readonly string[] } {
  try {
    return { value: read(), faults: [] };
  } catch (error) {
    if (error instanceof SettingsError) return { faults: error.faults };
    throw error;
  }
}

/** What a URL's shape alone does not tell: a Sentinel without a master's name, a mode of TLS that would look away. */
function urlFaults(variable: string, read: () => unknown): string[] {
  try {
    read();
    return [];
  } catch (error) {
    return [`${variable} is wrong: ${(error as Error).message}`];
  }
}
