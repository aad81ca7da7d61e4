import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "@jest/globals";
import type pg from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { migrateGraph, runMigrationJob } from "#services/graph/migrate.ts";
import { dropGeneration } from "#services/graph/store/postgres/drop-generation.ts";
import { graphSchema } from "#services/graph/store/postgres/graph-schema.ts";
import { graphMigrations } from "#services/graph/store/postgres/migrations/graph-migrations.ts";
import { openPostgresGraph } from "#services/graph/store/postgres/open-postgres-graph.ts";
import { project } from "#services/graph/store/postgres/project.ts";
import { inTransaction } from "#services/graph/store/postgres/transaction.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openPostgres, type Postgres } from "#shared/postgres/open-postgres.ts";
import { cloneDatabase } from "#tests/support/engines.ts";
import { deltaOf, placeAt, rowsOf } from "#tests/support/graph/rows.ts";
import { freePort, type PrivateServer, startPostgres } from "#tests/support/private-servers.ts";
import { openTestGraph, silent, type TestGraph } from "./open-test-graph.ts";

const all = localScope();
const rows = rowsOf("cc");
const unavailable = { reason: ErrorReason.ENGINE_UNAVAILABLE };
const build = { purpose: "rebuild", extractorVersion: 1, nowMs: 5 } as const;
const schema = { entities: [], schema: graphSchema, migrations: graphMigrations, log: silent };

/** A memory with an entity, in one step of module cc. */
function step(store: GraphStore, generation: number, position: number): ReturnType<GraphStore["project"]> {
  return store.project({ generation, module: "cc", after: position - 1 }, async (transaction) => {
    const [memory, entity] = [rows.memory(position), rows.entity("batten")];
    const parts = {
      putNodes: [memory],
      addNodes: [entity],
      putEdges: [rows.reference(memory, entity)],
      addNames: [rows.name(entity, "Batten")],
    };
    await transaction.write(deltaOf(position, parts));
    return placeAt("cc", position);
  });
}

describe("the schema of the graph", () => {
  let graph: TestGraph;
  let postgres: Postgres;
  beforeAll(async () => {
    graph = await openTestGraph();
    postgres = await openPostgres({ url: graph.url, applicationName: "schema", ...schema });
  });
  afterAll(async () => {
    await postgres.close();
    await graph.close();
  });

  test("migrating again does nothing; down and up again, several at once apply each migration once", async () => {
    expect(await migrateGraph({ url: graph.url, log: silent })).toEqual([]);
    await postgres.orm.migrator.down({ to: 0 });
    const { rows: left } = await graph.client.query(
      "select relname from pg_class where relnamespace = 'cos_graph'::regnamespace and relkind in ('r', 'S') order by 1",
    );
    expect(left.map(({ relname }) => relname)).toEqual(["migration", "migration_id_seq"]);
    const runs = await Promise.all([1, 2, 3].map(() => migrateGraph({ url: graph.url, log: silent })));
    expect(runs.flat()).toEqual(graphMigrations.map(({ name }) => name));
  });

  test("a graph refuses to work with an older one, and says which migrations it misses", async () => {
    await postgres.orm.migrator.down({ to: 0 });
    const store = await openPostgresGraph({ url: graph.url, log: silent });
    await expect(store.ready()).rejects.toMatchObject({ name: "SchemaOutdatedError", missing: ["0001_create_graph"] });
    await expect(store.live()).rejects.toMatchObject(unavailable);
    await store.close();
    await migrateGraph({ url: graph.url, log: silent });
  });

  test("every key of what is projected holds generation and module, so that the tables may be partitioned by them", async () => {
    const { rows: keys } = await graph.client.query(
      `select i.indrelid::regclass::text as of, pg_get_indexdef(i.indexrelid) as definition from pg_index i
       join pg_class c on c.oid = i.indrelid
       where c.relnamespace = 'cos_graph'::regnamespace and c.relname not in ('generation', 'migration') and i.indisunique`,
    );
    expect(keys.length).toBe(9);
    for (const { definition } of keys) expect(definition).toMatch(/\(.*generation, module.*\)/);
  });
});

