import { afterEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { SWEEPER_LIMITS, Sweeper } from "#shared/highway/sweeper.ts";
import { openBreaker } from "#shared/redis/open-breaker.ts";
import type { RedisClient } from "#shared/redis/open-redis.ts";
import { MemoryLog } from "./memory-log.ts";
import { some } from "./open-hub.ts";

const log = pino({ level: "silent" });
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A sweeper over a Redis whose answers come when the test says so, and what it told of the heads. */
function open(port: MemoryLog) {
  const commands: string[] = [];
  const answer = Promise.withResolvers<null[]>();
  const command = (name: string) => async (): Promise<unknown> => {
    commands.push(name);
    await answer.promise;
    return name === "type" ? "none" : [null, null, null, null];
  };
  const names = ["hmget", "set", "type", "evalsha"];
  const redis = Object.fromEntries(names.map((name) => [name, command(name)])) as unknown as RedisClient;
  const breaker = openBreaker({ name: "redis", log });
  const heads: number[] = [];
  let told = Promise.withResolvers<void>();
  const sweeper = new Sweeper({
    port,
    redis,
    breaker,
    log,
    limits: { ...SWEEPER_LIMITS, tickMinMs: 1, tickMaxMs: 2, compareEveryMs: 1 },
    onHeads: ([head]) => {
      heads.push(head?.position ?? -1);
      told.resolve();
      told = Promise.withResolvers();
    },
    onLogFault: () => {},
    onForeignEpoch: () => {},
  });
  closers.push(() => {
    answer.resolve([]);
    return sweeper.close();
  });
  closers.push(() => breaker.close());
  const ticks = async (count: number): Promise<void> => {
    for (const end = heads.length + count; heads.length < end; ) await told.promise;
  };
  return { sweeper, commands, heads, ticks, thaw: () => answer.resolve([]) };
}

describe("the sweeper", () => {
  test("W6: while Redis is frozen the heads are told at every tick, and one look at Redis is under way", async () => {
    const port = new MemoryLog();
    const { sweeper, commands, heads, ticks } = open(port);
    sweeper.start();
    for (let position = 1; position <= 5; position += 1) {
      port.record("cc", some(1));
      await ticks(2);
    }
    expect(heads.at(-1)).toBe(5);
    expect(commands.filter((name) => name === "hmget")).toEqual(["hmget"]);
  });

  test("H3: what is known of Redis when the epoch has changed meanwhile is held against no head of the past", async () => {
    const port = new MemoryLog();
    port.record("cc", some(9));
    const { sweeper, commands, ticks, thaw } = open(port);
    sweeper.start();
    await ticks(3);
    port.restore({ cc: 2 });
    sweeper.restart();
    const asked = port.reads;
    thaw();
    await new Promise((resolve) => setImmediate(resolve));
    expect(port.reads).toBe(asked);
    expect(commands).not.toContain("evalsha");
  });
});
