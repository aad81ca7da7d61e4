import { fromBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { FRAME_BYTES_MAX } from "#shared/highway/frames.ts";
import { Ring, type RingLimits } from "#shared/highway/ring.ts";
import { RingBudget } from "#shared/highway/ring-budget.ts";
import { EVENT_OVERHEAD_BYTES } from "#shared/highway/shared-event.ts";
import { eventAt } from "./event-at.ts";

const ROOMY: RingLimits = { entriesMax: 1_000, bytesMax: 100_000_000 };

function open(position: number, limits: Partial<RingLimits> = {}, budget = new RingBudget(1e9)): Ring {
  return new Ring("cc", "e1", position, { ...ROOMY, ...limits }, budget);
}

const forgettingAt = (position: number) => eventAt(position, 0, "cos.memory.forgotten");
const positionsOf = (ring: Ring): number[] => ring.slice(ring.low).events.map(({ position }) => position);
const range = (low: number, high: number): number[] =>
  Array.from({ length: high - low }, (_, index) => low + 1 + index);

type Step =
  | { push: number }
  | { reset: number }
  | { announce: number }
  | { frame: number }
  | { forget: number }
  | { pushForgetting: number };
const steps = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ reset: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.record({ announce: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 2, arbitrary: fc.record({ frame: fc.nat({ max: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ forget: fc.integer({ min: 1, max: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ pushForgetting: fc.integer({ min: 1, max: 40 }) }) },
  ),
  { maxLength: 120 },
);

function play(ring: Ring, step: Step): void {
  if ("push" in step) ring.push(eventAt(step.push));
  if ("forget" in step) ring.forget(step.forget);
  if ("pushForgetting" in step) ring.push(forgettingAt(step.pushForgetting));
  if ("announce" in step) ring.announce(step.announce);
  if ("reset" in step && step.reset >= ring.high) ring.reset(step.reset);
  if ("frame" in step && step.frame >= ring.low && step.frame < ring.high) ring.frame(step.frame);
}

describe("a ring", () => {
  test("R1, R4, R6: holds exactly its window, in order, whatever is pushed, and counts every byte", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 20 }),
        fc.integer({ min: 1, max: 12 }),
        steps,
        (start, entriesMax, list) => {
          const budget = new RingBudget(1e9);
          const ring = open(start, { entriesMax }, budget);
          let forgetting = 0;
          for (const step of list) {
            const before = ring.high;
            play(ring, step);
            expect(ring.high).toBeGreaterThanOrEqual(before);
            expect(ring.high - ring.low).toBeLessThanOrEqual(entriesMax);
            expect(positionsOf(ring)).toEqual(range(ring.low, ring.high));
            expect(ring.wanted).toBeGreaterThanOrEqual(ring.high);
            expect(budget.bytes).toBe(ring.bytes);
            if ("forget" in step) forgetting = Math.max(forgetting, step.forget);
            if ("pushForgetting" in step) forgetting = Math.max(forgetting, step.pushForgetting);
            expect(ring.low).toBeGreaterThanOrEqual(forgetting - 1);
          }
          ring.close();
          expect(ring.bytes).toBe(0);
          expect(budget.bytes).toBe(0);
        },
      ),
    );
  });

  test("R2: what was pushed out of order joins as soon as the gap is closed", () => {
    const ring = open(0);
    expect([3, 4, 2, 5, 4].map((position) => ring.push(eventAt(position)))).toEqual([
      false,
      false,
      false,
      false,
      false,
    ]);
    expect(ring.aheadFrom).toBe(3);
    expect(ring.push(eventAt(1))).toBe(true);
    // 2 lay before what was kept aside: the log fills it.
    expect(ring.high).toBe(1);
    expect(ring.gapped).toBe(true);
    ring.push(eventAt(2));
    expect(positionsOf(ring)).toEqual([1, 2, 3, 4, 5]);
    expect(ring.aheadFrom).toBeUndefined();
  });

  test("R2: what lies aside is bounded, and another gap within it starts it anew", () => {
    const ring = open(0, { entriesMax: 3 });
    for (const position of [5, 6, 7, 8]) ring.push(eventAt(position));
    expect(ring.aheadFrom).toBe(8);
    ring.push(eventAt(20));
    expect(ring.aheadFrom).toBe(20);
    expect(ring.wanted).toBe(20);
  });

  test("R3: a position that nobody can give is forgotten", () => {
    const ring = open(4);
    ring.push(eventAt(9));
    ring.announce(12);
    ring.forgetWanted();
    expect(ring.gapped).toBe(false);
    expect(ring.bytes).toBe(0);
  });

  test("R4: the oldest go first, and the newest stays however large it is", () => {
    const cost = eventAt(1).framed.length + EVENT_OVERHEAD_BYTES;
    const ring = open(0, { bytesMax: cost * 3 });
    for (const position of range(0, 5)) ring.push(eventAt(position));
    expect(positionsOf(ring)).toEqual([3, 4, 5]);
    ring.push(eventAt(6, 100_000));
    expect(positionsOf(ring)).toEqual([6]);
  });

  test("R4: thousands of events pass through a small ring", () => {
    const ring = open(0, { entriesMax: 10 });
    for (const position of range(0, 5_000)) ring.push(eventAt(position, 0));
    expect(positionsOf(ring)).toEqual(range(4_990, 5_000));
  });

  test("R5: a reset goes on elsewhere and is counted", () => {
    const ring = open(0);
    ring.push(eventAt(1));
    ring.push(eventAt(10));
    ring.reset(9);
    expect(positionsOf(ring)).toEqual([10]);
    expect(ring.resets).toBe(1);
  });

  test("R6: what stands below a forgetting leaves the ring with its event, and does not come in again", () => {
    const ring = open(0);
    for (const position of range(0, 5)) ring.push(eventAt(position));
    const frame = ring.frame(2);
    ring.push(forgettingAt(6));
    expect([ring.low, positionsOf(ring), ring.resets]).toEqual([5, [6], 1]);
    expect(ring.frame(5)).not.toBe(frame);
    expect(ring.push(eventAt(4))).toBe(false);
    expect(positionsOf(ring)).toEqual([6]);
  });

  test("R6: a forgetting that lies beyond a gap begins the window anew, without what lay aside below it", () => {
    const ring = open(0);
    for (const position of [1, 2, 5, 6]) ring.push(eventAt(position));
    expect(ring.push(forgettingAt(9))).toBe(true);
    expect([ring.low, positionsOf(ring), ring.gapped, ring.aheadFrom]).toEqual([8, [9], false, undefined]);
    ring.push(eventAt(11));
    expect(ring.forget(11)).toBe(true);
    expect(positionsOf(ring)).toEqual([11]);
  });

  test("R6: a forgetting that is told without its event takes what stands below it, once", () => {
    const ring = open(0);
    for (const position of range(0, 5)) ring.push(eventAt(position));
    expect([ring.forget(4), ring.forget(4), ring.forget(0)]).toEqual([true, false, false]);
    expect(positionsOf(ring)).toEqual([4, 5]);
    expect(ring.resets).toBe(1);
  });

  test("gives those in step the same bytes, and a frame of what stands above each place", () => {
    const ring = open(0);
    for (const position of range(0, 5)) ring.push(eventAt(position));
    expect(ring.frame(2)).toBe(ring.frame(2));
    const { frame } = fromBinary(SubscribeResponseSchema, ring.frame(2).encoded);
    expect(frame).toMatchObject({
      case: "batch",
      value: { after: 2n, cursor: { module: "cc", position: 5n, epoch: "e1" } },
    });
    const old = ring.frame(2);
    ring.frame(3);
    ring.frame(4);
    ring.push(eventAt(6));
    expect(ring.frame(2)).not.toBe(old);
    expect(ring.frame(2).through).toBe(6);
  });

  test("closes a frame at 1 MiB, but gives a single larger event", () => {
    const ring = open(0);
    ring.push(eventAt(1, FRAME_BYTES_MAX + 1));
    for (const position of range(1, 5)) ring.push(eventAt(position, 400_000));
    expect(ring.slice(0)).toMatchObject({ through: 1, events: [{ position: 1 }] });
    expect(ring.slice(1)).toMatchObject({ through: 3, events: [{ position: 2 }, { position: 3 }] });
    expect(ring.slice(1, ({ position }) => position === 5)).toMatchObject({ through: 5, events: [{ position: 5 }] });
    expect(ring.slice(1, () => false)).toEqual({ through: 5, events: [] });
  });
});