describe("the migration job", () => {
  async function run(env: Record<string, string>): Promise<{ code: number; said: string[] }> {
    const said: string[] = [];
    return { code: await runMigrationJob(env, (line) => said.push(line)), said };
  }

  test("a schema that is current stays as it is; an older one is told what was applied", async () => {
    const database = await cloneDatabase();
    expect(await run({ COS_POSTGRES_URL: database.url })).toEqual({ code: 0, said: ["graph: the schema is current"] });
    const postgres = await openPostgres({ url: database.url, applicationName: "schema", ...schema });
    await postgres.orm.migrator.down({ to: 0 });
    await postgres.close();
    const { code, said } = await run({ COS_POSTGRES_URL: database.url });
    expect([code, said]).toEqual([0, ["graph: applied 0001_create_graph"]]);
    await database.drop();
  });

  test("a missing or wrong setting ends with 2, and says which", async () => {
    expect(await run({})).toMatchObject({ code: 2, said: [expect.stringContaining("COS_POSTGRES_URL")] });
    expect((await run({ COS_POSTGRES_URL: "mysql://x" })).code).toBe(2);
  });

  test("a database that does not answer ends with 1", async () => {
    const { code, said } = await run({ COS_POSTGRES_URL: "postgres://127.0.0.1:1/none" });
    expect([code, said[0]]).toEqual([1, expect.stringMatching(/^graph: not migrated: /)]);
  });
});

describe("a role that owns nothing", () => {
  /** What the graph needs where migrations run as another role, and no more. */
  const narrow = (role: string) => `
    grant usage on schema cos_graph to ${role};
    grant select, insert, update, delete on all tables in schema cos_graph to ${role};
    revoke insert, update, delete on cos_graph.migration from ${role};
    grant usage on sequence cos_graph.generation_number to ${role};`;

  test("builds, projects, activates, drops and reads, and can neither change the schema nor see another one", async () => {
    const graph = await openTestGraph();
    const role = `graph_${process.pid}_${Date.now()}`;
    await graph.client.query(`create role ${role} login password 'plain'`);
    await graph.client.query(narrow(role));
    const url = Object.assign(new URL(graph.url), { username: role, password: "plain" }).href;
    const store = await openPostgresGraph({ url, log: silent });
    try {
      await store.ready();
      await store.begin(build);
      expect(await step(store, 1, 1)).toMatchObject({ position: 1 });
      await store.begin(build);
      expect(await step(store, 2, 1)).toMatchObject({ position: 1 });
      await store.activate(2, 9);
      await store.drop(1);
      expect((await store.generations()).map(({ number }) => number)).toEqual([2]);
      expect(await store.nodes(all, [rows.memory(1).id])).toHaveLength(1);
      await graph.client.query(`set role ${role}`);
      for (const statement of [
        "drop table cos_graph.node",
        "create table cos_graph.mine (id int)",
        "delete from cos_graph.migration",
        "select from mem0_cc.memory",
        "select from cos_auth.token",
      ])
        await expect(graph.client.query(statement)).rejects.toMatchObject({ code: "42501" });
      await graph.client.query("reset role");
    } finally {
      await store.close();
      await graph.client.query(`drop owned by ${role}; drop role ${role}`);
      await graph.close();
    }
  });
});

