import { afterEach, describe, expect } from "@jest/globals";
import { Redis } from "ioredis";
import { pino } from "pino";
import { type Hub, openHub } from "#shared/highway/hub.ts";
import type { HubSettings } from "#shared/highway/hub-settings.ts";
import { hintChannel, placeKey, streamKey } from "#shared/highway/redis-keys.ts";
import { redisUrl } from "#tests/support/engines.ts";
import { startRedis } from "#tests/support/private-servers.ts";
import { needs } from "#tests/support/tools.ts";
import { Listener } from "#tests/unit/highway/listener.ts";
import { MemoryLog } from "#tests/unit/highway/memory-log.ts";

const withRedis = needs("redis");
/** Short enough for a test; the proportions are those of the defaults. */
const FAST: HubSettings = {
  beatMs: 5,
  sweeper: { tickMinMs: 10, tickMaxMs: 20, compareEveryMs: 30 },
  reader: { blockMs: 100, graceMs: 100, retryMs: 10 },
  breaker: { probeAfterMs: 100 },
};

const closers: (() => Promise<void> | void)[] = [];
const range = (low: number, high: number): number[] =>
  Array.from({ length: high - low }, (_, index) => low + 1 + index);
const some = (count: number, text = "t"): { text: string }[] => Array.from({ length: count }, () => ({ text }));
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) {
    await wait(3);
  }
}

async function open(
  port: MemoryLog,
  url: string,
  settings: HubSettings = {},
  onForeignEpoch = (): void => {},
): Promise<Hub> {
  const merged = { ...FAST, ...settings, sweeper: { ...FAST.sweeper, ...settings.sweeper } };
  const hub = await openHub({ port, redisUrl: url, log: pino({ level: "silent" }), settings: merged, onForeignEpoch });
  closers.push(() => hub.close());
  return hub;
}

async function listen(hub: Hub, init = {}): Promise<Listener> {
  const listener = new Listener(hub, init);
  closers.push(() => listener.stop());
  await listener.until(({ frames }) => frames.some(({ case: kind }) => kind === "caughtUp"));
  return listener;
}

async function client(url: string): Promise<Redis> {
  const redis = new Redis(url, { protocol: 2 });
  closers.push(() => redis.disconnect());
  redis.on("error", () => {});
  return redis;
}

async function privateRedis(): Promise<Awaited<ReturnType<typeof startRedis>>> {
  const server = await startRedis();
  closers.unshift(() => server.stop());
  return server;
}

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

