import { randomBytes } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { afterEach, describe, expect, test } from "@jest/globals";
import { Redis } from "ioredis";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { OnCommitted } from "#services/conductor/store/announce-committed.ts";
import type { Store } from "#services/conductor/store/open-store.ts";
import { localScope } from "#shared/auth/scope.ts";
import { type Hub, openHub } from "#shared/highway/hub.ts";
import type { HubSettings } from "#shared/highway/hub-settings.ts";
import { hintChannel, placeKey, streamKey } from "#shared/highway/redis-keys.ts";
import { redisUrl } from "#tests/support/engines.ts";
import { startRedis } from "#tests/support/private-servers.ts";
import { needs } from "#tests/support/tools.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { Listener } from "#tests/unit/highway/listener.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";
import { forgetAll, someCall, someRequest, wholeModule } from "./some-forgetting.ts";

const everything = localScope();
const withRedis = needs("redis");
const fromBeginning = { start: { case: "fromBeginning", value: true } } as const;
const FAST: HubSettings = {
  beatMs: 5,
  sweeper: { tickMinMs: 10, tickMaxMs: 20, compareEveryMs: 30 },
  reader: { blockMs: 100, graceMs: 100, retryMs: 10 },
  breaker: { probeAfterMs: 100 },
};
/** Nobody sweeps: what is seen was done by the call itself. */
const STILL: HubSettings = { ...FAST, sweeper: { tickMinMs: 60_000, tickMaxMs: 60_000 } };

const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 3));
}

/** A conductor's store and hub, as its wiring joins them; another one on the same engines, if a store is given. */
async function openConductor(redis: string, settings: HubSettings = FAST) {
  let hub: Hub | undefined;
  const onCommitted: OnCommitted = (module, events) =>
    hub?.publish(
      module,
      events.map(({ event }) => event),
    );
  const given = await openTestStore({ onCommitted });
  closers.push(() => given.close());
  await given.store.ready();
  const opened = await openAnotherHub(given.store, redis, settings);
  hub = opened;
  const { store } = given;
  const forget = (selector = wholeModule, module = "cc") => {
    const clearHighway = (name: string, position: number) => opened.forget(name, position);
    return forgetAll({ store, clearHighway }, someRequest(selector, { module }));
  };
  return { ...given, hub: opened, forget, store };
}

async function openAnotherHub(store: Store, redis: string, settings: HubSettings = FAST): Promise<Hub> {
  const hub = await openHub({ port: store.log, redisUrl: redis, log: silent, settings });
  closers.push(() => hub.close());
  return hub;
}

async function listen(hub: Hub, init = {}): Promise<Listener> {
  const listener = new Listener(hub, init);
  closers.push(() => listener.stop());
  await listener.until(({ frames }) => frames.some(({ case: kind }) => kind === "caughtUp"));
  return listener;
}

function connect(url: string): Redis {
  const redis = new Redis(url, { protocol: 2 });
  closers.push(() => redis.disconnect());
  redis.on("error", () => {});
  return redis;
}

const canary = `canary-${randomBytes(8).toString("hex")}`;
/** A memory that says the canary wherever it can say something. */
const telling = (module = "cc") =>
  someMemory({
    module,
    text: canary,
    source: canary,
    sessionId: canary,
    tags: [canary],
    payload: { said: canary },
    promptTrace: { prompt: canary, response: canary, model: canary },
  });

/** A Redis whose dumps are not compressed, so that a text that is still in one is found there, marked as deleted or not. */
async function openPlainRedis(): Promise<string> {
  const server = await startRedis({ rdbcompression: "no" });
  closers.push(() => server.stop());
  return server.url;
}

async function isInRedis(redis: Redis): Promise<boolean> {
  const keys = await redis.keys("*");
  const dumps = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
  const entries = await Promise.all(keys.filter((key) => key.endsWith(":s")).map((key) => redis.xrange(key, "-", "+")));
  return JSON.stringify(entries).includes(canary) || dumps.some((dump) => dump?.includes(canary));
}

/** Every row of every table of ours, as text. */
async function isInTables({ client }: TestStore): Promise<boolean> {
  const { rows } = await client.query<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname in ('mem0_cc', 'cos_auth')",
  );
  for (const { name } of rows) {
    const found = await client.query(`select from ${name} t where t::text like $1 limit 1`, [`%${canary}%`]);
    if (found.rows.length > 0) return true;
  }
  return false;
}

