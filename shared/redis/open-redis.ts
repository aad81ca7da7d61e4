import { Cluster, type ClusterOptions, Redis, type RedisOptions } from "ioredis";
import type { Log } from "#shared/log/open-log.ts";
import { parseTlsFiles, type RedisTlsFiles, readTlsFiles } from "./tls-files.ts";

/** One server, the master that a Sentinel names, or a Cluster: callers need not know which. */
export type RedisClient = Redis | Cluster;

/**
 * - `publisher`: short commands whose callers must not be kept waiting;
 * - `plain`: short commands of background work, which may take longer;
 * - `reader`: one blocking command at a time, which its owner times itself.
 */
export type RedisRole = "publisher" | "plain" | "reader";

export interface OpenRedisOptions {
  /**
   * `redis://`, `rediss://`, `redis+sentinel://h1:p,h2:p/name?db=0`, `redis+cluster://h1:p,h2:p`; an `s` after `redis` means TLS,
   * with `?ca=/path&cert=/path&key=/path` of PEM files.
   */
  readonly url: string;
  readonly role: RedisRole;
  readonly log: Log;
}

/** What a URL says, before any connection. */
export interface RedisAddress {
  readonly kind: "standalone" | "sentinel" | "cluster";
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly tls: boolean;
  /** Paths of PEM files; empty without TLS. */
  readonly tlsFiles: RedisTlsFiles;
  readonly username: string;
  readonly password: string;
  /** The Sentinel's name of the master; empty otherwise. */
  readonly name: string;
  readonly db: number;
}

const COMMAND_TIMEOUT_MS: Readonly<Record<RedisRole, number | undefined>> = {
  publisher: 300,
  plain: 2_000,
  reader: undefined,
};

const FORM = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?]+)(?:\/([^?]*))?(?:\?(.*))?$/;

/**
 * Opens a client. It needs no server to be there: it connects in the background and keeps trying, commands are refused
 * at once while there is no connection, and nothing is ever sent twice (ioredis' defaults hang callers for 15 s and turn
 * one XADD into two). Connection errors reach the log, once a change and never as an exception.
 */
export function openRedis(options: OpenRedisOptions): RedisClient {
  const address = parseRedisUrl(options.url);
  const client =
    address.kind === "cluster" ? openCluster(address, options.role) : new Redis(nodeOptions(address, options.role));
  listen(client, options);
  return client;
}

/** Waits until a client is connected, at most so long; true if it is. */
export async function untilReady(client: RedisClient, timeoutMs: number): Promise<boolean> {
  if (client.status !== "ready") {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, timeoutMs);
    client.once("ready", resolve);
    await promise;
    clearTimeout(timer);
    client.off("ready", resolve);
  }
  return client.status === "ready";
}

/** Reads a Redis URL; throws a TypeError that does not repeat it, because it may hold a password. */
export function parseRedisUrl(url: string): RedisAddress {
  const [, secure, kind = "standalone", credentials = "", hosts, path = "", query = ""] = FORM.exec(url) ?? [];
  if (hosts === undefined) {
    throw new TypeError("not a Redis URL: expected redis://, rediss://, redis+sentinel:// or redis+cluster://");
  }
  const [username = "", password = ""] = credentials.split(":").map(decodeURIComponent);
  const parameters = new URLSearchParams(query);
  const sentinel = kind === "sentinel";
  if (sentinel && path === "") {
    throw new TypeError("a redis+sentinel:// URL ends in the master's name");
  }
  return {
    kind: kind as RedisAddress["kind"],
    nodes: hosts.split(",").map((host) => parseNode(host, sentinel ? 26379 : 6379)),
    tls: secure === "s",
    tlsFiles: parseTlsFiles(parameters, secure === "s"),
    username,
    password,
    name: sentinel ? decodeURIComponent(path) : "",
    db: parseDatabase(parameters.get("db") ?? (sentinel ? "" : path)),
  };
}