describe("the highway", () => {
  withRedis(
    "H2: what one process publishes, another one's subscribers get from Redis, in order, without the log",
    async () => {
      const url = await redisUrl();
      const port = new MemoryLog(["cc", "pepys"]);
      const [here, there] = [
        await open(port, url),
        await open(port, url, { sweeper: { tickMinMs: 60_000, tickMaxMs: 60_000 } }),
      ];
      const listener = await listen(there, { allModules: true });
      await wait(20);
      const reads = port.reads;
      for (let at = 0; at < 50; at += 1) {
        here.publish("cc", port.record("cc", some(3)));
        here.publish("pepys", port.record("pepys", some(1)));
      }
      await listener.until(({ events }) => events.length === 200);
      expect(listener.positions("cc")).toEqual(range(0, 150));
      expect(listener.positions("pepys")).toEqual(range(0, 50));
      expect(listener.faults).toEqual([]);
      // Catching up before the first publish may have read the log; what was live has not.
      expect(port.reads).toBe(reads);
      await until(() => here.state().published === 200);
      expect(here.state()).toMatchObject({ leftToSweeper: 0, waitingBytes: 0, degraded: false });
    },
  );

  withRedis("H2: an event over 64 KiB travels as a reference and arrives whole", async () => {
    const url = await redisUrl();
    const port = new MemoryLog();
    const [here, there] = [await open(port, url), await open(port, url)];
    const listener = await listen(there);
    for (const size of [10, 70_000, 10, 900_000, 10]) here.publish("cc", port.record("cc", some(1, "x".repeat(size))));
    await listener.until(({ events }) => events.length === 5);
    const texts = listener.of("batch").flatMap(({ events }) => events.map(({ body }) => body.value?.text.length));
    expect(texts).toEqual([10, 70_000, 10, 900_000, 10]);
    expect(listener.faults).toEqual([]);
  });

  withRedis("H4: what was committed and never published is filled in from the log, and announced", async () => {
    const url = await redisUrl();
    const module = `fill_${process.pid}`;
    const port = new MemoryLog([module]);
    const redis = await client(url);
    const hints: string[] = [];
    const ear = await client(url);
    await ear.subscribe(hintChannel(module));
    ear.on("message", (_channel, message) => hints.push(JSON.parse(message).memory.position));
    const hub = await open(port, url);
    hub.publish(module, port.record(module, some(1)));
    const listener = await listen(hub, { modules: [module] });
    port.record(module, some(4));
    await listener.until(({ events }) => events.length === 4);
    await until(async () => (await redis.hget(placeKey(module), "last")) === "5");
    await until(() => hints.length === 5);
    expect(hints).toEqual(["1", "2", "3", "4", "5"]);
  });

  withRedis("H4: keys that somebody made something else of are repaired, and the highway is itself again", async () => {
    const server = await privateRedis();
    const modules = ["cc", "pepys", "drafts"];
    const port = new MemoryLog(modules);
    const hub = await open(port, server.url);
    const redis = await client(server.url);
    const publish = (): void => modules.forEach((module) => void hub.publish(module, port.record(module, some(1))));
    const lengths = async (): Promise<number[]> =>
      await Promise.all(modules.map((module) => redis.xlen(streamKey(module)).catch(() => -1)));
    const untilEach = (length: number): Promise<void> =>
      until(async () => (await lengths()).every((is) => is === length));
    publish();
    const listener = await listen(hub, { allModules: true });
    await untilEach(1);
    for (const key of [streamKey("cc"), placeKey("pepys"), streamKey("drafts"), placeKey("drafts")]) {
      await redis.set(key, "x");
    }
    await untilEach(1);
    await until(async () => (await redis.type(placeKey("pepys"))) === "hash");
    await until(() => !hub.degraded);
    publish();
    await untilEach(2);
    await listener.until(({ named }) => modules.every((module) => named.get(module) === 2n));
    expect(listener.faults).toEqual([]);
  });

  withRedis("H2: of a module that lies far behind, only the latest are brought into Redis", async () => {
    const url = await redisUrl();
    const port = new MemoryLog();
    port.record("cc", some(3_000));
    await open(port, url);
    const redis = await client(url);
    await until(async () => (await redis.hget(placeKey("cc"), "last")) === "3000");
    expect(await redis.xlen(streamKey("cc"))).toBe(1_000);
    port.record("cc", some(1_500));
    await until(async () => (await redis.hget(placeKey("cc"), "last")) === "4500");
    expect((await redis.xrange(streamKey("cc"), "-", "+", "COUNT", 1))[0]?.[0]).toBe("3501-0");
  });

  withRedis("keeps what Redis holds of all modules under one bound, shared fairly", async () => {
    const url = await redisUrl();
    const port = new MemoryLog(["big", "small"]);
    const hub = await open(port, url, { sweeper: { allBytesMax: 100_000 } });
    const redis = await client(url);
    for (let at = 0; at < 100; at += 1) hub.publish("big", port.record("big", some(1, "x".repeat(5_000))));
    hub.publish("small", port.record("small", some(20, "x".repeat(500))));
    await until(
      async () =>
        Number(await redis.hget(placeKey("big"), "bytes")) < 90_000 && (await redis.xlen(streamKey("small"))) === 20,
    );
    const bytes = await Promise.all(["big", "small"].map((module) => redis.hget(placeKey(module), "bytes")));
    expect(Number(bytes[0]) + Number(bytes[1])).toBeLessThanOrEqual(100_000);
    expect(Number(bytes[0])).toBeGreaterThan(60_000);
  });

  withRedis(
    "H3: a new epoch wipes what Redis holds of the old one; who has not heard of it is refused, and hears",
    async () => {
      const url = await redisUrl();
      const port = new MemoryLog();
      let foreign = 0;
      const hub = await open(port, url, {}, () => {
        foreign += 1;
      });
      hub.publish("cc", port.record("cc", some(10)));
      const redis = await client(url);
      await until(async () => (await redis.hget(placeKey("cc"), "last")) === "10");
      port.restore({ cc: 4 });
      hub.epochChanged();
      await until(async () => (await redis.hget(placeKey("cc"), "generation")) === "2");
      await until(async () => (await redis.xlen(streamKey("cc"))) === 4);
      const old = new MemoryLog(["cc"], "old");
      old.record("cc", some(20));
      const late = await open(old, url, {}, () => {
        foreign += 1;
      });
      late.publish("cc", old.record("cc", some(1)));
      await until(() => foreign > 1);
      expect(await redis.hget(placeKey("cc"), "last")).toBe("4");
    },
  );

  withRedis(
    "another database's leftovers in Redis are taken for nothing, even of a module without memories",
    async () => {
      const url = await redisUrl();
      const before = new MemoryLog(["cc"]);
      const first = await open(before, url);
      first.publish("cc", before.record("cc", some(30)));
      const redis = await client(url);
      await until(async () => (await redis.hget(placeKey("cc"), "last")) === "30");
      await first.close();
      const port = new MemoryLog(["cc"]);
      const hub = await open(port, url);
      const listener = await listen(hub);
      await until(async () => (await redis.xlen(streamKey("cc"))) === 0);
      await until(() => !hub.degraded);
      hub.publish("cc", port.record("cc", some(2)));
      await listener.until(({ events }) => events.length === 2);
      expect(listener.positions("cc")).toEqual([1, 2]);
      expect(await redis.hget(placeKey("cc"), "identity")).toBe(port.epochs().current.identity);
    },
  );

  withRedis("H6: Redis alone is enough to hear what is recorded", async () => {
    const url = await redisUrl();
    const module = `plain_${process.pid}`;
    const port = new MemoryLog([module]);
    const hub = await open(port, url);
    const ear = await client(url);
    const heard = new Promise<string>((resolve) => ear.once("message", (_channel, message) => resolve(message)));
    await ear.subscribe(hintChannel(module));
    hub.publish(module, port.record(module, [{ text: "Up betimes", tags: ["diary"] }]));
    expect(JSON.parse(await heard)).toMatchObject({
      memory: { module, position: "1", text: "Up betimes", tags: ["diary"] },
    });
  });
});