/** Whether a new subscriber hears it anywhere, whatever the ring or the log gives. */
async function isHeard(hub: Hub, events: number): Promise<boolean> {
  const listener = await listen(hub, fromBeginning);
  await listener.until((self) => self.events.length >= events);
  return JSON.stringify(listener.frames, (_, value) => (typeof value === "bigint" ? String(value) : value)).includes(
    canary,
  );
}

describe("after a forgetting", () => {
  withRedis("the content is nowhere: not in a table, not in Redis, not in a ring; positions are dense", async () => {
    const redis = await openPlainRedis();
    const conductor = await openConductor(redis, STILL);
    const { hub, store, forget } = conductor;
    const client = connect(redis);
    const live = await listen(hub);
    for (let at = 0; at < 20; at += 1) await store.record(everything, telling());
    await live.until(({ events }) => events.length === 20);
    await until(() => isInRedis(client));
    expect([await isInTables(conductor), await isHeard(hub, 20)]).toEqual([true, true]);
    expect((await forget()).at(-1)).toMatchObject({ forgotten: 20n, done: true, highwayCleared: true });
    expect([await isInTables(conductor), await isInRedis(client)]).toEqual([false, false]);
    expect(hub.state().modules[0]?.ring).toMatchObject({ low: 20, high: 21 });
    expect(await isHeard(hub, 21)).toBe(false);
    await live.until(({ events }) => events.length === 21);
    expect(live.of("batch").at(-1)?.events[0]?.body.value).toMatchObject({ eventType: "cos.memory.forgotten" });
    expect(live.faults).toEqual([]);
  });

  withRedis(
    "another process lets go of it too, by the event or by its sweep, and its subscribers hear all in order",
    async () => {
      const redis = await redisUrl();
      const { store, hub, forget } = await openConductor(redis);
      const there = await openAnotherHub(store, redis);
      const client = connect(redis);
      const live = await listen(there);
      for (let at = 0; at < 10; at += 1) await store.record(everything, telling());
      await live.until(({ events }) => events.length === 10);
      await forget();
      await live.until(({ events }) => events.length === 11);
      expect(there.state().modules[0]?.ring).toMatchObject({ low: 10, high: 11 });
      for (let at = 0; at < 10; at += 1) await store.record(everything, someMemory());
      await live.until(({ events }) => events.length === 21);
      expect(live.faults).toEqual([]);
      expect([await isHeard(there, 21), await isHeard(hub, 21), await isInRedis(client)]).toEqual([
        false,
        false,
        false,
      ]);
    },
  );

  withRedis(
    "W7: a process that dies right after the commit leaves it to the others: Redis is cleared at the next sweep",
    async () => {
      const redis = await openPlainRedis();
      const { store, client: postgres } = await openConductor(redis, STILL);
      const client = connect(redis);
      for (let at = 0; at < 5; at += 1) await store.record(everything, telling());
      await until(async () => (await client.hget(placeKey("cc"), "last")) === "5");
      // The commit alone: nothing is published, nobody is told.
      const event = {
        id: "01900000-0000-7000-8000-000000000000",
        event_type: "cos.memory.forgotten",
        source: "cos",
        request_id: "r",
      };
      await postgres.query("select mem0_cc.forget_batch('cc', array[1, 2, 3, 4, 5], $1)", [event]);
      expect(await isInRedis(client)).toBe(true);
      const survivor = await openAnotherHub(store, redis);
      await until(async () => (await client.hget(placeKey("cc"), "last")) === "6");
      expect(await isInRedis(client)).toBe(false);
      expect(await client.hget(placeKey("cc"), "forgetting")).toBe("6");
      expect(await isHeard(survivor, 6)).toBe(false);
    },
  );

  withRedis("W7: a Redis that steps back to before the forgetting is cleared at the next look", async () => {
    const redis = await redisUrl();
    const { store, forget } = await openConductor(redis);
    const client = connect(redis);
    await store.record(everything, telling());
    await until(async () => (await client.hget(placeKey("cc"), "last")) === "1");
    const keys = [streamKey("cc"), placeKey("cc")];
    const before = await Promise.all(keys.map((key) => client.dumpBuffer(key)));
    await forget();
    for (const [n, key] of keys.entries()) await client.restore(key, 0, before[n] as Buffer, "REPLACE");
    await until(async () => !(await isInRedis(client)) && (await client.hget(placeKey("cc"), "last")) === "2");
    expect(await client.hget(placeKey("cc"), "forgetting")).toBe("2");
  });

  withRedis("one who is catching up, or resumes by a cursor, is given what is left", async () => {
    const { store, hub, forget } = await openConductor(await redisUrl());
    for (let at = 0; at < 10; at += 1) await store.record(everything, telling());
    const early = await listen(hub, { cursors: [{ position: 4n }] });
    expect(early.positions("cc")).toEqual([5, 6, 7, 8, 9, 10]);
    await forget();
    const late = await listen(hub, { cursors: [{ position: 4n }] });
    await late.until(({ events }) => events.length === 7);
    const memories = late.of("batch").flatMap(({ events }) => events.map(({ body }) => body.value));
    expect(memories.map((memory) => memory?.text)).toEqual(["", "", "", "", "", "", ""]);
    expect(memories.filter((memory) => memory?.forgottenAt !== undefined).length).toBe(6);
    expect([early.faults, late.faults]).toEqual([[], []]);
  });

  withRedis("H6: plain Redis subscribers hear of it, and other modules keep what they have", async () => {
    const redis = await redisUrl();
    const { store, forget } = await openConductor(redis);
    const module = `hint_forget_${process.pid}`;
    await store.registerModule(everything, create(ModuleSchema, { name: module }));
    const [client, ear] = [connect(redis), connect(redis)];
    const heard: { memory: { eventType: string; payload?: unknown } }[] = [];
    await ear.subscribe(hintChannel(module));
    ear.on("message", (_channel, message) => heard.push(JSON.parse(message)));
    const { memory } = await store.record(everything, telling(module));
    await store.record(everything, someMemory());
    await forget(wholeModule, module);
    await until(() => heard.length === 2);
    expect(heard[1]?.memory).toMatchObject({
      eventType: "cos.memory.forgotten",
      payload: { ids: [memory.id], positions: ["1"] },
    });
    await until(async () => (await client.xlen(streamKey("cc"))) === 1);
  });

  withRedis("while Redis is frozen the call says so, and Redis is cleared when it answers again", async () => {
    const server = await startRedis();
    closers.push(() => server.stop());
    const { store, hub, forget } = await openConductor(server.url, {
      ...FAST,
      breaker: { probeAfterMs: 100, timeoutMs: 200 } as HubSettings["breaker"] & object,
    });
    const client = connect(server.url);
    await store.record(everything, telling());
    await until(() => isInRedis(client));
    server.freeze();
    expect((await forget()).at(-1)).toMatchObject({ forgotten: 1n, highwayCleared: false });
    expect(await isHeard(hub, 2)).toBe(false);
    server.thaw();
    await until(async () => !(await isInRedis(client)));
    expect((await forget()).at(-1)).toMatchObject({ forgotten: 0n, done: true });
  });

  test("without Redis the log alone serves, which has nothing left", async () => {
    const { store, hub, forget } = await openConductor("redis://127.0.0.1:1", { ...FAST, connectWaitMs: 0 });
    const live = await listen(hub);
    await store.record(everything, telling());
    await live.until(({ events }) => events.length === 1);
    expect((await forget()).at(-1)).toMatchObject({ forgotten: 1n, highwayCleared: false });
    expect(await isHeard(hub, 2)).toBe(false);
    await live.until(({ events }) => events.length === 2);
  });

  withRedis("a full Redis is cleared all the same", async () => {
    const server = await startRedis();
    closers.push(() => server.stop());
    const { store, forget } = await openConductor(server.url);
    const client = connect(server.url);
    await store.record(everything, telling());
    await until(() => isInRedis(client));
    await client.config("SET", "maxmemory", "1");
    await forget();
    await until(async () => !(await isInRedis(client)));
  });

  withRedis(
    "H5: forgetting races with recording in two processes; every subscriber has one order and no gap",
    async () => {
      const redis = await redisUrl();
      const { store, hub, forget } = await openConductor(redis);
      const there = await openAnotherHub(store, redis);
      const client = connect(redis);
      const listeners = await Promise.all([listen(hub), listen(there), listen(there, fromBeginning)]);
      let on = true;
      const writer = (async () => {
        while (on) await store.recordAtomic(everything, [telling(), telling(), telling()]);
      })();
      for (let round = 0; round < 8; round += 1) await forget();
      on = false;
      await writer;
      await forget();
      const [head] = await store.log.heads(someCall().signal);
      for (const listener of listeners) {
        await listener.until(({ events }) => events.length === head?.position);
        expect(listener.faults).toEqual([]);
      }
      await until(async () => (await client.hget(placeKey("cc"), "last")) === String(head?.position));
      expect([await isInRedis(client), await isHeard(hub, head?.position ?? 0)]).toEqual([false, false]);
      expect(await isHeard(there, head?.position ?? 0)).toBe(false);
    },
  );
});