function parseNode(node: string, defaultPort: number): { host: string; port: number } {
  const [, host = "", port] = /^(\[[^\]]+\]|[^:]+)(?::(\d{1,5}))?$/.exec(node) ?? [];
  const number = port === undefined ? defaultPort : Number(port);
  if (host === "" || number < 1 || number > 65_535) {
    throw new TypeError("a Redis URL names hosts as host:port, separated by commas");
  }
  return { host: host.replace(/^\[|\]$/g, ""), port: number };
}

function parseDatabase(text: string): number {
  if (!/^\d{0,4}$/.test(text)) {
    throw new TypeError("a Redis database is a small number");
  }
  return Number(text);
}

/** `replyMapping` picks types at compile time and is not ours to pass on. */
type NodeOptions = Omit<RedisOptions, "replyMapping">;

function baseOptions(address: RedisAddress, role: RedisRole): NodeOptions {
  const timeoutMs = COMMAND_TIMEOUT_MS[role];
  return {
    // RESP2 is what every server from 6.2 on speaks without being asked, and its replies have one shape.
    protocol: 2,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    connectTimeout: 2_000,
    // Else a process that is done waits two seconds for a connection that it never had.
    disconnectTimeout: 100,
    // A socket on which nothing comes for so long while an answer is due is dead, whatever the kernel thinks of it.
    ...(timeoutMs === undefined ? {} : { commandTimeout: timeoutMs, socketTimeout: timeoutMs * 10 }),
    // After a failover the old master answers READONLY: ask the Sentinel, or the name server, again.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    ...(address.username === "" ? {} : { username: address.username }),
    ...(address.password === "" ? {} : { password: address.password }),
    ...(address.tls ? { tls: readTlsFiles(address.tlsFiles) } : {}),
  };
}

/** 20 ms, 40, 80 ... up to a second: soon enough to be back by itself, too rare to hammer. */
function retryDelayMs(times: number): number {
  return Math.min(20 * 2 ** Math.min(times - 1, 6), 1_000);
}

/** The options of a client of one server, or of the master that a Sentinel names. */
export function nodeOptions(address: RedisAddress, role: RedisRole): NodeOptions {
  const options: NodeOptions = {
    ...baseOptions(address, role),
    db: address.db,
    enableOfflineQueue: false,
    retryStrategy: retryDelayMs,
  };
  if (address.kind === "standalone") {
    return { ...options, ...address.nodes[0] };
  }
  return {
    ...options,
    sentinels: [...address.nodes],
    name: address.name,
    enableTLSForSentinelMode: address.tls,
    // The Sentinels as well: they say who the master is.
    ...(options.tls === undefined ? {} : { sentinelTLS: options.tls }),
    sentinelRetryStrategy: retryDelayMs,
    sentinelCommandTimeout: 1_000,
    failoverDetector: true,
  };
}

function openCluster(address: RedisAddress, role: RedisRole): Cluster {
  const options: Omit<ClusterOptions, "redisOptions"> & { redisOptions: NodeOptions } = {
    enableOfflineQueue: false,
    clusterRetryStrategy: retryDelayMs,
    clusterNodeRetryStrategy: retryDelayMs,
    retryDelayOnFailover: 0,
    retryDelayOnClusterDown: 0,
    // A slot that has moved is followed; anything else is an answer.
    maxRedirections: 3,
    redisOptions: baseOptions(address, role),
  };
  return new Cluster([...address.nodes], options);
}

/** Says once that a connection was lost or refused, and once that it is back: a server that is down for an hour makes two lines. */
function listen(client: RedisClient, { role, log }: OpenRedisOptions): void {
  let down = false;
  client.on("error", (error: Error) => {
    if (!down) {
      down = true;
      log.warn({ engine: "redis", name: role, err: error }, "redis connection failed; retrying in the background");
    }
  });
  client.on("ready", () => {
    log[down ? "info" : "debug"]({ engine: "redis", name: role }, "redis connected");
    down = false;
  });
}
