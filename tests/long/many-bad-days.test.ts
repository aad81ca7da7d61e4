import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest } from "@jest/globals";
import { Redis } from "ioredis";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import type { Conductor } from "#tests/support/mesh-conductor.ts";
import { listen, upTo } from "#tests/support/mesh-listener.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { startWriters } from "#tests/support/mesh-writers.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(180_000);

const MODULES = ["cc", "letters"];
const fromBeginning = { case: "fromBeginning", value: true } as const;

let mesh: Mesh;
let replica: Conductor;
beforeAll(async () => {
  mesh = await openMesh({ faults: true });
  replica = await mesh.replica();
  await mesh.client().modules.registerModule({ module: { name: "letters" } });
});
afterAll(() => mesh?.stop());

async function withRedis<T>(use: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(mesh.redis.url);
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

/** What a failover to a replica that lags does: the streams are what they were some time ago. */
async function stepBack(): Promise<void> {
  await withRedis(async (redis) => {
    const keys = await redis.keys("hw:*");
    const before = await Promise.all(keys.map((key) => redis.dumpBuffer(key)));
    await delay(700);
    for (const [n, key] of keys.entries()) {
      const dump = before[n];
      if (dump) await redis.restore(key, 0, dump, "REPLACE");
    }
  });
}

/** One after the other and, by the load that goes on, into each other. */
const FAULTS: Readonly<Record<string, () => Promise<unknown>>> = {
  "Redis is flushed": () => withRedis((redis) => redis.flushall()),
  "Redis steps back": stepBack,
  "the conductor is killed": async () => {
    await mesh.kill9();
    await mesh.restart();
  },
  "Redis loses the stream's end": () => withRedis((redis) => redis.call("XTRIM", "hw:{cc}:s", "MAXLEN", "3")),
  "Redis is killed while the conductor is": async () => {
    await Promise.all([mesh.redis.kill(), mesh.kill9()]);
    await Promise.all([mesh.redis.restart(), mesh.restart()]);
  },
  "PostgreSQL is killed": async () => {
    await mesh.postgres.kill();
    await delay(300);
    await mesh.postgres.restart();
  },
  "both engines are frozen": async () => {
    mesh.postgres.freeze();
    mesh.redis.freeze();
    await delay(2_500);
    mesh.redis.thaw();
    mesh.postgres.thaw();
  },
  "Redis is flushed again": () => withRedis((redis) => redis.flushall()),
};

needs("redis")("H1 to H5: through everything, each subscriber hears each memory once and in order", async () => {
  const addresses = [mesh.address, replica.address];
  const listeners = addresses.flatMap((at) => [
    listen(mesh.client(at), { modules: MODULES, start: fromBeginning }),
    listen(mesh.client(at), { allModules: true, start: fromBeginning }),
  ]);
  const writers = addresses.map((at) =>
    startWriters(() => mesh.client(at), { count: 3, modules: MODULES, pauseMs: 4 }),
  );
  for (const [fault, strike] of Object.entries(FAULTS)) {
    await delay(800);
    await strike();
    const before = writers.map(({ acknowledged }) => acknowledged.length);
    const bothGoOn = () => writers.every(({ acknowledged }, n) => acknowledged.length > (before[n] ?? 0) + 20);
    await eventually(bothGoOn, 30_000, () => `writers did not go on after: ${fault}`);
  }
  await Promise.all(writers.map((each) => each.stop()));
  expect(writers.flatMap(({ refusals }) => refusals)).toEqual([]);
  const acknowledged = writers.flatMap((each) => each.acknowledged);
  const { modules } = mesh.client(replica.address);
  for (const name of MODULES) {
    const { module } = await modules.getModule({ name });
    const head = Number(module?.head?.position);
    const written = acknowledged.filter((each) => each.module === name);
    // As many positions as keys that were acknowledged: none was recorded twice, none got lost.
    expect(head).toBe(written.length);
    for (const listener of listeners) {
      await listener.reaches(head, name, 40_000);
      expect(listener.positions(name)).toEqual(upTo(head));
      expect(written.filter(({ position, id }) => listener.ids(name).get(position) !== id)).toEqual([]);
    }
  }
  await Promise.all(listeners.map((listener) => listener.close()));
});
