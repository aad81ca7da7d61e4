import { setImmediate as turn } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Consumer_Key as Key } from "#gen/cos/highway/v1/consumers_pb.ts";
import { Settle_Outcome as Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import type { ConsumedWork, MemberOptions } from "#shared/highway/client/member.ts";
import type { ConsumedTask } from "#shared/highway/client/membership.ts";
import { ParkEvent } from "#shared/highway/client/park-event.ts";
import { ReleaseEvent } from "#shared/highway/client/release-event.ts";
import { RetryEvent } from "#shared/highway/client/retry-event.ts";
import type { SubscriberOptions } from "#shared/highway/client/subscriber.ts";
import { FakeConsumer } from "./fake-consumer.ts";
import { consumerOf, memories, seatOf, settlesOf, until, work } from "./members-at-work.ts";

test("joins, works and acknowledges in few messages", async () => {
  const fake = consumerOf();
  fake.add(...memories("cc", 20));
  const { subscriber, ended, begun, states } = work(fake, { concurrency: 20 });
  await until(() => fake.isDone);
  expect(begun).toHaveLength(20);
  expect(fake.settles).toHaveLength(1);
  expect(states).toMatchObject([{ kind: "joined", generation: 1n, resumed: false }]);
  await subscriber.close();
  await ended;
});

test("M3: credit is for what handlers can take, and what waits for its key does not count", async () => {
  const fake = consumerOf();
  fake.add(...memories("cc", 9, { sessionId: "slow" }));
  const slow = Promise.withResolvers<void>();
  const { subscriber } = work(fake, {
    concurrency: 2,
    handle: ({ events }) => (events[0]?.position === 1 ? slow.promise : Promise.resolve()),
  });
  await until(() => fake.items.filter(({ state }) => state === "held").length === 9);
  expect(seatOf(fake).creditMax).toBe(4);
  fake.add({ module: "cc", position: 10n, sessionId: "quick" });
  await until(() => fake.stateOf("cc", 10) === "settled");
  slow.resolve();
  await until(() => fake.isDone);
  await subscriber.close();
});

describe("C3: a handler that fails", () => {
  test("gives its event back with its words, and what follows of its key is not begun", async () => {
    const fake = consumerOf();
    fake.add(...memories("cc", 3, { sessionId: "a" }), { module: "cc", position: 4n, sessionId: "b" });
    let failures = 0;
    const told: unknown[] = [];
    const { subscriber, begun } = work(fake, {
      concurrency: 4,
      member: { onFailed: ({ position }, error) => told.push([position, (error as Error).message]) },
      handle: async ({ events }) => {
        await turn();
        if (events[0]?.position === 1 && failures++ < 1) throw new Error(`bad\0 ${"x".repeat(3000)}`);
      },
    });
    await until(() => fake.isDone);
    expect(begun.filter((name) => !name.startsWith("cc/4"))).toEqual(["cc/1#1", "cc/1#2", "cc/2#1", "cc/3#1"]);
    const [retry] = settlesOf(fake, Outcome.RETRY);
    expect(retry?.error).toMatch(/^bad x{1000,}$/);
    expect(retry?.error).toHaveLength(2000);
    expect(retry?.delay).toBeUndefined();
    expect(told).toHaveLength(1);
    await subscriber.close();
  });

  test("may ask for a delay, throw what is no error, park, or not have tried", async () => {
    const fake = consumerOf();
    fake.add(...memories("cc", 4));
    let releases = 0;
    const { subscriber } = work(fake, {
      handle: async ({ events }) => {
        const [{ position, attempt } = { position: 0, attempt: 0 }] = events;
        if (attempt > 1) return;
        if (position === 1) throw new RetryEvent(1500, "busy");
        if (position === 2) throw new ParkEvent("hopeless");
        if (position === 4 && releases++ === 0) throw new ReleaseEvent("not now");
        if (position === 4) return;
        throw "a text";
      },
    });
    await until(() => fake.isDone);
    expect(settlesOf(fake, Outcome.RETRY)).toMatchObject([
      { error: "busy", delay: { seconds: 1n, nanos: 500_000_000 } },
      { error: "a text" },
    ]);
    expect(settlesOf(fake, Outcome.RELEASE)).toMatchObject([{ positions: [4n] }]);
    expect(fake.items[3]?.attempts).toBe(0);
    expect(settlesOf(fake, Outcome.PARK)).toMatchObject([{ error: "hopeless", positions: [2n] }]);
    await subscriber.close();
  });

  test("parks without holding up what follows of the key", async () => {
    const fake = consumerOf();
    fake.add(...memories("cc", 3, { sessionId: "a" }));
    const { subscriber, begun } = work(fake, {
      handle: async ({ events }) => {
        await turn();
        if (events[0]?.position === 1) throw new ParkEvent("no");
      },
    });
    await until(() => fake.isDone);
    expect(begun).toEqual(["cc/1#1", "cc/2#1", "cc/3#1"]);
    await subscriber.close();
    expect(settlesOf(fake, Outcome.RELEASE)).toEqual([]);
  });

  test("of several, only the one at fault has failed", async () => {
    const fake = consumerOf({ key: Key.MODULE });
    fake.add(...memories("cc", 16));
    const { subscriber } = work(fake, {
      batch: 16,
      handle: async ({ events }) => {
        await turn();
        if (events.some(({ position }) => position === 7)) throw new Error("seven");
      },
    });
    await until(() => fake.isDone);
    expect(fake.items.map(({ attempts }) => attempts)).toEqual(Array.from({ length: 16 }, (_, n) => (n === 6 ? 5 : 0)));
    expect(fake.stateOf("cc", 7)).toBe("dead");
    await subscriber.close();
  });
});

describe("signs of life", () => {
  test("M4: something is said three times a lease", async () => {
    const fake = consumerOf({ leaseMs: 30 });
    const { subscriber } = work(fake);
    const signs = () => seatOf(fake).said.filter(({ case: kind, value }) => kind === "credit" && value.events === 0);
    await until(() => fake.seats.length > 0 && signs().length >= 3);
    await subscriber.close();
  });

  test("M4: a mesh that is silent for too long is joined again", async () => {
    const fake = consumerOf();
    const client = {
      ...fake.client(),
      consume: ((_, { signal } = {}) => ({
        [Symbol.asyncIterator]: () => ({
          next: () => new Promise((_resolve, reject) => signal?.addEventListener("abort", reject)),
        }),
      })) as MemberOptions["client"]["consume"],
    };
    const { subscriber, states } = work(fake, { member: { client, firstFrameMaxMs: 1 } });
    await until(() => states.length >= 2);
    expect(states[1]).toMatchObject({ kind: "lost", cause: { name: "Silence" }, attempt: 2 });
    await subscriber.close();
  });
});

test("a delivery of what is in hand already is settled with it, once", async () => {
  const fake = consumerOf();
  fake.add({ module: "cc", position: 1n, sessionId: "a" });
  const slow = Promise.withResolvers<void>();
  const { subscriber, begun } = work(fake, { handle: () => slow.promise });
  await until(() => begun.length === 1);
  const [item] = fake.items;
  fake.say(seatOf(fake), { case: "deliveries", value: { deliveries: [{ event: item!.event, attempt: 2 }] } });
  fake.say(seatOf(fake), { case: "deliveries", value: { deliveries: [{ event: {}, attempt: 1 }] } });
  fake.say(seatOf(fake), { case: "checkpoint", value: {} });
  await turn();
  slow.resolve();
  await until(() => fake.isDone);
  expect(begun).toEqual(["cc/1#1"]);
  expect(fake.refused).toBe(0);
  await subscriber.close();
});

test("refused settlements are told", async () => {
  const fake = consumerOf();
  fake.add({ module: "cc", position: 1n });
  const { subscriber, states } = work(fake, {
    handle: async () => {
      fake.items[0]!.state = "settled";
    },
  });
  await until(() => states.length === 2);
  expect(states[1]).toEqual({ kind: "refused", module: "cc", positions: [1] });
  await subscriber.close();
});

describe("whatever fails, is slow, or is lost", () => {
  const plan = fc.record({
    key: fc.constantFrom(Key.MODULE, Key.SESSION, Key.SOURCE, Key.NONE, Key.UNSPECIFIED),
    sessions: fc.array(fc.constantFrom("", "a", "b", "c"), { minLength: 1, maxLength: 25 }),
    failures: fc.array(fc.nat(3), { minLength: 25, maxLength: 25 }),
    latencies: fc.array(fc.nat(3), { minLength: 5, maxLength: 40 }),
    concurrency: fc.integer({ min: 1, max: 4 }),
    batch: fc.integer({ min: 1, max: 3 }),
    members: fc.integer({ min: 1, max: 3 }),
    cuts: fc.array(fc.nat(40), { maxLength: 3 }),
  });

  test("every event is done, in its key's order, and each delivery is settled at most once", async () => {
    const property = fc.asyncProperty(plan, async (given) => {
      const { key, sessions, failures, latencies, concurrency, batch, members, cuts } = given;
      let tick = 0;
      const latency = (): number => latencies[tick++ % latencies.length]!;
      const fake = new FakeConsumer({ key, latency, maxAttempts: 100 });
      const left = [...failures];
      const succeeded = new Set<number>();
      const disorders: string[] = [];
      let begun = 0;
      const handle: SubscriberOptions<ConsumedTask, ConsumedWork>["handle"] = async ({ events }, signal) => {
        for (const { position } of events) {
          const item = fake.items[position - 1]!;
          const earlier = fake.items.filter((each) => each.key === item.key && each.position < position);
          const inBatch = new Set(events.map((each) => each.position));
          const missing = earlier.filter((each) => !succeeded.has(each.position) && !inBatch.has(each.position));
          if (item.key !== undefined && missing.length > 0)
            disorders.push(`${position} before ${missing[0]?.position}`);
        }
        begun += 1;
        if (cuts.includes(begun))
          fake.cut(fake.seats.find(({ isOver }) => !isOver)!, new ConnectError("x", Code.Unavailable));
        for (let turns = latency(); turns > 0; turns -= 1) await turn();
        if (signal.aborted) return;
        for (const { position } of events) if (left[position - 1]!-- > 0) throw new Error("again");
        for (const { position } of events) succeeded.add(position);
      };
      fake.add(
        ...sessions.map((sessionId, index) => ({
          module: "cc",
          position: BigInt(index + 1),
          sessionId,
          source: sessionId,
        })),
      );
      const all = Array.from({ length: members }, () => work(fake, { handle, concurrency, batch }));
      await until(() => fake.isDone);
      await Promise.all(all.map(({ subscriber }) => subscriber.close()));
      expect(disorders).toEqual([]);
      expect(succeeded.size).toBe(sessions.length);
      for (const [name, count] of fake.settled) {
        // A lost race of a lease cannot happen here: all that may be refused was taken back with a failure.
        expect({ name, extra: Math.max(0, count - fake.delivered.get(name)!) }).toEqual({ name, extra: 0 });
      }
    });
    await fc.assert(property, { numRuns: 60 });
  });
});
