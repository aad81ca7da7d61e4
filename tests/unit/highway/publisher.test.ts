import { describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { AppendAnswer } from "#shared/highway/append-events.ts";
import { PUBLISHER_LIMITS, Publisher, type PublisherLimits } from "#shared/highway/publisher.ts";
import type { Breaker } from "#shared/redis/open-breaker.ts";
import { BreakerOpenError } from "#shared/redis/open-breaker.ts";
import type { RedisClient } from "#shared/redis/open-redis.ts";
import { eventAt } from "./event-at.ts";

const log = pino({ level: "silent" });
const epoch = { generation: 1, identity: "e1" };

interface Call {
  readonly after: number;
  readonly count: number;
  answer(answer: Partial<AppendAnswer>): Promise<void>;
  fail(error: Error): Promise<void>;
}

/** A publisher before a Redis that answers when the test says so. */
function open(limits: Partial<PublisherLimits> = {}, state: Breaker["state"] = "closed") {
  const calls: Call[] = [];
  const left: string[] = [];
  const arrivals: (() => void)[] = [];
  const evalsha = (_sha: string, _keys: number, ...args: unknown[]): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const settle = () => new Promise<void>((done) => setImmediate(done));
    calls.push({
      after: Number(args[5]),
      count: (args.length - 10) / 3,
      answer: ({ status = "OK", last = 0, bytes = 0, forgetting = 0 }) => {
        resolve([status, last, bytes, forgetting]);
        return settle();
      },
      fail: (error) => {
        reject(error);
        return settle();
      },
    });
    arrivals.shift()?.();
    return promise;
  };
  const breaker = { state, fire: (action: () => Promise<unknown>) => action() } as unknown as Breaker;
  const publisher = new Publisher({
    redis: { evalsha } as unknown as RedisClient,
    breaker,
    log,
    limits: { ...PUBLISHER_LIMITS, ...limits },
    streamLimits: () => ({ entriesMax: 10, bytesMax: 1_000 }),
    onAnswer: () => {},
    onLeft: (module) => left.push(module),
  });
  const publish = (...positions: number[]): void =>
    publisher.publish(
      "cc",
      epoch,
      positions.map((position) => eventAt(position)),
    );
  const nextCall = (): Promise<void> => new Promise((resolve) => arrivals.push(resolve));
  return { publisher, publish, calls, left, nextCall };
}

describe("the publisher", () => {
  test("P2: one call is in flight for a module, and what comes meanwhile is merged in order", async () => {
    const { publisher, publish, calls, left } = open();
    publish(1);
    publish(4);
    publish(2, 3);
    publish(2);
    expect(calls).toMatchObject([{ after: 0, count: 1 }]);
    await calls[0]?.answer({ last: 1 });
    expect(calls).toMatchObject([{}, { after: 1, count: 3 }]);
    await calls[1]?.answer({ last: 4 });
    expect(publisher.counts).toEqual({ published: 4, left: 0 });
    expect(publisher.bytes).toBe(0);
    expect(left).toEqual([]);
  });

  test("P2: modules do not wait for one another, and a call is bounded", async () => {
    const { publisher, publish, calls } = open({ batchEventsMax: 2, batchBytesMax: 10_000 });
    publish(1);
    publisher.publish("pepys", epoch, [eventAt(1), eventAt(2), eventAt(3)]);
    expect(calls).toMatchObject([{ count: 1 }, { count: 2 }]);
    await calls[1]?.answer({ last: 2 });
    expect(calls[2]).toMatchObject({ after: 2, count: 1 });
    publisher.publish("large", epoch, [eventAt(1, 20_000), eventAt(2, 20_000)]);
    expect(calls[3]).toMatchObject({ count: 1 });
  });

  test("P3: what would leave a gap waits for what belongs before it", async () => {
    const { publish, calls, nextCall } = open();
    publish(1);
    await calls[0]?.answer({ last: 1 });
    publish(3);
    publish(2);
    expect(calls).toHaveLength(1);
    await nextCall();
    expect(calls[1]).toMatchObject({ after: 1, count: 2 });
  });

  test("P2: only what is contiguous goes into one call", async () => {
    const { publish, calls, nextCall } = open();
    publish(1);
    publish(3);
    publish(5);
    const next = nextCall();
    await calls[0]?.answer({ last: 1 });
    await next;
    expect(calls[1]).toMatchObject({ after: 2, count: 1 });
  });

  test("P3, H2: a gap that is answered is tried again a few times, then left to the sweeper", async () => {
    const { publisher, publish, calls, left, nextCall } = open({ gapWaitsMax: 2 });
    publish(5);
    for (let at = 0; at < 2; at += 1) {
      const next = nextCall();
      await calls[at]?.answer({ status: "GAP", last: 3 });
      await next;
    }
    expect(left).toEqual([]);
    await calls[2]?.answer({ status: "GAP", last: 3 });
    expect(left).toEqual(["cc"]);
    expect(publisher.counts).toEqual({ published: 0, left: 1 });
    expect(publisher.bytes).toBe(0);
  });

  test.each(["EMPTY", "STALE"] as const)("leaves everything that waits to the sweeper: %s", async (status) => {
    const { publisher, publish, calls, left } = open();
    publish(5);
    publish(6);
    await calls[0]?.answer({ status, last: 0 });
    expect(left).toEqual(["cc"]);
    expect(publisher.counts.left).toBe(2);
  });

  test.each([new Error("OOM command not allowed"), new BreakerOpenError("open")])(
    "P1: a failure reaches nobody: %p",
    async (error) => {
      const { publish, calls, left } = open();
      publish(1);
      publish(2);
      await calls[0]?.fail(error);
      expect(left).toEqual(["cc"]);
      publish(3);
      expect(calls).toHaveLength(2);
    },
  );

  test("P1: while the breaker is open nothing is tried", () => {
    const { publish, calls, left } = open({}, "open");
    publish(1);
    expect(calls).toEqual([]);
    expect(left).toEqual(["cc"]);
  });

  test("P4: what waits is bounded, for a module and in all", () => {
    const { publisher, publish, left } = open({ queueModuleBytesMax: 3_000, queueBytesMax: 4_000 });
    publish(1);
    for (const position of [2, 3, 4, 5, 6, 7, 8]) publish(position);
    expect(publisher.bytes).toBeLessThanOrEqual(3_000);
    const before = left.length;
    expect(before).toBeGreaterThan(0);
    publisher.publish("a", epoch, [eventAt(1)]);
    publisher.publish("a", epoch, [eventAt(2), eventAt(3), eventAt(4)]);
    expect(publisher.bytes).toBeLessThanOrEqual(4_000);
    expect(left.length).toBe(before + 1);
  });

  test("a new epoch leaves behind what waited for the old one", async () => {
    const { publisher, publish, calls, left } = open();
    publish(1);
    publish(2);
    publisher.publish("cc", { generation: 2, identity: "e2" }, [eventAt(2)]);
    expect(left).toEqual(["cc"]);
    await calls[0]?.answer({ last: 1 });
    expect(calls[1]).toMatchObject({ after: 1, count: 1 });
  });

  test("once closed takes nothing any more, and lets go of what waited", async () => {
    const { publisher, publish, calls } = open();
    publish(1);
    publish(2);
    publisher.close();
    publish(3);
    expect(publisher.counts.left).toBe(2);
    await calls[0]?.answer({ status: "GAP", last: 0 });
    expect(calls).toHaveLength(1);
  });
});
