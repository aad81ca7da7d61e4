import { describe, expect, test } from "@jest/globals";
import { extractMentions } from "#services/graph/domain/extract/extract-mentions.ts";
import { namesIn, someMemory } from "./some-memory.ts";

describe("a place is found", () => {
  test.each<[string, string, string[]]>([
    [
      "that is well known",
      "from Lisbon to Porto, in the United States and New York",
      ["place lisbon", "place porto", "place united states", "place new york"],
    ],
    [
      "by its last word",
      "in Fleet Street, Hyde Park, Paul’s Churchyard and King Street",
      ["place fleet street", "place hyde park", "place paul’s churchyard", "place king street"],
    ],
    [
      "by its last word in small letters",
      "to Lombard street and Lincoln’s Inn fields",
      ["place lombard street", "place lincoln’s inn fields"],
    ],
    ["by its last part", "rode to Newmarket-heath, Mile-end", ["place newmarket-heath", "place mile-end"]],
    ["by its first word", "saw Mount Etna and the Isle of Wight", ["place mount etna", "place isle of wight"]],
    [
      "called after a saint",
      "to St. James’s, St. James’s Park and St. Petersburg",
      ["place st. james’s", "place st. james’s park", "place st. petersburg"],
    ],
    [
      "with an article",
      "She was in the Tower, at the Dolphin, and the Old Swan.",
      ["place tower", "place dolphin", "place old swan"],
    ],
    [
      "where one goes",
      "He rode by coach to Bigglesworth, and stayed at Winchcombe.",
      ["place bigglesworth", "place winchcombe"],
    ],
    ["in a region", "the town of Foulmer", ["place foulmer"]],
    ["that is a word too, where one is in it", "Reading is nice. In Reading I slept.", ["place reading"]],
  ])("%s", (_fact, text, names) => {
    expect(namesIn(text)).toEqual(names);
  });

  test.each<[string, string]>([
    ["a ship", "He sailed in the Plymouth and the Dover."],
    ["a word at the beginning", "Nice work. Deal with it. Bath time. Turkey is tasty."],
    ["what any town has", "to the Park, the Hall, the House, Office"],
    ["technique", "He wrote it in Rust, moved it to Redis, and ran it on Linux."],
  ])("%s is none", (_fact, text) => {
    expect(namesIn(text)).toEqual([]);
  });

  test("a person who is called like one is a person", () => {
    expect(namesIn("Anna Park and Jack London met Jordan Peterson in Jordan, near Victoria Park.")).toEqual([
      "person anna park",
      "person jack london",
      "person jordan peterson",
      "place jordan",
      "place victoria park",
    ]);
    expect(namesIn("I saw Mr. Coventry, and Coventry told me of Coventry.")).toEqual(["person mr. coventry"]);
  });
});

describe("an organisation is found", () => {
  test.each<[string, string, string[]]>([
    [
      "that is well known",
      "at Google, the Royal Society, and before Parliament",
      ["organisation google", "organisation royal society", "organisation parliament"],
    ],
    [
      "by its last word",
      "joined the East India Company and Harvard University",
      ["organisation east india company", "organisation harvard university"],
    ],
    [
      "by its first word",
      "the Committee for Tangier, University of Oxford, Bank of New England, Council of the Royal Society",
      [
        "organisation committee for tangier",
        "organisation university of oxford",
        "organisation bank of new england",
        "organisation council of the royal society",
      ],
    ],
  ])("%s", (_fact, text, names) => {
    expect(namesIn(text)).toEqual(names);
  });

  test("a word of a sentence’s beginning is none", () => {
    expect(
      namesIn("Weekly Board meeting. Office hours. Court of King James. Committee of I. Board. A Bank’s of England"),
    ).toEqual(["person king james", "place england"]);
  });
});

describe("a passage", () => {
  test("is a sentence; an abbreviation ends none", () => {
    const text = "Mr. Crew came at 5 p.m. to London. “Go!” said Anna… Then Anna slept. etc. and Anna.\n\nAnna\n- Anna";
    expect(extractMentions(someMemory({ text })).map(({ key, passages }) => [key, passages])).toEqual([
      ["mr. crew", [0]],
      ["london", [0]],
      ["anna", [1, 2, 3, 4]],
    ]);
  });
});
