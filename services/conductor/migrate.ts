import { SettingsError } from "#shared/config/read-settings.ts";
import { EXIT_FAILED, EXIT_MISCONFIGURED } from "#shared/lifecycle/run-service.ts";
import { type Log, openLog } from "#shared/log/open-log.ts";
import { openPostgres, type PostgresOptions } from "#shared/postgres/open-postgres.ts";
import { runMigrations } from "#shared/postgres/run-migrations.ts";
import { readMigrationUrl } from "./config.ts";
import { authSchema } from "./store/access/auth-schema.ts";
import { authMigrations } from "./store/access/migrations/auth-migrations.ts";
import { logEntities, logSchema } from "./store/entities.ts";
import { logMigrations } from "./store/migrations/log-migrations.ts";

/**
 * Brings `mem0_cc` and `cos_auth` up to date in the database of the URL (one database: the audit stands in the transactions of what it
 * tells of); returns the names of the migrations that ran. Safe to run from several places at once. A migration may take its time, so none of the services' timeouts hold here.
 */
export async function migrateConductor(options: { url: string; log: Log }): Promise<string[]> {
  const log = { entities: logEntities, schema: logSchema, migrations: logMigrations };
  const auth = { entities: [], schema: authSchema, migrations: authMigrations };
  return [...(await migrateSchema(options, log)), ...(await migrateSchema(options, auth))];
}

async function migrateSchema(
  options: { url: string; log: Log },
  schema: Pick<PostgresOptions, "entities" | "schema" | "migrations">,
): Promise<string[]> {
  const postgres = await openPostgres({
    ...options,
    ...schema,
    applicationName: "cos migrate conductor",
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

/** What `cos migrate` and a deployment's job run: the answer is the process's exit code. */
export async function runMigrationJob(
  env: Readonly<Record<string, string | undefined>>,
  say: (line: string) => void,
): Promise<number> {
  try {
    const url = readMigrationUrl(env);
    const applied = await migrateConductor({ url, log: openLog({ service: "conductor-migrate", level: "warn" }) });
    say(applied.length === 0 ? "conductor: the schema is current" : `conductor: applied ${applied.join(", ")}`);
    return 0;
  } catch (error) {
    const faults = error instanceof SettingsError ? error.faults : [`not migrated: ${(error as Error).message}`];
    for (const fault of faults) say(`conductor: ${fault}`);
    return error instanceof SettingsError ? EXIT_MISCONFIGURED : EXIT_FAILED;
  }
}

if (import.meta.main) {
  process.exitCode = await runMigrationJob(process.env, (line) => void process.stdout.write(`${line}\n`));
}