describe("the budget of all rings", () => {
  test("takes from the largest first, down to a share that a quiet ring keeps", () => {
    const cost = eventAt(1).framed.length + EVENT_OVERHEAD_BYTES;
    const budget = new RingBudget(cost * 16);
    const busy = open(0, {}, budget);
    const quiet = open(0, {}, budget);
    quiet.push(eventAt(1));
    for (const position of range(0, 200)) {
      busy.push(eventAt(position));
      expect(budget.bytes).toBeLessThanOrEqual(budget.bytesMax);
    }
    expect(positionsOf(quiet)).toEqual([1]);
    expect(busy.high).toBe(200);
    expect(busy.high - busy.low).toBeGreaterThan(8);
  });

  test("sheds kept frames before events", () => {
    const ring = open(0);
    ring.push(eventAt(1));
    ring.frame(0);
    expect(ring.shed()).toBe(true);
    expect(positionsOf(ring)).toEqual([1]);
    expect([ring.shed(), ring.shed()]).toEqual([true, false]);
  });

  test("bounds what rings keep aside, too", () => {
    const budget = new RingBudget(10_000);
    const ring = open(0, {}, budget);
    for (const position of range(10, 100)) ring.push(eventAt(position, 500));
    expect(budget.bytes).toBeLessThanOrEqual(budget.bytesMax);
  });
});
