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

  test("W7: a forgetting that Redis does not obey is cleared at the tick that sees it, whatever is filled later", async () => {
    const port = new MemoryLog();
    port.record("cc", some(3));
    const place = { generation: "1", identity: port.epochs().current.identity, last: "3", bytes: "9", forgetting: "0" };
    const appends: unknown[][] = [];
    const redis = {
      type: async () => "stream",
      set: async () => "OK",
      hmget: async () => Object.values(place),
      evalsha: async (...args: unknown[]) => {
        appends.push(args);
        return ["OK", 3, 0, 4];
      },
    } as unknown as RedisClient;
    const told = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    let ticks = 0;
    const breaker = openBreaker({ name: "redis", log });
    const sweeper = new Sweeper({
      port,
      redis,
      breaker,
      log,
      limits: { ...SWEEPER_LIMITS, tickMinMs: 100, tickMaxMs: 120, compareEveryMs: 3_600_000 },
      onHeads: () => void told[ticks++]?.resolve(),
      onLogFault: () => {},
      onForeignEpoch: () => {},
    });
    closers.push(() => sweeper.close());
    closers.push(() => breaker.close());
    sweeper.start();
    await told[0]?.promise;
    port.forget("cc", [1]);
    await told[1]?.promise;
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    // KEYS, then mode, generation, identity, after, entries, bytes, channel, forgetting: no events.
    expect(appends.map((args) => [args.length, args[11]])).toEqual([[12, "4"]]);
  });
});
