import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { logEntities, logSchema } from "#services/conductor/store/entities.ts";
import { logMigrations } from "#services/conductor/store/migrations/log-migrations.ts";
import { openPostgres, type Postgres } from "#shared/postgres/open-postgres.ts";
import { type ClonedDatabase, cloneDatabase } from "#tests/support/engines.ts";
import { silent } from "./open-test-store.ts";

let database: ClonedDatabase;
let postgres: Postgres;
beforeAll(async () => {
  database = await cloneDatabase();
  postgres = await openPostgres({
    url: database.url,
    applicationName: "schema",
    entities: logEntities,
    schema: logSchema,
    migrations: logMigrations,
    log: silent,
  });
});
afterAll(async () => {
  await postgres.close();
  await database.drop();
});

describe("the schema of the log", () => {
  test("the migrations make exactly what the entities say", async () => {
    const diff = await postgres.orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false });
    expect(diff.trim()).toBe("");
  });

  test("migrating again does nothing, however many do it at once", async () => {
    const runs = await Promise.all([1, 2, 3].map(() => migrateConductor({ url: database.url, log: silent })));
    expect(runs).toEqual([[], [], []]);
  });

  test("down and up again; several at once apply each migration once", async () => {
    await postgres.orm.migrator.down({ to: 0 });
    const { rows } = await postgres.pool.query("select to_regclass('mem0_cc.memory') as memory");
    expect(rows).toEqual([{ memory: null }]);
    const runs = await Promise.all([1, 2, 3].map(() => migrateConductor({ url: database.url, log: silent })));
    expect(runs.flat()).toEqual(logMigrations.map(({ name }) => name));
  });

  test("every unique key leads with the module, so that the tables may be partitioned by it", async () => {
    const { rows } = await postgres.pool.query(
      `select pg_get_indexdef(indexrelid) as definition from pg_index
       where indrelid = 'mem0_cc.memory'::regclass and indisunique`,
    );
    expect(rows.length).toBe(3);
    for (const { definition } of rows) expect(definition).toMatch(/\(module, /);
  });
});
