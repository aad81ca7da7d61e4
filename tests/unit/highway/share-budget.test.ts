import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { shareBudget } from "#shared/highway/share-budget.ts";

const demands = fc.array(fc.nat({ max: 1_000_000 }), { maxLength: 30 });
const sum = (list: readonly number[]): number => list.reduce((left, right) => left + right, 0);

describe("a shared budget", () => {
  test("is never exceeded, and nobody gives up anything as long as there is enough", () => {
    fc.assert(
      fc.property(demands, fc.nat({ max: 10_000_000 }), (list, total) => {
        const level = shareBudget(list, total);
        expect(sum(list.map((demand) => Math.min(demand, level)))).toBeLessThanOrEqual(total);
        expect(level === Number.POSITIVE_INFINITY).toBe(sum(list) <= total);
      }),
    );
  });

  test("is used up: a level higher by one would not do", () => {
    fc.assert(
      fc.property(demands, fc.nat({ max: 10_000_000 }), (list, total) => {
        const level = shareBudget(list, total);
        fc.pre(Number.isFinite(level));
        expect(sum(list.map((demand) => Math.min(demand, level + 1)))).toBeGreaterThan(total);
      }),
    );
  });

  test("leaves small ones whole", () => {
    expect(shareBudget([1, 10, 100, 1_000], 111)).toBe(50);
    expect(shareBudget([], 0)).toBe(Number.POSITIVE_INFINITY);
  });
});
