import type { Constructor } from "@mikro-orm/core";
import { type Migration, Migrator } from "@mikro-orm/migrations";
import { MikroORM, type Options } from "@mikro-orm/postgresql";
import pg from "pg";
import type { Log } from "#shared/log/open-log.ts";
import { postgresTlsOf } from "./tls-of-url.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`; what `postgresTlsOf` and pg know of parameters may follow. */
  readonly url: string;
  /** What `pg_stat_activity` calls us. */
  readonly applicationName: string;
  readonly entities: NonNullable<Options["entities"]>;
  /** The schema that holds the entities, and the table of migrations. */
  readonly schema: string;
  readonly migrations: readonly { readonly name: string; readonly class: Constructor<Migration> }[];
  /** Connections at most. Default 10. */
  readonly poolMax?: number;
  /** For a connection, new or from the pool. Default 1,500. */
  readonly connectTimeoutMs?: number;
  /** For a statement, by the server's clock; 0: any time. Default 5,000. */
  readonly statementTimeoutMs?: number;
  /** For a lock, by the server's clock; 0: any time. Default 1,000. */
  readonly lockTimeoutMs?: number;
  /** For a transaction that does nothing; 0: any time. Default 10,000. */
  readonly idleInTransactionTimeoutMs?: number;
  /** Further settings of every session, by name: what its statements need of the planner, say. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Awaited before a new connection is used for the first time; if it rejects, so does whoever wanted the connection. */
  readonly onConnect?: (client: pg.ClientBase) => Promise<void>;
  readonly log: Log;
}

export interface Postgres {
  readonly orm: MikroORM;
  /** The ORM's own pool, for statements that it would only slow down. */
  readonly pool: pg.Pool;
  readonly schema: string;
  /** The migrations that this code needs, in order. */
  readonly migrations: readonly string[];
  /** Stops the statement that a backend runs, if it runs one. Rejects when the server cannot be reached. */
  cancelBackend(processId: number): Promise<void>;
  /** Waits for the connections in use, then closes them all. */
  close(): Promise<void>;
}

/**
 * Opens MikroORM and its pool. No connection is made yet, so the server may come later.
 *
 * Owns: the pool, and a second one of a single connection from which statements are cancelled when the first is used up.
 *
 * - Session settings are made by a statement on each new connection rather than by the startup packet, so that neither
 *   an `options` in the URL nor a pooler in between replaces them. JIT is off: it compiles a statement of 0.3 ms for 100 ms.
 * - Where the URL asks for TLS there is no way around it: a server without it, of another name, or that the CA does not know is
 *   refused.
 * - Every connection has an `error` listener from its first moment; without one a dropped connection ends the process.
 */
export async function openPostgres(options: PostgresOptions): Promise<Postgres> {
  const { log, connectTimeoutMs = 1500 } = options;
  const { url, ssl } = postgresTlsOf(options.url);
  const client = {
    connectionString: url,
    ssl,
    application_name: options.applicationName,
    connectionTimeoutMillis: connectTimeoutMs,
    keepAlive: true,
  };
  const orm = await MikroORM.init({
    entities: [...options.entities],
    // A schema that is spoken to in SQL alone has none.
    discovery: { warnWhenNoEntities: false },
    dbName: databaseOf(options.url),
    ensureDatabase: false,
    extensions: [Migrator],
    // Its messages may hold values of rows; what matters is logged below, by code.
    logger: () => undefined,
    driverOptions: {
      ...client,
      max: options.poolMax ?? 10,
      onConnect: async (fresh: pg.ClientBase) => {
        await settle(fresh, options, connectTimeoutMs);
        await options.onConnect?.(fresh);
      },
    },
    migrations: {
      tableName: `${options.schema}.migration`,
      migrationsList: [...options.migrations],
      snapshot: false,
      // Switching foreign keys off takes a superuser.
      disableForeignKeys: false,
    },
    // The schema belongs to us whole, and others next to it do not concern us.
    schemaGenerator: { disableForeignKeys: false },
  });
  const pool = (await (orm.em.getConnection() as unknown as NativePool).getNativeClient()) satisfies pg.Pool;
  pool.on("connect", (fresh) => fresh.on("error", (err) => log.warn({ err }, "postgres connection lost")));
  pool.on("error", (err) => log.warn({ err }, "postgres connection lost while idle"));

  const cancels = new pg.Pool({ ...client, max: 1, idleTimeoutMillis: 1000, query_timeout: connectTimeoutMs });
  cancels.on("error", (err) => log.debug({ err }, "postgres connection for cancelling lost"));
  return {
    orm,
    pool,
    schema: options.schema,
    migrations: options.migrations.map((migration) => migration.name),
    cancelBackend: async (processId) => {
      await cancels.query("select pg_cancel_backend($1)", [processId]);
    },
    close: async () => {
      await cancels.end();
      await orm.close(true);
      // The ORM leaves the pool open if it has never run a statement on it itself.
      if (!pool.ending) await pool.end();
    },
  };
}

interface NativePool {
  getNativeClient(): Promise<pg.Pool>;
}

/** Gives a new connection its settings. */
async function settle(client: pg.ClientBase, options: PostgresOptions, timeoutMs: number): Promise<void> {
  const settings: Readonly<Record<string, string>> = {
    ...options.settings,
    jit: "off",
    statement_timeout: String(options.statementTimeoutMs ?? 5000),
    lock_timeout: String(options.lockTimeoutMs ?? 1000),
    idle_in_transaction_session_timeout: String(options.idleInTransactionTimeoutMs ?? 10_000),
  };
  const text = "select set_config(s.name, s.value, false) from unnest($1::text[], $2::text[]) s (name, value)";
  const query = { text, values: [Object.keys(settings), Object.values(settings)], query_timeout: timeoutMs };
  await client.query(query);
}

/** The name that comes last in the URL's path; the ORM wants to know it although the driver reads the URL itself. */
function databaseOf(url: string): string {
  const path = /^[a-z]+:\/\/[^/?]*\/([^?]*)/i.exec(url)?.[1] ?? "";
  return decodeURIComponent(path) || "postgres";
}
