import { afterEach, describe, expect, test } from "@jest/globals";
import { openStore, type Store } from "#services/conductor/store/open-store.ts";
import { localScope } from "#shared/auth/scope.ts";
import type { EpochHistory } from "#shared/highway/log-port.ts";
import { administer, withDatabase } from "#tests/support/administer.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";

const everything = localScope();
const opened: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close();
});

async function openFirst(): Promise<TestStore> {
  const given = await openTestStore();
  opened.push(() => given.close());
  await given.store.ready();
  return given;
}

async function openOther(url: string): Promise<Store> {
  const store = await openStore({ url, log: silent });
  opened.push(() => store.close());
  return store;
}

const record = async (store: Store, count: number) => {
  let last = 0;
  for (let n = 0; n < count; n++) last = (await store.record(everything, someMemory())).position;
  return last;
};

const forkOf = ({ past }: EpochHistory, generation: number) =>
  past.find((epoch) => epoch.generation === generation)?.forks.get("cc");

describe("H3: epochs", () => {
  test("H3: the first process begins generation 1, and others find the same", async () => {
    const first = await openFirst();
    const other = await openOther(first.url);
    await other.ready();
    expect(first.store.log.epochs().current.generation).toBe(1);
    expect(other.log.epochs()).toEqual(first.store.log.epochs());
    expect(first.store.log.epochs().current.identity).toMatch(/^[a-z0-9]{1,32}$/);
  });

  test("H3: processes that start at once agree on one epoch", async () => {
    const given = await openTestStore();
    opened.push(() => given.close());
    const stores = await Promise.all(Array.from({ length: 6 }, () => openOther(given.url)));
    await Promise.all(stores.map((store) => store.ready()));
    const identities = new Set(stores.map((store) => store.log.epochs().current.identity));
    expect(identities.size).toBe(1);
    const { rows } = await given.client.query("select generation from mem0_cc.epoch");
    expect(rows).toEqual([{ generation: 1 }]);
  });

  test("each epoch has a key of its own for its resume tokens, which all processes share and keep", async () => {
    const first = await openFirst();
    const keyOf = ({ log }: Store) => log.epochs().past.map(({ tokenKey }) => tokenKey.export().toString("hex"));
    const [key] = keyOf(first.store);
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    await first.client.query("update mem0_cc.epoch set timeline = 77");
    const other = await openOther(first.url);
    await other.ready();
    const keys = keyOf(other);
    expect(keys[0]).toBe(key);
    expect(new Set(keys).size).toBe(2);
  });

  test.each([
    ["another system", "system_identifier = '7'"],
    ["another timeline", "timeline = 77"],
    ["another database", "database_oid = 1"],
  ])("H3: %s behind a new connection begins the next generation, with the heads as forks", async (_, change) => {
    const first = await openFirst();
    await record(first.store, 3);
    await first.client.query(`update mem0_cc.epoch set ${change}`);
    const other = await openOther(first.url);
    await other.ready();
    const history = other.log.epochs();
    expect(history.current.generation).toBe(2);
    expect(history.past.map(({ generation }) => generation)).toEqual([1, 2]);
    expect([forkOf(history, 1), forkOf(history, 2)]).toEqual([0, 3]);
  });

  test("H3: a process that was running hears of it with its next connection, once", async () => {
    const first = await openFirst();
    await record(first.store, 2);
    const heard: number[] = [];
    const stop = first.store.onEpochChanged(({ current }) => heard.push(current.generation));
    await first.client.query("update mem0_cc.epoch set timeline = 77");
    await cutConnections(first);
    const { epoch } = await first.store.record(everything, someMemory());
    expect(heard).toEqual([2]);
    expect(epoch).toBe(first.store.log.epochs().current.identity);
    stop();
    await first.client.query("update mem0_cc.epoch set timeline = 78 where generation = 2");
    await cutConnections(first);
    await record(first.store, 1);
    expect(heard).toEqual([2]);
    expect(first.store.log.epochs().current.generation).toBe(3);
  });

  test("H3: a process can be asked to look again, without a new connection", async () => {
    const first = await openFirst();
    await first.client.query("update mem0_cc.epoch set timeline = 77");
    await first.store.checkEpoch();
    expect(first.store.log.epochs().current.generation).toBe(2);
  });

  test("H3: a look that fails half-way leaves no connection behind that is of no use", async () => {
    const first = await openFirst();
    await first.client.query("update mem0_cc.epoch set timeline = 77");
    await first.client.query("begin");
    await first.client.query("lock table mem0_cc.epoch in exclusive mode");
    await expect(first.store.checkEpoch()).rejects.toMatchObject({ code: "55P03" });
    await first.client.query("rollback");
    await first.store.ready();
    expect(first.store.log.epochs().current.generation).toBe(2);
  });

  test("H3: generations rise, even where a backup has forgotten some of them", async () => {
    const first = await openFirst();
    await first.client.query("update mem0_cc.epoch set timeline = 77");
    await cutConnections(first);
    expect(first.store.log.epochs().current.generation).toBe(2);
    await first.client.query("delete from mem0_cc.epoch where generation = 2");
    await cutConnections(first);
    expect(first.store.log.epochs().current.generation).toBe(3);
  });

  test("H3: what is recorded carries the epoch that its connection was checked in", async () => {
    const first = await openFirst();
    const { epoch } = await first.store.record(everything, someMemory());
    expect(epoch).toBe(first.store.log.epochs().current.identity);
  });

  test("H3: a database that was dropped and restored from a dump in the same cluster is another history", async () => {
    const first = await openFirst();
    await record(first.store, 4);
    const restored = `restored_${process.pid}_${Date.now()}`;
    const database = new URL(first.url).pathname.slice(1);
    await first.store.close();
    await first.client.end();
    await administer(first.url, `create database ${restored} template ${database} strategy wal_log`);
    const other = await openStore({ url: withDatabase(first.url, restored), log: silent });
    await other.ready();
    expect(other.log.epochs().current.generation).toBe(2);
    expect(forkOf(other.log.epochs(), 2)).toBe(4);
    await other.close();
    await administer(first.url, `drop database ${restored} with (force)`);
    await administer(first.url, `drop database ${database} with (force)`);
    opened.length = 0;
  });

  test("H3: an ordinary role may look", async () => {
    const first = await openFirst();
    await record(first.store, 1);
    const role = `plain_${process.pid}_${Date.now()}`;
    await first.client.query(`create role ${role} login password 'plain'`);
    await first.client.query(`grant usage on schema mem0_cc, cos_auth to ${role}`);
    await first.client.query(`grant select, insert, update, delete on all tables in schema mem0_cc to ${role}`);
    await first.client.query(`grant select on all tables in schema cos_auth to ${role}`);
    const url = new URL(first.url);
    url.username = role;
    url.password = "plain";
    const other = await openStore({ url: url.href, log: silent });
    expect(await record(other, 1)).toBe(2);
    expect(other.log.epochs()).toEqual(first.store.log.epochs());
    await other.close();
    await first.client.query(`drop owned by ${role}; drop role ${role}`);
  });
});

async function cutConnections({ client, store }: TestStore): Promise<void> {
  await client.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where application_name = 'cos conductor' and datname = current_database()`,
  );
  await store.ready().catch(() => undefined);
  await store.ready();
}
