import { expect, test } from "@jest/globals";
import type { SearchCandidate } from "#services/graph/domain/graph-store.ts";
import { rankHits } from "#services/graph/domain/rank-hits.ts";
import { searchWords } from "#services/graph/domain/search-words.ts";
import { rowsOf } from "#tests/support/graph/rows.ts";

const rows = rowsOf("cc");
const candidate = (name: string, count = 1): SearchCandidate => ({ node: rows.entity(name, { count }), name });
const ranked = (query: string, ...candidates: SearchCandidate[]) =>
  rankHits(searchWords(query), candidates, 100).map(({ name }) => name);

test("whole words come before beginnings, however many memories speak of those", () => {
  expect(ranked("will", candidate("William", 3000), candidate("Will"))).toEqual(["Will", "William"]);
});

test("the longer a beginning, the better it fits", () => {
  expect(ranked("willi", candidate("Williamsburgh"), candidate("William"))).toEqual(["William", "Williamsburgh"]);
});

test("short names come before long ones", () => {
  expect(ranked("batten", candidate("Sir W. Batten and my Lady"), candidate("Batten"))).toEqual([
    "Batten",
    "Sir W. Batten and my Lady",
  ]);
});

test("of names that fit alike the one that more memories speak of comes first, then the lower id", () => {
  const [one, other] = [candidate("Sir W. Pen", 2), candidate("Sir W. Coventry", 9)];
  expect(ranked("sir w", one, other)).toEqual(["Sir W. Coventry", "Sir W. Pen"]);
  const alike = ["a", "b", "c"].map((key) => ({ node: rows.entity(key), name: "Sir" }));
  const ids = rankHits(["sir"], alike, 2).map(({ node }) => node.id);
  expect(ids).toEqual(
    alike
      .map(({ node }) => node.id)
      .sort()
      .slice(0, 2),
  );
});

test("case and accents count for nothing, and whatever was found has a score", () => {
  expect(rankHits(searchWords("élisa"), [candidate("ELISABETH")], 1)[0]?.score).toBeGreaterThan(0);
  expect(rankHits(["x"], [candidate("found by other means")], 1)[0]?.score).toBeGreaterThan(0);
});
