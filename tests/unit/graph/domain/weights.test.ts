import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { pairWeight, topicWeight } from "#services/graph/domain/weights.ts";

const counts = fc
  .record({
    both: fc.integer({ min: 1, max: 50 }),
    one: fc.nat({ max: 50 }),
    other: fc.nat({ max: 50 }),
    rest: fc.nat({ max: 999 }),
  })
  .map(({ both, one, other, rest }) => ({
    both,
    one: both + one,
    other: both + other,
    all: both + one + other + rest,
  }));

describe("the weight of two entities", () => {
  test("it lies from -1 to 1, whichever of the two is named first", () => {
    fc.assert(
      fc.property(counts, (of) => {
        const weight = pairWeight(of);
        expect(weight).toBeGreaterThanOrEqual(-1);
        expect(weight).toBeLessThanOrEqual(1);
        expect(pairWeight({ ...of, one: of.other, other: of.one })).toBeCloseTo(weight, 12);
      }),
    );
  });

  test("who occurs together no more often than chance has it weighs nothing", () => {
    expect(pairWeight({ both: 10, one: 100, other: 100, all: 1000 })).toBeCloseTo(0, 12);
  });

  test("who is never without the other weighs 1, less what small counts cost", () => {
    expect(pairWeight({ both: 99, one: 99, other: 99, all: 1000 })).toBeCloseTo(0.99 * 0.99, 12);
    expect(pairWeight({ both: 1, one: 1, other: 1, all: 1000 })).toBeCloseTo(0.25, 12);
    expect(pairWeight({ both: 9, one: 9, other: 9, all: 9 })).toBeCloseTo(0.81, 12);
  });

  test("who avoids the other weighs less than nothing", () => {
    expect(pairWeight({ both: 1, one: 500, other: 500, all: 1000 })).toBeLessThan(-0.3);
  });

  test("where nothing is known there is no weight", () => {
    const of = { both: 1, one: 1, other: 1, all: 1 };
    for (const what of ["both", "one", "other", "all"]) expect(pairWeight({ ...of, [what]: 0 })).toBe(0);
  });
});

describe("the weight of a topic", () => {
  test("it is the topic's part of how the time differs, in bits a memory", () => {
    // Half of the time's memories, an eighth of all: one half times log2 of four.
    expect(topicWeight({ there: 50, time: 100, everywhere: 125, all: 1000 })).toBeCloseTo(1, 12);
  });

  test("what is as usual tells nothing, what is rarer less than that", () => {
    expect(topicWeight({ there: 10, time: 100, everywhere: 100, all: 1000 })).toBeCloseTo(0, 12);
    expect(topicWeight({ there: 5, time: 100, everywhere: 100, all: 1000 })).toBeLessThan(0);
  });

  test("where nothing is known there is no weight", () => {
    const of = { there: 1, time: 2, everywhere: 1, all: 4 };
    for (const what of ["there", "time", "everywhere", "all"]) expect(topicWeight({ ...of, [what]: 0 })).toBe(0);
  });
});
