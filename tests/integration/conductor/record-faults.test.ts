import { setTimeout as sleep } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { Client, Pool } from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { GroupCommit } from "#services/conductor/store/group-commit.ts";
import { logMigrations } from "#services/conductor/store/migrations/log-migrations.ts";
import { openStore, type Store } from "#services/conductor/store/open-store.ts";
import { recordBatch } from "#services/conductor/store/record-batch.ts";
import { localScope } from "#shared/auth/scope.ts";
import { SchemaOutdatedError } from "#shared/postgres/schema-outdated-error.ts";
import { freePort, type PrivateServer, startPostgres } from "#tests/support/private-servers.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";

const everything = localScope();
const unavailable = { reason: ErrorReason.ENGINE_UNAVAILABLE, retryAfterMs: 1000 };
const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1);

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition().catch(() => false))) await sleep(10);
}

describe("a head that somebody else holds", () => {
  let given: TestStore;
  beforeAll(async () => {
    given = await openTestStore({ commit: { lockTimeoutMs: 20, retryDelayMs: 5, answerTimeoutMs: 400 } });
    await given.store.registerModule(everything, create(ModuleSchema, { name: "free" }));
  });
  afterEach(() => given.client.query("rollback"));
  afterAll(() => given.close());

  const hold = async () => {
    await given.client.query("begin");
    await given.client.query("select from mem0_cc.head where module = 'cc' for update");
  };

  test("its callers wait, and are served when it is free; other modules pass meanwhile", async () => {
    await hold();
    const waiting = upTo(5).map(() => given.store.record(everything, someMemory()));
    const passing = upTo(5).map(() => given.store.record(everything, someMemory({ module: "free" })));
    expect((await Promise.all(passing)).map(({ position }) => position)).toEqual(upTo(5));
    await given.client.query("rollback");
    expect((await Promise.all(waiting)).map(({ position }) => position)).toEqual(upTo(5));
  });

  test("G1: held for too long, its callers hear that PostgreSQL does not answer, and nothing is recorded", async () => {
    const before = await given.store.log.heads();
    await hold();
    await expect(given.store.record(everything, someMemory())).rejects.toMatchObject(unavailable);
    // The attempt under way when the caller was answered ends with its lock timeout.
    await sleep(200);
    await given.client.query("rollback");
    await expect(given.store.record(everything, someMemory())).resolves.toBeDefined();
    const after = await given.store.log.heads();
    expect(after[0]?.position).toBe((before[0]?.position ?? 0) + 1);
  });
});

describe("a connection that is lost", () => {
  test("G3: backends killed again and again under load: each memory once, keys or not", async () => {
    // Time enough for every call: whether a connection opens between two kills is a matter of luck on a busy machine.
    const given = await openTestStore({ commit: { retryDelayMs: 1, answerTimeoutMs: 25_000 } });
    let killing = true;
    const killer = (async () => {
      for (let kill = 0; killing; kill++) {
        await given.client.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'cos conductor' and datname = current_database()",
        );
        await sleep(5 + 25 * (kill % 4));
      }
    })();
    const recorded = [];
    for (let round = 0; round < 15; round++) {
      recorded.push(...(await Promise.all(upTo(40).map(() => given.store.record(everything, someMemory())))));
    }
    killing = false;
    await killer;
    const { rows } = await given.client.query("select id, position from mem0_cc.memory order by position");
    expect(rows.map(({ position }) => Number(position))).toEqual(upTo(600));
    const answered = new Map(recorded.map(({ memory, position }) => [position, memory.id]));
    expect(new Map(rows.map(({ id, position }) => [Number(position), id]))).toEqual(answered);
    await given.close();
  });

  test("G3: an attempt whose answer was lost is found by its ids, and counts as recorded, not as a repeat", async () => {
    const given = await openTestStore();
    const lost = [someMemory(), someMemory({}, "k"), someMemory()];
    const once = { atomic: false, again: false, timeoutMs: 1000 };
    const first = await recordBatch(given.client, lost, once);
    const second = await recordBatch(given.client, [...lost, someMemory()], { ...once, again: true });
    expect(second.slice(0, 3)).toEqual(first);
    expect(second[3]).toMatchObject({ outcome: "recorded", position: 4 });
    await given.close();
  });

  test("G3: an attempt that arrives after its repetition undoes itself", async () => {
    const given = await openTestStore();
    const memories = [someMemory(), someMemory()];
    await recordBatch(given.client, memories, { atomic: false, again: true, timeoutMs: 1000 });
    const late = recordBatch(given.client, memories, { atomic: false, again: false, timeoutMs: 1000 });
    await expect(late).rejects.toMatchObject({ constraint: "memory_module_id" });
    const recorded = await Promise.all(memories.map((memory) => given.store.record(everything, memory)));
    expect(recorded.map(({ position, deduplicated }) => [position, deduplicated])).toEqual([
      [1, false],
      [2, false],
    ]);
    await given.close();
  });
});

describe("a repeat whose first answer cannot be read", () => {
  test("is told as such; the same call gets it later", async () => {
    const given = await openTestStore();
    const pool = new Pool({ connectionString: given.url });
    const commit = new GroupCommit({
      pool,
      log: silent,
      epochOf: () => "epoch",
      readPlaces: () => Promise.reject(Object.assign(new Error("lost"), { code: "ECONNRESET" })),
    });
    await commit.record(someMemory({}, "k"));
    await expect(commit.record(someMemory({}, "k"))).rejects.toMatchObject(unavailable);
    await expect(given.store.record(everything, someMemory({}, "k"))).resolves.toMatchObject({ deduplicated: true });
    await commit.close();
    await pool.end();
    await given.close();
  });
});

