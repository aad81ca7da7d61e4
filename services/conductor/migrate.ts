import type { Log } from "#shared/log/open-log.ts";
import { openPostgres } from "#shared/postgres/open-postgres.ts";
import { runMigrations } from "#shared/postgres/run-migrations.ts";
import { logEntities, logSchema } from "./store/entities.ts";
import { logMigrations } from "./store/migrations/log-migrations.ts";

/**
 * Brings `mem0_cc` up to date in the database of the URL; returns the names of the migrations that ran. Safe to run from several
 * places at once. A migration may take its time, so none of the services' timeouts hold here.
 */
export async function migrateConductor(options: { url: string; log: Log }): Promise<string[]> {
  const postgres = await openPostgres({
    ...options,
    applicationName: "cos migrate conductor",
    entities: logEntities,
    schema: logSchema,
    migrations: logMigrations,
    poolMax: 3,
    connectTimeoutMs: 10_000,
    statementTimeoutMs: 0,
    lockTimeoutMs: 0,
    idleInTransactionTimeoutMs: 0,
  });
  try {
    return await runMigrations(postgres, options.log);
  } finally {
    await postgres.close();
  }
}