describe("the engine's own ways", () => {
  let graph: TestGraph;
  let store: GraphStore;
  let client: pg.Client;
  beforeEach(async () => {
    graph = await openTestGraph();
    ({ store, client } = graph);
    await store.begin(build);
  });
  afterEach(() => graph.close());

  const counted = async (table: string, generation: number) => {
    const { rows: found } = await client.query(
      `select count(*)::int as n from cos_graph.${table} where generation = $1`,
      [generation],
    );
    return found[0].n as number;
  };

  test("J1: a step waits for one that holds the place, and gives up in time", async () => {
    await step(store, 1, 1);
    await client.query("begin");
    await client.query("select from cos_graph.place for update");
    await expect(step(store, 1, 2)).rejects.toMatchObject(unavailable);
    await client.query("rollback");
    expect(await step(store, 1, 2)).toMatchObject({ position: 2 });
  });

  test("a step is taken while readers wait for all their connections", async () => {
    await client.query("begin");
    await client.query("lock table cos_graph.words in access exclusive mode");
    const wanted = { words: ["batten"], labels: [], limit: 5 };
    const readers = Promise.allSettled(Array.from({ length: 16 }, () => store.search(all, wanted)));
    const nothing = { generation: 1, module: "cc", after: 0 };
    await expect(store.project(nothing, async () => placeAt("cc", 1))).resolves.toMatchObject({ position: 1 });
    await client.query("rollback");
    await readers;
  });

  test("J2, W2: a connection that is cut within a step leaves nothing, and the next step begins anew", async () => {
    await step(store, 1, 1);
    const cut = store.project({ generation: 1, module: "cc", after: 1 }, async (transaction) => {
      await transaction.write(deltaOf(2, { putNodes: [rows.memory(2)] }));
      await client.query("select pg_terminate_backend(pid) from pg_stat_activity where state = 'idle in transaction'");
      await transaction.write(deltaOf(2, { putNodes: [rows.memory(3)] }));
      return placeAt("cc", 2);
    });
    await expect(cut).rejects.toMatchObject(unavailable);
    expect(await store.nodes(all, [rows.memory(2).id])).toEqual([]);
    expect(await step(store, 1, 2)).toMatchObject({ position: 2 });
  });

  test("W3: an error of a statement is told by the table of errors, that of the work as it is", async () => {
    const wrong = store.project({ generation: 1, module: "cc", after: 0 }, async (transaction) => {
      await transaction.readNodes(["no UUID"]);
      return placeAt("cc", 1);
    });
    await expect(wrong).rejects.toMatchObject({ reason: ErrorReason.INTERNAL });
    const failing = store.project({ generation: 1, module: "cc", after: 0 }, async () => {
      throw new TypeError("mine");
    });
    await expect(failing).rejects.toThrow(new TypeError("mine"));
    expect(await step(store, 1, 1)).toMatchObject({ position: 1 });
  });

  test("J3, E1: dropping waits for a step that has begun, and none begins after it", async () => {
    await store.begin(build);
    const reached = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const running = store.project({ generation: 2, module: "cc", after: 0 }, async (transaction) => {
      await transaction.write(deltaOf(1, { putNodes: [rows.memory(1)] }));
      reached.resolve();
      await go.promise;
      return placeAt("cc", 1);
    });
    await reached.promise;
    const dropping = store.drop(2);
    let waits = "";
    while (waits !== "advisory") {
      const { rows: waiting } = await client.query(
        "select wait_event from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      waits = waiting[0]?.wait_event ?? "";
    }
    go.resolve();
    expect(await running).toMatchObject({ position: 1 });
    await dropping;
    expect(await step(store, 2, 2)).toBeUndefined();
    expect(await counted("node", 2)).toBe(0);
  });

  test("E2, E3: a drop that was interrupted is listed as retired, and goes on when it is repeated, page by page", async () => {
    await store.begin(build);
    for (const position of [1, 2, 3]) {
      await step(store, 1, position);
      await step(store, 2, position);
    }
    // As after a crash in the middle of it.
    await client.query("update cos_graph.generation set state = 'retired', dropping = true where number = 2");
    await client.query("delete from cos_graph.edge where generation = 2");
    expect((await store.generations()).map(({ number, state }) => [number, state])).toEqual([
      [1, "live"],
      [2, "retired"],
    ]);
    const postgres = await openPostgres({ url: graph.url, applicationName: "drop", ...schema });
    await dropGeneration(postgres, 2, { pagesAStep: 1 });
    await postgres.close();
    for (const table of ["edge", "words", "node", "name", "removed", "fault", "naming", "tally", "place"])
      expect([table, await counted(table, 2)]).toEqual([table, 0]);
    expect((await store.generations()).map(({ number }) => number)).toEqual([1]);
    expect([await counted("node", 1), await counted("edge", 1)]).toEqual([4, 3]);
  });

  test("commits of steps do not wait for the disk, and a connection remembers nothing of it", async () => {
    const postgres = await openPostgres({ url: graph.url, applicationName: "steps", poolMax: 1, ...schema });
    let connection: pg.ClientBase | undefined;
    postgres.pool.on("acquire", (acquired) => {
      connection = acquired;
    });
    const waits = async () => (await connection?.query("show synchronous_commit"))?.rows[0].synchronous_commit;
    let within = "";
    await project(postgres, { generation: 1, module: "cc", after: 0 }, async () => {
      within = await waits();
      return placeAt("cc", 1);
    });
    expect([within, await waits()]).toEqual(["off", "on"]);
    await postgres.close();
  });

  test("counts equal what is there, after any way of writing", async () => {
    const [one, two] = [rows.entity("one"), rows.entity("two")];
    const [memory, later] = [rows.memory(1), rows.memory(2)];
    const related = rows.related(one, two);
    const deltas = [
      { putNodes: [memory, later], addNodes: [one, two], putEdges: [rows.reference(memory, one)], addEdges: [related] },
      { putNodes: [{ ...memory, forgotten: true }], putEdges: [{ ...rows.reference(memory, one), to: two.id }] },
      { addNodes: [{ ...one, count: -1 }] },
      { addNodes: [one], addEdges: [{ ...related, count: -1 }], deleteNodes: [later.id] },
      { putEdges: [rows.edge("DEPENDS_ON", one, two)] },
      { putEdges: [{ ...rows.edge("DEPENDS_ON", one, two), type: "RELATES_TO" as const }] },
    ];
    for (const [index, delta] of deltas.entries()) {
      await store.project({ generation: 1, module: "cc", after: index }, async (transaction) => {
        await transaction.write(deltaOf(index + 1, delta));
        return placeAt("cc", index + 1);
      });
      const { rows: differences } = await client.query(
        `with counted as (
           select 'node' as what, label as name, kind, origin, count(*) from cos_graph.node group by 1, 2, 3, 4
           union all select 'edge', type, '', origin, count(*) from cos_graph.edge where not loose group by 1, 2, 3, 4
           union all select 'memory', '', '', '', count(*) from cos_graph.node where label = 'LogEntry' and not forgotten having count(*) > 0
         ), kept as (select what, name, kind, origin, count from cos_graph.tally where count <> 0)
         (table counted except table kept) union all (table kept except table counted)`,
      );
      expect([index, differences]).toEqual([index, []]);
    }
  });

  test("an edge whose end goes is loose from then on, and shown again when the end is back", async () => {
    const [one, two] = [rows.hand("one"), rows.hand("two")];
    const edge = rows.edge("DEPENDS_ON", one, two);
    const write = async (position: number, parts: Parameters<typeof deltaOf>[1]) => {
      await store.project({ generation: 1, module: "cc", after: position - 1 }, async (transaction) => {
        await transaction.write(deltaOf(position, parts));
        return placeAt("cc", position);
      });
      const { rows: found } = await client.query("select loose from cos_graph.edge");
      return [found[0].loose, (await store.edges(all, [edge.id])).length];
    };
    expect(await write(1, { putNodes: [one, two], putEdges: [edge] })).toEqual([false, 1]);
    expect(await write(2, { deleteNodes: [two.id] })).toEqual([true, 0]);
    expect(await write(3, { putNodes: [two] })).toEqual([true, 1]);
  });

  test("what few memories hold is found although it does not come first", async () => {
    await store.project({ generation: 1, module: "cc", after: 0 }, async (transaction) => {
      const memories = Array.from({ length: 30 }, (_, n) => rows.memory(n + 1));
      await transaction.write(deltaOf(30, { putNodes: memories }));
      return placeAt("cc", 30);
    });
    const found = await store.search(all, { words: ["entry", "29"], labels: [], limit: 5 });
    expect(found.map(({ node }) => node.position)).toEqual([29]);
  });
});

describe("a server that is away", () => {
  let server: PrivateServer;
  let store: GraphStore;
  beforeAll(async () => {
    server = await startPostgres();
    await migrateGraph({ url: server.url, log: silent });
    store = await openPostgresGraph({ url: server.url, log: silent });
    await store.begin(build);
    await step(store, 1, 1);
  });
  afterAll(async () => {
    await store.close();
    await server.stop();
  });

  test("before it is there everything rejects with ENGINE_UNAVAILABLE", async () => {
    const early = await openPostgresGraph({ url: `postgres://127.0.0.1:${await freePort()}/cos`, log: silent });
    await expect(early.ready()).rejects.toMatchObject(unavailable);
    await expect(early.nodes(all, [])).rejects.toMatchObject(unavailable);
    await expect(step(early, 1, 1)).rejects.toMatchObject(unavailable);
    await early.close();
  });

  test("W1: frozen, reads and steps reject with ENGINE_UNAVAILABLE, and go on when it thaws", async () => {
    const postgres = await openPostgres({ url: server.url, applicationName: "frozen", ...schema });
    const slow = inTransaction(
      postgres,
      "begin",
      async (query) => {
        server.freeze();
        await query("select");
      },
      200,
    );
    await expect(slow).rejects.toMatchObject(unavailable);
    await expect(store.nodes(all, [rows.memory(1).id])).rejects.toMatchObject(unavailable);
    server.thaw();
    await postgres.close();
    expect(await step(store, 1, 2)).toMatchObject({ position: 2 });
  });

  test("killed and started again, the graph is that of some step, and goes on from its place", async () => {
    await server.kill();
    await expect(store.live()).rejects.toMatchObject(unavailable);
    await server.restart();
    const [place] = await store.places(1);
    const position = place?.position ?? 0;
    expect(await store.nodes(all, [rows.memory(position + 1).id])).toEqual([]);
    expect(await step(store, 1, position + 1)).toMatchObject({ position: position + 1 });
  });
});
