import { SettingsError } from "#shared/config/read-settings.ts";
import { EXIT_FAILED, EXIT_MISCONFIGURED } from "#shared/lifecycle/run-service.ts";
import { type Log, openLog } from "#shared/log/open-log.ts";
import { openPostgres } from "#shared/postgres/open-postgres.ts";
import { runMigrations } from "#shared/postgres/run-migrations.ts";
import { readMigrationUrl } from "./config.ts";
import { graphSchema } from "./store/postgres/graph-schema.ts";
import { graphMigrations } from "./store/postgres/migrations/graph-migrations.ts";

/**
 * Brings `cos_graph` up to date in the database of the URL; returns the names of the migrations that ran. Safe to run from several
 * places at once. A migration may take its time, so none of the services' timeouts hold here.
 */
export async function migrateGraph(options: { readonly url: string; readonly log: Log }): Promise<string[]> {
  const postgres = await openPostgres({
    ...options,
    entities: [],
    schema: graphSchema,
    migrations: graphMigrations,
    applicationName: "cos migrate graph",
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
    const applied = await migrateGraph({ url, log: openLog({ service: "graph-migrate", level: "warn" }) });
    say(applied.length === 0 ? "graph: the schema is current" : `graph: applied ${applied.join(", ")}`);
    return 0;
  } catch (error) {
    const faults = error instanceof SettingsError ? error.faults : [`not migrated: ${(error as Error).message}`];
    for (const fault of faults) say(`graph: ${fault}`);
    return error instanceof SettingsError ? EXIT_MISCONFIGURED : EXIT_FAILED;
  }
}

if (import.meta.main) {
  process.exitCode = await runMigrationJob(process.env, (line) => void process.stdout.write(`${line}\n`));
}
