import { setImmediate as turn } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { Settle_Outcome as Outcome } from "#gen/cos/highway/v1/consuming_pb.ts";
import { GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { member } from "#shared/highway/client/member.ts";
import { Subscriber } from "#shared/highway/client/subscriber.ts";
import { refusal } from "./fake-consumer.ts";
import { consumerOf, memories, seatOf, settlesOf, until, work } from "./members-at-work.ts";

describe("C1: a stream that is lost", () => {
  test("fires the signals of handlers at work, and their events come again", async () => {
    const fake = consumerOf();
    fake.add({ module: "cc", position: 1n });
    const reasons: unknown[] = [];
    const first = Promise.withResolvers<void>();
    const { subscriber, begun, states } = work(fake, {
      handle: async (_, signal) => {
        if (reasons.length > 0) return;
        signal.addEventListener("abort", () => {
          reasons.push((signal.reason as Error).message);
          first.resolve();
        });
        await first.promise;
      },
    });
    await until(() => begun.length === 1);
    fake.cut(seatOf(fake), new ConnectError("gone", Code.Unavailable));
    await until(() => fake.isDone);
    expect(reasons).toEqual(["the membership was lost"]);
    expect(begun).toEqual(["cc/1#1", "cc/1#1"]);
    expect(states.map(({ kind }) => kind)).toEqual(["joined", "lost", "joined"]);
    expect(seatOf(fake, 0).member).toBe(seatOf(fake, 1).member);
    expect(fake.refused).toBe(0);
    await subscriber.close();
  });

  test("what comes again waits for a handler that does not heed its signal", async () => {
    const fake = consumerOf();
    fake.add({ module: "cc", position: 1n, sessionId: "a" });
    const slow = Promise.withResolvers<void>();
    let running = 0;
    let most = 0;
    const { subscriber, begun } = work(fake, {
      handle: async () => {
        running += 1;
        most = Math.max(most, running);
        if (begun.length === 1) await slow.promise;
        running -= 1;
      },
    });
    await until(() => begun.length === 1);
    fake.cut(seatOf(fake), new ConnectError("gone", Code.Unavailable));
    await until(() => fake.seats.length === 2 && fake.stateOf("cc", 1) === "held");
    slow.resolve();
    await until(() => fake.isDone);
    expect(most).toBe(1);
    await subscriber.close();
  });

  test("with GoAway what is at work is finished first, and the rest released", async () => {
    const fake = consumerOf();
    fake.add(...memories("cc", 2, { sessionId: "a" }));
    const slow = Promise.withResolvers<void>();
    const { subscriber, begun, states } = work(fake, {
      handle: ({ events }) => (events[0]?.position === 1 ? slow.promise : Promise.resolve()),
    });
    await until(() => fake.items.every(({ state }) => state === "held"));
    fake.say(seatOf(fake), { case: "goAway", value: { reason: GoAway_Reason.DRAINING } });
    await until(() => seatOf(fake).isLeaving);
    await until(() => fake.stateOf("cc", 2) === "waiting");
    slow.resolve();
    await until(() => fake.isDone);
    expect(begun).toEqual(["cc/1#1", "cc/2#1"]);
    expect(states).toMatchObject([{ kind: "joined" }, { kind: "lost", cause: undefined }, { resumed: true }]);
    await subscriber.close();
  });

  test("is given up where its owner says so", async () => {
    const fake = consumerOf();
    fake.refusesJoin = () => new ConnectError("nobody there", Code.Unavailable);
    const { ended } = work(fake, { member: { giveUp: ({ everConnected }) => !everConnected } });
    await expect(ended).rejects.toThrow("nobody there");
  });
});

test("C1: a process that was frozen for its lease begins nothing of what it held, says nothing of it, and joins again", async () => {
  const fake = consumerOf();
  fake.add(...memories("cc", 3));
  let now = 0;
  const slow = Promise.withResolvers<void>();
  const { begun, states, subscriber } = work(fake, {
    concurrency: 1,
    member: { now: () => now },
    handle: () => (begun.length === 1 ? slow.promise : Promise.resolve()),
  });
  await until(() => begun.length === 1);
  now += 30_000;
  slow.resolve();
  await until(() => begun.length === 4);
  expect(begun).toEqual(["cc/1#1", "cc/1#1", "cc/2#1", "cc/3#1"]);
  expect(states.filter(({ kind }) => kind === "joined")).toHaveLength(2);
  await subscriber.close();
});

describe("what ends it", () => {
  test("a consumer that is not there, or may not be read", async () => {
    const fake = consumerOf();
    fake.refusesJoin = () => refusal(Code.NotFound, "CONSUMER_NOT_FOUND");
    await expect(work(fake).ended).rejects.toMatchObject({ name: "StreamRefused", reason: "CONSUMER_NOT_FOUND" });
    fake.refusesJoin = undefined;
    const { ended, begun } = work(fake);
    fake.add({ module: "cc", position: 1n });
    await until(() => begun.length === 1);
    fake.cut(seatOf(fake), refusal(Code.PermissionDenied, "RIGHT_MISSING"));
    await expect(ended).rejects.toMatchObject({ reason: "RIGHT_MISSING" });
  });

  test("another process by the name that was given", async () => {
    const fake = consumerOf();
    const { ended } = work(fake, { member: { name: "m" } });
    await until(() => fake.seats.length === 1);
    const other = work(fake, { member: { name: "m" } });
    await expect(ended).rejects.toMatchObject({ reason: "MEMBER_REPLACED" });
    await other.subscriber.close();
  });

  test("not a lease that ran out, nor a name that nobody else has", async () => {
    const fake = consumerOf();
    const frozen = work(fake, { member: { name: "m" } });
    await until(() => frozen.states.length === 1);
    fake.cut(seatOf(fake), refusal(Code.Aborted, "MEMBERSHIP_LOST"));
    await until(() => frozen.states.length === 3);
    await frozen.subscriber.close();
    const unnamed = work(fake);
    await until(() => unnamed.states.length === 1);
    fake.cut(seatOf(fake), refusal(Code.Aborted, "MEMBER_REPLACED"));
    await until(() => unnamed.states.length === 3);
    await unnamed.subscriber.close();
  });
});

describe("close (M5)", () => {
  test("says that it leaves, releases what was not begun, finishes and settles the rest", async () => {
    const fake = consumerOf();
    fake.add(...memories("cc", 2, { sessionId: "a" }));
    const slow = Promise.withResolvers<void>();
    const { subscriber, begun, ended } = work(fake, { handle: () => slow.promise });
    await until(() => fake.items.every(({ state }) => state === "held"));
    const closed = subscriber.close();
    await until(() => fake.stateOf("cc", 2) === "waiting");
    expect(seatOf(fake).isLeaving).toBe(true);
    slow.resolve();
    await Promise.all([closed, ended]);
    expect(fake.stateOf("cc", 1)).toBe("settled");
    expect(begun).toEqual(["cc/1#1"]);
    expect(seatOf(fake)).toMatchObject({ isOver: true, error: undefined });
  });

  test("a failure meanwhile is told as ever", async () => {
    const fake = consumerOf();
    fake.add({ module: "cc", position: 1n });
    const slow = Promise.withResolvers<void>();
    const { subscriber, begun } = work(fake, { handle: () => slow.promise });
    await until(() => begun.length === 1);
    const closed = subscriber.close();
    slow.reject(new Error("late"));
    await closed;
    expect(settlesOf(fake, Outcome.RETRY)).toMatchObject([{ error: "late" }]);
  });

  test("past the grace the signal fires and the stream ends; the handler is waited for", async () => {
    const fake = consumerOf();
    fake.add({ module: "cc", position: 1n });
    let over = false;
    const { subscriber, begun } = work(fake, {
      graceMs: 1,
      handle: async (_, signal) => {
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await turn();
        over = true;
      },
    });
    await until(() => begun.length === 1);
    await subscriber.close();
    expect(over).toBe(true);
    expect(fake.settles).toEqual([]);
    expect(fake.stateOf("cc", 1)).toBe("waiting");
  });

  test("before it ran, while it joins, and while it waits to join again", async () => {
    await new Subscriber({
      source: member({ client: consumerOf().client(), consumer: "c" }),
      handle: async () => undefined,
    }).close();
    const joining = work(consumerOf());
    await joining.subscriber.close();
    const fake = consumerOf();
    fake.refusesJoin = () => new ConnectError("nobody there", Code.Unavailable);
    const waiting = work(fake, { member: { backoff: { initialMs: 60_000, maxMs: 60_000 } } });
    await until(() => waiting.states.length === 1);
    await waiting.subscriber.close();
  });

  test("a mesh that does not end its half is left after a while", async () => {
    const fake = consumerOf();
    fake.holdsOpen = true;
    const { subscriber, states } = work(fake, { member: { firstFrameMaxMs: 20 } });
    await until(() => states.length === 1);
    await subscriber.close();
  });
});
