import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { authSchema } from "#services/conductor/store/access/auth-schema.ts";
import { authMigrations } from "#services/conductor/store/access/migrations/auth-migrations.ts";
import { logEntities, logSchema } from "#services/conductor/store/entities.ts";
import { logMigrations } from "#services/conductor/store/migrations/log-migrations.ts";
import { openStore } from "#services/conductor/store/open-store.ts";
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

const authNames = authMigrations.map(({ name }) => name);

async function openAuth(): Promise<Postgres> {
  const schema = { entities: [], schema: authSchema, migrations: authMigrations };
  return openPostgres({ url: database.url, applicationName: "schema", log: silent, ...schema });
}

describe("the schema of principals and the audit", () => {
  test("down and up again; several at once apply each migration once", async () => {
    const auth = await openAuth();
    await auth.orm.migrator.down({ to: 0 });
    const { rows } = await auth.pool.query(
      "select relname from pg_class where relnamespace = 'cos_auth'::regnamespace and relkind = 'r'",
    );
    expect(rows).toEqual([{ relname: "migration" }]);
    const runs = await Promise.all([1, 2, 3].map(() => migrateConductor({ url: database.url, log: silent })));
    expect(runs.flat()).toEqual(authNames);
    await auth.close();
  });

  test("a conductor refuses to work with an older one, and says which migrations it misses", async () => {
    const auth = await openAuth();
    await auth.orm.migrator.down({ to: 0 });
    const store = await openStore({ url: database.url, log: silent });
    await expect(store.ready()).rejects.toMatchObject({ name: "SchemaOutdatedError", missing: authNames });
    await store.close();
    await migrateConductor({ url: database.url, log: silent });
    await auth.close();
  });
});

describe("the schema of the log", () => {
  test("the migrations make exactly what the entities say", async () => {
    const diff = await postgres.orm.schema.getUpdateSchemaSQL({ wrap: false, dropTables: false, schema: logSchema });
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

  test("epochs that began before tokens were sealed are each given a secret of their own", async () => {
    await postgres.orm.migrator.down({ to: "0003_forgetting" });
    await postgres.pool.query(
      `insert into mem0_cc.epoch (generation, identity, system_identifier, timeline, database_oid)
       values (8, 'old', '1', 1, 1), (9, 'older', '1', 1, 1)`,
    );
    await migrateConductor({ url: database.url, log: silent });
    const { rows } = await postgres.pool.query(
      "delete from mem0_cc.epoch where generation in (8, 9) returning length(token_secret) as bytes, token_secret",
    );
    expect(rows.map(({ bytes }) => bytes)).toEqual([32, 32]);
    expect(rows[0].token_secret).not.toEqual(rows[1].token_secret);
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
