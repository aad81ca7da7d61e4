import { describe, expect, test } from "@jest/globals";
import { type Answered, measureRecall, placeOf } from "#tests/performance/recall/measure-recall.ts";
import { reportRecall } from "#tests/performance/recall/report-recall.ts";

/** An answer whose memories have the keys given, 400 characters (100 tokens) each. */
function answered(evidence: string[], keys: string[], changes: Partial<Answered["question"]> = {}): Answered {
  const question = {
    id: keys.join(),
    question: "?",
    kind: "single",
    half: "development" as const,
    evidence,
    ...changes,
  };
  return { question, found: keys.map((key) => ({ key, characters: 400 })), tookMs: 1 };
}

/** `n` memories that answer nothing. */
const noise = (n: number): string[] => Array.from({ length: n }, (_, index) => `noise ${index}`);

describe("recall", () => {
  test("is the share of the evidence among the first 5, 10, 20", () => {
    const { atDepth } = measureRecall([answered(["a", "b"], [...noise(4), "a", ...noise(4), "b"])]);
    expect(atDepth).toEqual([0.5, 1, 1]);
  });

  test("of several questions is their mean, however much evidence each has", () => {
    const { atDepth, questions } = measureRecall([
      answered(["a"], ["a"]),
      answered(["b", "c", "d"], ["b"]),
      answered(["e"], noise(30)),
    ]);
    expect(questions).toBe(3);
    expect(atDepth[0]).toBeCloseTo((1 + 1 / 3) / 3);
  });

  test("within tokens counts memories that fit as a whole, from the best on, at 4 characters a token", () => {
    const { withinTokens } = measureRecall([answered(["a"], [...noise(4), "a"])]);
    expect(withinTokens).toEqual([1, 1, 1, 1]);
    expect(measureRecall([answered(["a"], [...noise(5), "a"])]).withinTokens).toEqual([0, 1, 1, 1]);
    const long = answered(["a"], ["long", "a"]);
    const found = [{ key: "long", characters: 8_001 }, ...long.found.slice(1)];
    expect(measureRecall([{ ...long, found }]).withinTokens).toEqual([0, 0, 0, 1]);
  });

  test("begins with the place of the first evidence: the mean of 1 / place, 0 where there is none", () => {
    const answers = [answered(["a", "b"], [...noise(3), "b", "a"]), answered(["c"], noise(3))];
    expect(answers.map(placeOf)).toEqual([4, undefined]);
    expect(measureRecall(answers).reciprocalRank).toBe(1 / 8);
  });

  test("comes with how long the answers took", () => {
    const answers = [1, 2, 3].map((tookMs) => ({ ...answered(["a"], ["a"]), tookMs }));
    expect(measureRecall(answers)).toMatchObject({ p50Ms: 2, p99Ms: 2 });
  });
});

describe("the report", () => {
  const all = [
    answered(["a"], ["a"]),
    answered(["b"], ["b"], { half: "held-out" }),
    answered(["c"], [], { kind: "time", half: "held-out" }),
  ];

  test("tells all questions, each half and each kind apart", () => {
    const { rows, title } = reportRecall(new Map([["ours", all]]), 1_000);
    expect(rows.map(([name, count, first]) => [name, count, first])).toEqual([
      ["ours", 3, "66.7"],
      ["  development", 1, "100.0"],
      ["  held-out", 2, "50.0"],
      ["  single", 2, "100.0"],
      ["  time", 1, "0.0"],
    ]);
    expect(title).toContain("3 questions about 1,000 memories");
  });

  test("does not tell twice what is one half and one kind", () => {
    const { rows } = reportRecall(new Map([["ours", all.slice(0, 1)]]), 1);
    expect(rows.map(([name]) => name)).toEqual(["ours"]);
  });

  test("has a cell for each column", () => {
    const { rows, columns } = reportRecall(new Map([["ours", all]]), 1);
    for (const row of rows) expect(row).toHaveLength(columns.length);
  });
});