describe("a server that goes", () => {
  let server: PrivateServer;
  let store: Store;
  beforeAll(async () => {
    server = await startPostgres({ fsync: "on" });
    await migrateConductor({ url: server.url, log: silent });
    store = await openStore({
      url: server.url,
      log: silent,
      connectTimeoutMs: 300,
      commit: { answerTimeoutMs: 500, attemptTimeoutMs: 200, retryDelayMs: 10 },
    });
  }, 30_000);
  afterAll(async () => {
    server.thaw();
    await store.close();
    await server.stop();
  });

  const inTime = async (work: () => Promise<unknown>) => {
    const began = performance.now();
    await expect(work()).rejects.toMatchObject(unavailable);
    expect(performance.now() - began).toBeLessThan(2000);
  };

  test("killed under load and started again: what was acknowledged is there, and recording goes on by itself", async () => {
    const acknowledged: number[] = [];
    let recording = true;
    const callers = upTo(8).map(async () => {
      while (recording) {
        const one = await store.record(everything, someMemory()).catch(() => sleep(5));
        if (one) acknowledged.push(one.position);
      }
    });
    while (acknowledged.length < 200) await sleep(5);
    await server.kill();
    await expect(store.record(everything, someMemory())).rejects.toMatchObject(unavailable);
    await expect(store.ready()).rejects.toMatchObject(unavailable);
    await expect(store.getModule(everything, "cc")).rejects.toMatchObject(unavailable);
    await server.restart();
    await until(async () => store.ready().then(() => true));
    const sofar = acknowledged.length;
    while (acknowledged.length < sofar + 50) await sleep(5);
    recording = false;
    await Promise.all(callers);
    const client = new Client({ connectionString: server.url });
    await client.connect();
    const { rows } = await client.query("select position from mem0_cc.memory order by 1");
    await client.end();
    const positions = rows.map(({ position }) => Number(position));
    expect(positions).toEqual(upTo(positions.length));
    expect(acknowledged.every((position) => position <= positions.length)).toBe(true);
    expect(new Set(acknowledged).size).toBe(acknowledged.length);
  }, 30_000);

  test("frozen: connections stay open and nothing answers, yet callers hear within two seconds; thawed, all goes on", async () => {
    await store.record(everything, someMemory());
    const { rows: before } = { rows: await store.log.heads() };
    server.freeze();
    await Promise.all([
      inTime(() => store.record(everything, someMemory())),
      inTime(() => store.ready()),
      inTime(() => store.log.heads()),
      inTime(() => store.listModules(everything, { pageSize: 0, pageToken: "" })),
    ]);
    server.thaw();
    await until(async () => store.ready().then(() => true));
    await expect(store.record(everything, someMemory())).resolves.toBeDefined();
    const after = await store.log.heads();
    expect(after[0]?.position).toBeGreaterThan(before[0]?.position ?? 0);
  }, 30_000);
});

describe("a server that is not there yet", () => {
  test("opening needs none; callers hear at once or in time, and are served when it comes", async () => {
    const port = await freePort();
    const url = `postgres://postgres@127.0.0.1:${port}/cos`;
    const store = await openStore({ url, log: silent, commit: { answerTimeoutMs: 100, retryDelayMs: 10 } });
    await expect(store.ready()).rejects.toMatchObject(unavailable);
    await expect(store.record(everything, someMemory())).rejects.toMatchObject(unavailable);
    expect(() => store.log.epochs()).toThrow(expect.objectContaining(unavailable));
    await store.close();
  });

  test("a schema that is too old: said with what helps, and health hears it as such", async () => {
    const given = await openTestStore({ commit: { answerTimeoutMs: 100, retryDelayMs: 10 } });
    await given.client.query("delete from mem0_cc.migration where name like '0002%'");
    await expect(given.store.ready()).rejects.toBeInstanceOf(SchemaOutdatedError);
    await expect(given.store.ready()).rejects.toThrow(
      "schema mem0_cc lacks 0002_create_record_batch: run `cos migrate`",
    );
    await expect(given.store.record(everything, someMemory())).rejects.toMatchObject({
      ...unavailable,
      message: expect.stringContaining("cos migrate"),
    });
    await given.client.query("drop table mem0_cc.migration");
    await expect(given.store.ready()).rejects.toMatchObject({
      missing: logMigrations.map(({ name }) => name),
    });
    await given.close();
  });

  test("a function that is gone is told like a schema that is too old; a wrong one is our own fault", async () => {
    const given = await openTestStore({ commit: { answerTimeoutMs: 1_500, retryDelayMs: 10 } });
    await given.client.query("alter function mem0_cc.record_batch(json, boolean, boolean) rename to was");
    await expect(given.store.record(everything, someMemory())).rejects.toMatchObject({
      message: expect.stringContaining("cos migrate"),
    });
    await given.client.query(
      `create function mem0_cc.record_batch(json, boolean, boolean) returns table (n int, outcome text, "position" bigint, recorded_us bigint)
       language plpgsql as $$ begin raise exception 'no' using errcode = '42601'; end $$`,
    );
    await expect(given.store.record(everything, someMemory())).rejects.toMatchObject({ reason: ErrorReason.INTERNAL });
    await given.close();
  });
});
