import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest } from "@jest/globals";
import { Redis } from "ioredis";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { type Listener, listen, upTo } from "#tests/support/mesh-listener.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { startWriters, type Writers } from "#tests/support/mesh-writers.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(120_000);

/** The breaker probes 30 s after it opened (DESIGN 3) and needs two good answers. */
const RECOVERY_MAX_MS = 50_000;

let mesh: Mesh;
let writers: Writers;
let listener: Listener;
beforeAll(async () => {
  mesh = await openMesh({ faults: true });
  listener = listen(mesh.client(), { start: { case: "fromBeginning", value: true } });
  writers = startWriters(() => mesh.client(), { count: 4, pauseMs: 5 });
  await delay(1_000);
});
afterAll(async () => {
  await writers?.stop();
  await listener?.close();
  await mesh?.stop();
});

const acknowledgedUpTo = () => Math.max(0, ...writers.acknowledged.map(({ position }) => position));

/** Recording goes on at its speed, and what is acknowledged now is heard by the subscriber. */
async function expectGoingOn(): Promise<void> {
  writers.slowestMs();
  const before = writers.acknowledged.length;
  await delay(1_500);
  await eventually(() => writers.acknowledged.length - before > 100);
  // "At full speed": the command timeout of a publisher would show as 250 ms and more.
  expect(writers.slowestMs()).toBeLessThan(1_000);
  expect([writers.retries, writers.refusals]).toEqual([0, []]);
  await listener.reaches(acknowledgedUpTo());
}

function expectWhole(): void {
  expect(listener.positions()).toEqual(upTo(listener.positions().length));
}

describe("Redis has a bad day: recording goes on at full speed, subscribers go on, and return by themselves", () => {
  needs("redis")("flushed", async () => {
    const redis = new Redis(mesh.redis.url);
    await redis.flushall();
    await expectGoingOn();
    // H2: an empty stream is rebuilt from the log.
    await eventually(async () => (await redis.xlen("hw:{cc}:s")) > 0);
    redis.disconnect();
    expectWhole();
  });

  needs("redis")("killed, and restarted empty: degraded meanwhile, and not afterwards", async () => {
    await mesh.redis.kill();
    await eventually(() => listener.degraded, 10_000);
    await expectGoingOn();
    await mesh.redis.restart();
    await eventually(() => !listener.degraded, RECOVERY_MAX_MS);
    await expectGoingOn();
    expectWhole();
  });

  needs("redis")("frozen, and thawed: degraded meanwhile, and not afterwards", async () => {
    mesh.redis.freeze();
    await eventually(() => listener.degraded, 15_000);
    await expectGoingOn();
    mesh.redis.thaw();
    await eventually(() => !listener.degraded, RECOVERY_MAX_MS);
    await expectGoingOn();
    expectWhole();
  });

  needs("redis")("full: degraded meanwhile, and not afterwards", async () => {
    const redis = new Redis(mesh.redis.url);
    await redis.config("SET", "maxmemory", "1");
    await eventually(() => listener.degraded, 15_000);
    await expectGoingOn();
    await redis.config("SET", "maxmemory", "0");
    redis.disconnect();
    await eventually(() => !listener.degraded, RECOVERY_MAX_MS);
    await expectGoingOn();
    expectWhole();
  });
});
