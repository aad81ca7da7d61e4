import { listenOf } from "#shared/config/listen-of.ts";
import { readSettings, type Settings, SettingsError, type Spec } from "#shared/config/read-settings.ts";
import type { Listen, Setting } from "#shared/config/settings.ts";
import { type AuthMode, authFaults, authModeOf } from "#shared/identity/auth-mode.ts";
import { IDENTITY_SETTINGS } from "#shared/identity/identity-settings.ts";
import type { Policy } from "#shared/identity/policy.ts";
import { readPolicy } from "#shared/identity/read-policy.ts";
import { postgresTlsOf, withSslMode } from "#shared/postgres/tls-of-url.ts";
import { parseRedisUrl } from "#shared/redis/open-redis.ts";
import type { TlsFiles } from "#shared/rpc/tls-certificates.ts";
import { readTls, TLS_SETTINGS } from "#shared/rpc/tls-settings.ts";
import { POSTGRES_OWNER_URL, type SERVICE_SETTINGS } from "./service-settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** What a service declares beside what all of them do. */
export interface ServiceSpec extends Spec {
  readonly listen: Setting<Listen>;
  readonly ownPostgresUrl: Setting<string | undefined>;
}

type Common = typeof SERVICE_SETTINGS & ServiceSpec;

/** A service's settings, with what follows from several of them. */
export type ServiceSettings<S extends Spec> = Omit<Settings<S>, "auth" | "tls"> & {
  /** Its own PostgreSQL, else that of all. */
  readonly databaseUrl: string;
  readonly auth: AuthMode;
  /** Undefined: its listener speaks no TLS. */
  readonly tls: TlsFiles | undefined;
  readonly policy: Policy;
};

/** What the policy's and the door's faults are found by, however wrong the rest may be. */
const POLICY = { authPolicy: IDENTITY_SETTINGS.authPolicy } as const;
const DOOR = { auth: IDENTITY_SETTINGS.auth, ...TLS_SETTINGS } as const;

const NO_POSTGRES = "COS_POSTGRES_URL is not set: name a PostgreSQL, or use `npm start`";

/** Reads a service's settings. Throws SettingsError with every fault at once; `further` tells those that the service alone knows of. */
export function readService<S extends Common>(
  env: Environment,
  spec: S,
  further: (settings: Settings<S>) => readonly string[] = () => [],
): ServiceSettings<S> {
  const settings = faultsIn(() => readSettings(env, spec));
  const listener = faultsIn(() => readListener(env, spec.listen));
  const policy = faultsIn(() => readPolicy(readSettings(env, POLICY).authPolicy));
  const common = settings.value as Settings<Common> | undefined;
  const found = common?.ownPostgresUrl ?? common?.postgresUrl;
  const database = faultsIn(() => found && withEnvironmentsMode(found, env));
  const databaseUrl = database.value;
  const faults = [
    ...settings.faults,
    ...(common === undefined ? [] : engineFaults(found, common.redisUrl)),
    ...(settings.value === undefined ? [] : further(settings.value)),
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

/** The database that a service's migrations run in, as the role that may run them. Throws SettingsError. */
export function migrationUrl(
  env: Environment,
  { ownPostgresUrl, postgresUrl }: Pick<Common, "ownPostgresUrl" | "postgresUrl">,
): string {
  const read = readSettings(env, { ownerUrl: POSTGRES_OWNER_URL, ownPostgresUrl, postgresUrl });
  const found = read.ownerUrl ?? read.ownPostgresUrl ?? read.postgresUrl;
  if (found === undefined) throw new SettingsError([NO_POSTGRES]);
  return withEnvironmentsMode(found, env);
}

/** What libpq's variable says of TLS counts for a URL that says nothing, here rather than in pg, which would not verify. Throws SettingsError. */
export function withEnvironmentsMode(databaseUrl: string, { PGSSLMODE }: Environment): string {
  try {
    return withSslMode(databaseUrl, PGSSLMODE);
  } catch (error) {
    throw new SettingsError([`PGSSLMODE ${(error as Error).message}`]);
  }
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

/** A service's listener, with every fault of what its settings say together. Throws SettingsError where one is wrong alone. */
export function readListener(
  env: Environment,
  listen: Setting<Listen>,
): { readonly value: Listener | undefined; readonly faults: string[] } {
  const settings = readSettings(env, DOOR);
  const address = listenOf(env, listen);
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