describe("bad days of Redis", () => {
  const degradedTold = (listener: Listener): boolean => listener.of("checkpoint").at(-1)?.degraded === true;

  withRedis("killed: subscribers go on from the log, marked degraded, and return by themselves", async () => {
    const server = await privateRedis();
    const port = new MemoryLog();
    const [here, there] = [await open(port, server.url), await open(port, server.url)];
    const listener = await listen(there);
    here.publish("cc", port.record("cc", some(5)));
    await listener.until(({ events }) => events.length === 5);
    await server.kill();
    await listener.until(degradedTold);
    for (let at = 0; at < 20; at += 1) here.publish("cc", port.record("cc", some(1)));
    await listener.until(({ events }) => events.length === 25);
    await until(() => here.state().breaker === "open");
    await server.restart();
    await listener.until((self) => self.of("checkpoint").at(-1)?.degraded === false);
    await until(() => !here.degraded);
    here.publish("cc", port.record("cc", some(5)));
    await listener.until(({ events }) => events.length === 30);
    const redis = await client(server.url);
    await until(async () => (await redis.hget(placeKey("cc"), "last")) === "30");
    expect(listener.positions("cc")).toEqual(range(0, 30));
    expect(listener.faults).toEqual([]);
  });

  withRedis("frozen: nobody waits for it, and what it did not take is there when it thaws", async () => {
    const server = await privateRedis();
    const port = new MemoryLog();
    const [here, there] = [await open(port, server.url), await open(port, server.url)];
    const listener = await listen(there);
    here.publish("cc", port.record("cc", some(1)));
    await listener.until(({ events }) => events.length === 1);
    server.freeze();
    for (let at = 0; at < 10; at += 1) here.publish("cc", port.record("cc", some(1)));
    await listener.until(({ events }) => events.length === 11);
    await listener.until(degradedTold);
    server.thaw();
    await listener.until((self) => self.of("checkpoint").at(-1)?.degraded === false);
    const redis = await client(server.url);
    await until(async () => (await redis.hget(placeKey("cc"), "last")) === "11");
    expect(listener.positions("cc")).toEqual(range(0, 11));
    expect(listener.faults).toEqual([]);
  });

  withRedis("flushed and truncated: nothing is lost, repeated or reordered", async () => {
    const server = await privateRedis();
    const port = new MemoryLog();
    const [here, there] = [await open(port, server.url), await open(port, server.url)];
    const listener = await listen(there);
    const redis = await client(server.url);
    for (let at = 0; at < 100; at += 1) {
      here.publish("cc", port.record("cc", some(2)));
      if (at % 20 === 5) await redis.flushall();
      if (at % 20 === 10) await redis.xtrim(streamKey("cc"), "MAXLEN", 0);
      if (at % 20 === 15) await redis.hset(placeKey("cc"), "last", "3");
      await wait(2);
    }
    await listener.until(({ events }) => events.length === 200);
    expect(listener.positions("cc")).toEqual(range(0, 200));
    expect(listener.faults).toEqual([]);
  });

  withRedis("full: a refusal to write is the degraded mode, and room again is its end", async () => {
    const server = await privateRedis();
    const port = new MemoryLog();
    const hub = await open(port, server.url);
    const listener = await listen(hub);
    const redis = await client(server.url);
    await redis.config("SET", "maxmemory", "1");
    // Nobody has to publish for it to be noticed.
    await until(() => hub.degraded);
    for (let at = 0; at < 10; at += 1) hub.publish("cc", port.record("cc", some(1)));
    await listener.until(({ events }) => events.length === 10);
    await redis.config("SET", "maxmemory", "0");
    await until(() => !hub.degraded);
    await until(async () => (await redis.hget(placeKey("cc"), "last")) === "10");
    expect(listener.positions("cc")).toEqual(range(0, 10));
  });

  withRedis(
    "H5: writers, hubs and listeners under every fault at once deliver each position once, in order",
    async () => {
      const server = await privateRedis();
      const modules = ["a", "b", "c"];
      const port = new MemoryLog(modules);
      const hubs = await Promise.all(
        Array.from({ length: 3 }, () => open(port, server.url, { rings: { entriesMax: 64, fillEventsMax: 200 } })),
      );
      const listeners = await Promise.all(
        hubs.flatMap((hub) => [listen(hub, { allModules: true }), listen(hub, { modules: ["a", "c"] })]),
      );
      const redis = await client(server.url);
      const faults = [
        () => redis.flushall(),
        () => redis.xtrim(streamKey("a"), "MAXLEN", 1),
        () => server.kill().then(() => server.restart()),
        () =>
          Promise.resolve(server.freeze())
            .then(() => wait(300))
            .then(() => server.thaw()),
        () => redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"),
      ];
      let writing = true;
      const chaos = (async () => {
        for (let at = 0; writing; at += 1) {
          await wait(120);
          await Promise.resolve(faults[at % faults.length]?.()).catch(() => {});
        }
      })();
      for (let at = 0; at < 600; at += 1) {
        const module = modules[at % 3] as string;
        const events = port.record(module, some(1 + (at % 4)));
        // A commit whose process died before it could publish, one whose publish comes late, and the rest.
        const hub = hubs[at % hubs.length] as Hub;
        if (at % 17 === 0) continue;
        if (at % 7 === 0) setTimeout(() => hub.publish(module, events), at % 30);
        else hub.publish(module, events);
        await wait(3);
      }
      writing = false;
      await chaos;
      const total = modules.reduce((sum, module) => sum + port.head(module), 0);
      await Promise.all(
        listeners.map((listener, at) =>
          listener.until(({ events }) => events.length === (at % 2 === 0 ? total : port.head("a") + port.head("c"))),
        ),
      );
      for (const [at, listener] of listeners.entries()) {
        expect(listener.faults).toEqual([]);
        for (const module of at % 2 === 0 ? modules : ["a", "c"])
          expect(listener.positions(module)).toEqual(range(0, port.head(module)));
      }
      await until(async () => {
        const lasts = await Promise.all(
          modules.map((module) => redis.hget(placeKey(module), "last").catch(() => null)),
        );
        return lasts.every((last, at) => last === String(port.head(modules[at] as string)));
      });
    },
    30_000,
  );
});
