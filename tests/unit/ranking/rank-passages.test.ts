import { describe, expect, test } from "@jest/globals";
import { bm25, idfOf } from "#shared/ranking/bm25.ts";
import { type Collection, type RankedPassage, rankPassages } from "#shared/ranking/rank-passages.ts";

const collection: Collection = {
  passages: 1000,
  words: 50_000,
  df: new Map([
    ["plagu", 10],
    ["citi", 200],
  ]),
};
const nobody = { words: new Set<string>(), asker: "", months: [] };

function passage(position: number, counts: Record<string, number> = {}, over: Partial<RankedPassage> = {}) {
  return {
    module: "m",
    position,
    part: 0,
    session: "s",
    source: "editor",
    year: 1665,
    month: 6,
    occurred: position,
    isWanted: true,
    length: 50,
    frequencies: new Map(Object.entries(counts)),
    ...over,
  };
}

const rank = (passages: readonly RankedPassage[], wishes: Partial<typeof nobody> & { asker?: string } = {}) =>
  rankPassages(passages, collection, { ...nobody, ...wishes });
const order = (passages: readonly RankedPassage[]) => rank(passages).map((hit) => hit.passage.position);

describe("BM25", () => {
  const idf = new Map([["plagu", 2]]);
  const score = (frequency: number, length: number) =>
    bm25({ frequencies: new Map([["plagu", frequency]]), length }, idf, 50);

  test("is what the formula says", () => {
    expect(score(1, 50)).toBeCloseTo(2);
    expect(score(3, 100)).toBeCloseTo((2 * 3 * 2.2) / (3 + 1.2 * (0.25 + 0.75 * 2)));
    expect(idfOf(10, 1000)).toBeCloseTo(Math.log(1 + 990.5 / 10.5));
  });

  test("of a term that nobody counted is 0, and no count is beyond its collection", () => {
    expect(bm25({ frequencies: new Map([["else", 4]]), length: 10 }, idf, 0)).toBe(0);
    expect(idfOf(10, 3)).toBeGreaterThan(0);
  });
});

describe("the ranking", () => {
  test("prefers rare words to common ones, more of them, and shorter passages", () => {
    expect(
      order([
        passage(10, { citi: 1 }, { session: "" }),
        passage(20, { plagu: 1 }, { session: "", length: 100 }),
        passage(30, { plagu: 1 }, { session: "" }),
        passage(40, { plagu: 1, citi: 1 }, { session: "" }),
        passage(50, {}, { session: "" }),
      ]),
    ).toEqual([40, 30, 20, 10]);
  });

  test("a passage's parts are its own words and those around it", () => {
    const [first, second] = rank([passage(1, { plagu: 1 }), passage(2), passage(3)]);
    const idf = idfOf(10, 1000);
    expect(first!.score.passage).toBeCloseTo(idf);
    const around = (2.2 * idf) / (1 + 1.2);
    expect(first!.score).toMatchObject({
      window: expect.closeTo(around),
      total: expect.closeTo(idf + around),
      boosts: [],
    });
    expect(second).toMatchObject({ passage: { position: 3 }, score: { passage: 0, window: expect.closeTo(around) } });
  });

  test("what is more than two passages away is no neighbour, nor what belongs to another session or module", () => {
    expect(order([passage(1, { plagu: 1 }), passage(2), passage(3), passage(4), passage(5)])).toEqual([1, 3, 2]);
    expect(order([passage(1, { plagu: 1 }), passage(2, {}, { session: "t" })])).toEqual([1]);
    expect(order([passage(1, { plagu: 1 }), passage(2, {}, { module: "n" })])).toEqual([1]);
  });

  test("without a session the neighbours are those of the memory", () => {
    const alone = { session: "" };
    const hits = rank([passage(1, {}, alone), passage(1, { plagu: 1 }, { ...alone, part: 1 }), passage(2, {}, alone)]);
    expect(hits).toMatchObject([{ passage: { position: 1, part: 1 } }]);
  });

  test("a memory is there once, by its best passage", () => {
    const parts = [passage(1, { citi: 1 }), passage(1, { plagu: 2 }, { part: 1 }), passage(1, {}, { part: 2 })];
    expect(rank(parts).map((hit) => hit.passage.part)).toEqual([1]);
  });

  test("what is not wanted is context alone", () => {
    const hits = rank([passage(1, { plagu: 1 }, { isWanted: false }), passage(2)]);
    expect(hits).toMatchObject([{ passage: { position: 2 }, score: { passage: 0 } }]);
  });

  test("ties go to what happened last, then to what was recorded last, then by module", () => {
    const same = (position: number, over: Partial<RankedPassage>) =>
      passage(position, { plagu: 1 }, { session: "", occurred: 5, ...over });
    expect(order([same(1, {}), same(2, { occurred: 9 }), same(3, {})])).toEqual([2, 3, 1]);
    const modules = [same(1, { module: "z" }), same(1, { module: "a" })];
    for (const each of [modules, modules.toReversed()]) {
      expect(rank(each).map((hit) => hit.passage.module)).toEqual(["a", "z"]);
    }
  });

  test("an index without words ranks nothing, and fails at nothing", () => {
    expect(rankPassages([passage(1)], { passages: 0, words: 0, df: new Map() }, nobody)).toEqual([]);
  });
});

describe("boosts", () => {
  const boosted = (over: Partial<RankedPassage>, wishes: object) =>
    rank([passage(1, { plagu: 1 }, over)], wishes)[0]!.score;

  test("a source that the query names counts x 1.2; titles and small words name nobody", () => {
    const words = new Set(["what", "said", "the", "sir", "pepys"]);
    const { boosts, total, passage: own, window } = boosted({ source: "Samuel Pepys" }, { words });
    expect(boosts).toEqual([{ reason: "source named", factor: 1.2 }]);
    expect(total).toBeCloseTo((own + window) * 1.2);
    expect(boosted({ source: "Sir The We" }, { words }).boosts).toEqual([]);
  });

  test("what the asker said counts x 1.5, however it is written", () => {
    const asker = { reason: "asker", factor: 1.5 };
    expect(boosted({ source: "Ann" }, { asker: "ann" }).boosts).toEqual([asker]);
    expect(boosted({ source: "Anna" }, { asker: "ann" }).boosts).toEqual([]);
    expect(boosted({ source: "" }, { asker: "" }).boosts).toEqual([]);
  });

  test("a month that the query names counts x 2, of the year that it names", () => {
    const month = { reason: "month named", factor: 2 };
    expect(boosted({}, { months: [{ month: 6 }] }).boosts).toEqual([month]);
    expect(boosted({}, { months: [{ month: 6, year: 1665 }] }).boosts).toEqual([month]);
    expect(boosted({}, { months: [{ month: 6, year: 1666 }, { month: 7 }] }).boosts).toEqual([]);
  });
});
