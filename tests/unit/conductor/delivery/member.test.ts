import { create, fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { ConsumeResponseSchema, Settle_Outcome, SettleSchema } from "#gen/cos/highway/v1/consuming_pb.ts";
import { GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Member } from "#services/conductor/delivery/member.ts";
import type { Settlement } from "#services/conductor/domain/deliveries.ts";
import { draining, tooOld } from "#shared/highway/ending.ts";
import { eventOf, memberOf } from "./given-events.ts";

/** Everything that the member is sent until it ends, and of what it ended. */
async function hear(member: Member, signal = new AbortController().signal) {
  const frames: string[] = [];
  let error: unknown;
  try {
    for await (const { encoded } of member.frames(signal)) {
      const { frame } = fromBinary(ConsumeResponseSchema, encoded);
      frames.push(
        frame.case === "goAway" ? `goAway ${frame.value.reason !== GoAway_Reason.UNSPECIFIED}` : (frame.case ?? ""),
      );
    }
  } catch (thrown) {
    error = thrown;
  }
  return { frames, error };
}

const settle = (positions: number[], outcome: Settle_Outcome = Settle_Outcome.ACK, more: object = {}) =>
  create(SettleSchema, { module: "cc", positions: positions.map(BigInt), outcome, ...more });

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("M1: what a member is given", () => {
  test("is no more than it asked for; what it asks for adds up, to a bound", () => {
    const member = memberOf();
    expect(member.want).toBe(0);
    member.credit(3);
    member.give([1, 2].map((position) => ({ event: eventOf(position), attempt: 1 })));
    expect(member.want).toBe(1);
    member.credit(10_000);
    expect(member.want).toBe(10_000);
  });

  test("of one without credits: as much as it may hold, less what it holds", () => {
    const member = memberOf({ limit: 2 });
    expect(member.want).toBe(2);
    member.give([1, 2].map((position) => ({ event: eventOf(position), attempt: 1 })));
    expect([member.want, member.isFull]).toEqual([0, true]);
    member.freed(1);
    expect([member.want, member.isFull]).toEqual([1, false]);
    member.counted(2);
    expect(member.want).toBe(0);
    member.freed(9);
    expect(member.want).toBe(2);
  });

  test("is nothing while too much waits to be sent, and its turn comes when that is sent", async () => {
    let hungry = 0;
    const member = memberOf({ onHungry: () => (hungry += 1) });
    member.credit(100);
    const before = hungry;
    const large = "x".repeat(1024 * 1024);
    member.give([1, 2, 3, 4].map((position) => ({ event: eventOf(position, large), attempt: 1 })));
    expect(member.want).toBe(0);
    const heard = hear(member);
    await soon();
    member.end("said all");
    expect((await heard).frames).toEqual(["joined", "deliveries", "deliveries", "deliveries", "deliveries"]);
    expect(hungry).toBe(before + 1);
  });

  test("is nothing once it leaves, or has ended", () => {
    const [leaving, ended] = [memberOf(), memberOf()];
    for (const member of [leaving, ended]) member.credit(5);
    leaving.leave();
    ended.end("said all");
    expect([leaving.want, ended.want]).toEqual([0, 0]);
  });
});

describe("M2: what a member says of its work", () => {
  test("is passed on in order, one at a time; acknowledgements of one kind travel together", async () => {
    const passed: Settlement[] = [];
    let gate = Promise.withResolvers<void>();
    const member = memberOf({
      settle: async (settlement) => {
        passed.push(settlement);
        await gate.promise;
        return [];
      },
    });
    await member.settle(settle([1]));
    await Promise.all([
      member.settle(settle([2])),
      member.settle(settle([3], Settle_Outcome.UNSPECIFIED)),
      member.settle(settle([4], Settle_Outcome.RETRY, { error: "no ink", delay: { nanos: 1_500_000 } })),
      member.settle(settle([5])),
      member.settle(settle([6], Settle_Outcome.ACK, { generation: 5n })),
      member.settle(settle([7], Settle_Outcome.PARK)),
      member.settle(settle([8], Settle_Outcome.RELEASE)),
      member.settle(settle([9], Settle_Outcome.RELEASE)),
    ]);
    gate.resolve();
    gate = Promise.withResolvers();
    gate.resolve();
    for (let n = 0; n < 20; n += 1) await soon();
    const told = passed.map(({ positions, outcome, generation }) => `${outcome} ${positions.join()} of ${generation}`);
    expect(told).toEqual([
      "ack 1 of 7",
      "ack 2,3 of 7",
      "retry 4 of 7",
      "ack 5 of 7",
      "park 7 of 7",
      "release 8 of 7",
      "release 9 of 7",
    ]);
    expect(passed[2]).toMatchObject({ delayMs: 2, error: "no ink" });
  });

  test("while much waits, no more is read of it", async () => {
    const gate = Promise.withResolvers<void>();
    const member = memberOf({ settle: () => gate.promise.then(() => []) });
    const said = Array.from({ length: 70 }, (_, n) => member.settle(settle([n + 1], Settle_Outcome.PARK)));
    let read = 0;
    for (const one of said) void one.then(() => (read += 1));
    await soon();
    expect(read).toBeLessThan(70);
    gate.resolve();
    await Promise.all(said);
  });

  test("of another membership is refused, and a position that comes twice counts once", async () => {
    const passed: Settlement[] = [];
    const member = memberOf({
      settle: async (settlement) => {
        passed.push(settlement);
        return [];
      },
    });
    await member.settle(settle([6], Settle_Outcome.ACK, { generation: 5n }));
    await member.settle(settle([1, 1, 2]));
    await member.finish();
    expect((await hear(member)).frames).toEqual(["joined", "refused"]);
    expect(passed.map(({ positions }) => positions)).toEqual([[1n, 2n]]);
  });

  test("of one that it gives back is passed on before it is given more", async () => {
    const gate = Promise.withResolvers<void>();
    let hungry = 0;
    const member = memberOf({ settle: () => gate.promise.then(() => []), onHungry: () => (hungry += 1) });
    member.credit(5);
    await member.settle(settle([1], Settle_Outcome.RETRY));
    expect([member.want, hungry]).toEqual([0, 1]);
    gate.resolve();
    await soon();
    expect([member.want, hungry]).toEqual([5, 2]);
  });

  test("while much waits to be sent to it, no more is read of it", async () => {
    const member = memberOf();
    member.credit(10);
    member.give([1, 2, 3, 4].map((position) => ({ event: eventOf(position, "x".repeat(1024 * 1024)), attempt: 1 })));
    let read = false;
    const said = member.settle(settle([1])).then(() => (read = true));
    await soon();
    expect(read).toBe(false);
    const heard = hear(member);
    await said;
    member.end("said all");
    await heard;
  });

  test("is refused in a frame; one that settles by calls hears it there", async () => {
    for (const limit of [undefined, 5]) {
      const member = memberOf({ limit, settle: async ({ positions }) => [...positions] });
      await member.settle(settle([1]));
      await member.finish();
      const { frames } = await hear(member);
      expect(frames).toEqual(limit === undefined ? ["joined", "refused"] : ["joined"]);
    }
  });

  test("that could not be passed on ends it", async () => {
    const fault = new Error("no engine");
    const member = memberOf({ settle: () => Promise.reject(fault) });
    await member.settle(settle([1]));
    expect(await hear(member)).toEqual({ frames: ["joined"], error: fault });
  });
});

describe("M3: a member ends", () => {
  test("with GoAway where it can come again, and the error; the first ending holds", async () => {
    const member = memberOf();
    member.end(draining(50));
    member.end("said all");
    expect(await hear(member)).toMatchObject({ frames: ["joined", "goAway true"], error: { message: /going away/ } });
    expect(member.lost).toBe(false);
  });

  test("lost, if it goes without a word: cut off, or silent in the middle; not if it has said that it leaves", async () => {
    const cut = memberOf();
    const cutting = new AbortController();
    const heard = hear(cut, cutting.signal);
    await soon();
    cutting.abort();
    await heard;
    const silent = memberOf();
    await silent.finish();
    const leaving = memberOf();
    leaving.leave();
    await leaving.finish();
    expect([cut.lost, silent.lost, leaving.lost]).toEqual([true, true, false]);
  });
});

test("M4: a heartbeat comes when nothing else did for so long", async () => {
  const member = memberOf({ heartbeatMs: 5, degraded: () => true });
  const heard = hear(member);
  await new Promise((resolve) => setTimeout(resolve, 40));
  member.end("said all");
  expect((await heard).frames).toContain("checkpoint");
});

test("M1: what waits for all members is bounded too", async () => {
  const outboxes = { bytes: 0, bytesMax: 10 };
  const [full, idle] = [memberOf({ outboxes }), memberOf({ outboxes })];
  for (const member of [full, idle]) member.credit(5);
  full.give([{ event: eventOf(1), attempt: 1 }]);
  expect([full.want, idle.want]).toEqual([0, 5]);
  full.end("said all");
  await hear(full);
  expect(outboxes.bytes).toBe(0);
});

test("M5: of a good age it is told to join anew, given nothing more, and may settle what it holds", async () => {
  const member = memberOf({ ageMaxMs: 5, leaseMs: 40 });
  member.credit(5);
  expect(member.isTooOld(performance.now())).toBe(false);
  expect(member.isTooOld(performance.now() + 10)).toBe(true);
  member.retire(tooOld());
  expect([member.want, member.isTooOld(performance.now() + 10)]).toEqual([0, false]);
  await member.settle(settle([1]));
  expect(await hear(member)).toMatchObject({ frames: ["joined", "goAway true"], error: { message: /old enough/ } });
  expect(member.lost).toBe(false);
});

test("D1: a lease is due when it has spoken since, and a quarter of it is over", () => {
  const member = memberOf({ leaseMs: 1000 });
  const nowMs = performance.now();
  expect(member.needsRenewal(nowMs + 500)).toBe(false);
  member.heard();
  expect(member.needsRenewal(nowMs + 100)).toBe(false);
  expect(member.needsRenewal(nowMs + 500)).toBe(true);
  member.renewed(performance.now() + 1);
  expect(member.needsRenewal(nowMs + 900)).toBe(false);
});
