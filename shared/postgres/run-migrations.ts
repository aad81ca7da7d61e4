import type { Log } from "#shared/log/open-log.ts";
import type { Postgres } from "./open-postgres.ts";
import { withAdvisoryLock } from "./with-advisory-lock.ts";

/**
 * Brings the schema up to what the code needs; returns the names of the migrations that ran. Each runs in a transaction with
 * its own record, so that a broken one leaves no half.
 *
 * Concurrent runs wait for each other: MikroORM's migrator alone lets two of them start the same migration.
 */
export async function runMigrations(postgres: Postgres, log: Log): Promise<string[]> {
  return withAdvisoryLock(postgres.pool, `cos migrate ${postgres.schema}`, async () => {
    const done = await postgres.orm.migrator.up();
    for (const { name } of done) log.info({ migration: name }, "migration applied");
    return done.map(({ name }) => name);
  });
}
