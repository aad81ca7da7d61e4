import { HOST } from "#shared/config/listen-of.ts";
import { choice, durationMs, integer, type Listen, list, listen, type Setting, url } from "#shared/config/settings.ts";
import { IDENTITY_SETTINGS } from "#shared/identity/identity-settings.ts";
import { LOG_LEVELS } from "#shared/log/open-log.ts";
import { TLS_SETTINGS } from "#shared/rpc/tls-settings.ts";

const MINUTE_MS = 60_000;

export const POSTGRES_SCHEMES = ["postgres", "postgresql"] as const;
const REDIS_SCHEMES = ["redis", "rediss", "redis+sentinel", "redis+cluster"] as const;

/** What every process of the mesh reads that serves. */
export const SERVICE_SETTINGS = {
  host: HOST,
  ...IDENTITY_SETTINGS,
  ...TLS_SETTINGS,
  postgresUrl: url({
    name: "COS_POSTGRES_URL",
    about:
      "PostgreSQL 15 to 18. TLS: `?sslmode=verify-full&sslrootcert=/ca.pem` (and `sslcert`, `sslkey` for a client's certificate); every mode but `disable` verifies, and `PGSSLMODE` counts where the URL says nothing. Unset: `npm start` runs one under `.cos/`.",
    fallback: undefined,
    schemes: POSTGRES_SCHEMES,
  }),
  postgresPoolMax: integer({
    name: "COS_POSTGRES_POOL_MAX",
    about:
      "How many connections a process keeps to PostgreSQL at most. The graph's are those of its readers: its projection keeps up to 4 beside them, and up to 3 look tokens up.",
    fallback: 10,
    min: 4,
    max: 200,
  }),
  redisUrl: url({
    name: "COS_REDIS_URL",
    about:
      "Redis 6.2 or later: `redis://`, `rediss://` (TLS: `?ca=/ca.pem`, and `cert`, `key` for a client's certificate), `redis+sentinel://host,host/name` or `redis+cluster://host,host`. Unset: `npm start` runs one under `.cos/`.",
    fallback: "redis://127.0.0.1:50379",
    schemes: REDIS_SCHEMES,
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
} as const;

/** The role that migrates, of any service. */
export const POSTGRES_OWNER_URL = url({
  name: "COS_POSTGRES_OWNER_URL",
  about: "PostgreSQL as the role that runs migrations, if the services' own role may not.",
  fallback: undefined,
  schemes: POSTGRES_SCHEMES,
});

/** The setting of a service's own PostgreSQL: `COS_GRAPH_POSTGRES_URL`, say. */
export function ownPostgresUrl(name: string, about: string): Setting<string | undefined> {
  return url<string | undefined>({ name, about, fallback: undefined, schemes: POSTGRES_SCHEMES });
}

/** The setting of a listener for health alone, which is not there unless it is asked for. */
export function healthListen(spec: { readonly name: string; readonly about: string }): Setting<Listen | undefined> {
  return { ...listen({ ...spec, fallback: { host: "127.0.0.1", port: 0 } }), shown: "", fallback: undefined };
}
