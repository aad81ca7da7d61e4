import { describe, expect, test } from "@jest/globals";
import { chooseTerms } from "#shared/ranking/choose-terms.ts";
import { namedMonths } from "#shared/ranking/named-months.ts";
import { nearestWord } from "#shared/ranking/nearest-word.ts";
import { parseQuery } from "#shared/ranking/parse-query.ts";
import { wordsIn } from "#shared/ranking/words-in.ts";

describe("a query", () => {
  const nothing = { words: [], required: [], excluded: [] };

  test("is words, each once, in small letters", () => {
    expect(parseQuery("(Plague in the  CITY, plague!)")).toEqual({
      ...nothing,
      words: ["plague", "in", "the", "city"],
    });
  });

  test("has what is in quotes as required, whatever the quotes look like", () => {
    expect(parseQuery('fire "St. Paul’s" (“at night”)')).toEqual({
      ...nothing,
      words: ["fire"],
      required: ["st. paul’s", "at night"],
    });
  });

  test("has what follows a minus as excluded; a hyphen within a word is none", () => {
    expect(parseQuery('-wine well-known --beer -"by water" - -')).toEqual({
      ...nothing,
      words: ["well-known"],
      excluded: ["wine", "beer", "by water"],
    });
  });

  test("with quotes that are not closed is words", () => {
    expect(parseQuery('the "great fire')).toEqual({ ...nothing, words: ["the", "great", "fire"] });
    expect(parseQuery('6" pipe "red hot" "iron')).toEqual({
      ...nothing,
      words: ["6", "pipe", "iron"],
      required: ["red hot"],
    });
  });

  test("may hold nothing at all", () => {
    expect(parseQuery(' "" -- ?! "…" ')).toEqual(nothing);
  });
});

describe("months that a query names", () => {
  test.each([
    ["what happened in June 1665", [{ month: 6, year: 1665 }]],
    ["the 7th of September", [{ month: 9 }]],
    ["June 7th, 1665", [{ month: 6, year: 1665 }]],
    ["early in May", [{ month: 5 }]],
    ["may of 1660", [{ month: 5, year: 1660 }]],
    [
      "1665-06 or 1666-12-01",
      [
        { month: 6, year: 1665 },
        { month: 12, year: 1666 },
      ],
    ],
    ["last March or 12 May", [{ month: 3 }, { month: 5 }]],
    ["what may I do on the march", []],
    ["12345-06, 1665-13 and 21665-0612", []],
    ["june", [{ month: 6 }]],
  ])("%s", (text, months) => {
    expect(namedMonths(text)).toEqual(months);
  });
});

describe("the terms that lead to candidates", () => {
  const terms = [
    { lexeme: "the", df: 60_000 },
    { lexeme: "none", df: 0 },
    { lexeme: "city", df: 4000 },
    { lexeme: "plagu", df: 900 },
    { lexeme: "comet", df: 900 },
  ];

  test("are all in a narrow scope, the rarest first, without those that nobody has", () => {
    const all = ["comet", "plagu", "city", "the"];
    expect(chooseTerms(terms, 20_000)).toEqual({ leading: all, all });
  });

  test("are the rarest in a wide one, as long as their counts sum to 5,000", () => {
    expect(chooseTerms(terms, 20_001)).toMatchObject({ leading: ["comet", "plagu"], all: { length: 4 } });
    expect(chooseTerms(terms.slice(2, 4), 20_001).leading).toEqual(["plagu", "city"]);
  });

  test("are one at least, however common", () => {
    expect(chooseTerms(terms.slice(0, 2), 1_000_000).leading).toEqual(["the"]);
    expect(chooseTerms([], 1)).toEqual({ leading: [], all: [] });
  });

  test("are bounded where a page of text is searched for", () => {
    const many = Array.from({ length: 100 }, (_, n) => ({ lexeme: `w${n}`, df: n + 1 }));
    expect(chooseTerms(many, 100).all).toHaveLength(64);
  });
});

describe("the word that was meant", () => {
  const known = [
    { lexeme: "plagu", df: 10 },
    { lexeme: "plain", df: 500 },
    { lexeme: "batten", df: 7 },
    { lexeme: "1665", df: 80 },
    { lexeme: "lord", df: 9 },
    { lexeme: "word", df: 90 },
    { lexeme: "parliament", df: 60 },
    { lexeme: "contrat", df: 3 },
  ];

  test.each([
    ["plaug", "plagu"],
    ["plag", "plagu"],
    ["platgu", "plagu"],
    ["bbatten", "batten"],
    ["bbattne", undefined],
    ["parlaiemnt", "parliament"],
    ["parlimnet", "parliament"],
    ["parlimnt", undefined],
    ["castrat", undefined],
    ["lorx", "lord"],
    ["gord", "word"],
    ["1666", undefined],
    ["wor", undefined],
    ["plxyu", undefined],
    ["elephant", undefined],
  ])("by %s: %s", (word, meant) => {
    expect(nearestWord(word, known)).toBe(meant);
  });

  test("of equals is what begins alike, then the commonest, then the first by its letters", () => {
    const three = [
      { lexeme: "cart", df: 1 },
      { lexeme: "dart", df: 9 },
      { lexeme: "card", df: 1 },
      { lexeme: "care", df: 2 },
    ];
    expect(nearestWord("carx", three)).toBe("care");
    expect(nearestWord("carx", three.slice(0, 3))).toBe("card");
    expect(nearestWord("xart", three)).toBe("dart");
  });
});

test("words have their places, with what belongs to them", () => {
  expect(wordsIn("Don’t stop—Zoë’s café")).toEqual([
    { word: "don’t", start: 0, end: 5 },
    { word: "stop", start: 6, end: 10 },
    { word: "zoë’s", start: 11, end: 16 },
    { word: "café", start: 17, end: 21 },
  ]);
});
