import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { extractMentions } from "#services/graph/domain/extract/extract-mentions.ts";
import { mentionKeyOf } from "#services/graph/domain/extract/name-key.ts";
import { someMemory } from "#tests/unit/graph/extract/some-memory.ts";

const MIB = 1024 * 1024;

/** A text of nearly 1 MiB of UTF-8. */
function full(part: string): string {
  return part.repeat(Math.floor(MIB / Buffer.byteLength(part)));
}

const PARTS = [
  "[[",
  `[[${"a".repeat(150)}`,
  "@a ",
  "#a",
  "`",
  "` ",
  "``` ",
  "\n```\n",
  "\n  ```\n",
  "Anna ",
  "Anna Karlsson, ",
  "Sir ",
  "Lord High ",
  "Duke of ",
  "St. ",
  "King’s Head ",
  "A",
  "A.",
  "x",
  ". ",
  "…",
  "\n",
  "\n#",
  "my wife ",
  "my uncle Wight ",
  "he with Zork and ",
  "http://",
  "https://a.b/( ",
  "https://a",
  ":",
  "Committee of ",
  "🌍",
  "漢字",
  "e\u0301",
];

describe("a text of 1 MiB that is made to hurt", () => {
  // The time that a book of this length takes is some 50 ms; what grew with its square would take minutes.
  test.each(PARTS.map((part) => [part]))("%j over and over", (part) => {
    const text = full(part);
    const begun = process.cpuUsage();
    const mentions = extractMentions(someMemory({ text }));
    expect(process.cpuUsage(begun).user / 1000).toBeLessThan(5_000);
    expect(mentions.length).toBeLessThanOrEqual(256);
  });

  test("names 256 things at most, the first ones", () => {
    const text = Array.from({ length: 1_000 }, (_, n) => `#tag${n}`).join(" ");
    const mentions = extractMentions(someMemory({ text }));
    expect(mentions).toHaveLength(256);
    expect(mentions.at(-1)?.key).toBe("tag255");
  });

  test("has at most 8 forms and 32 passages of a name, and counts all", () => {
    const forms = ["plot", "Plot", "PLOT", "pLot", "plOt", "ploT", "PLot", "PLOt", "pLOT"];
    const text = Array.from({ length: 90 }, (_, n) => `So #${forms[n % 9]}.`).join(" ");
    const [plot] = extractMentions(someMemory({ text }));
    expect(plot).toMatchObject({ key: "plot", count: 90, forms: forms.slice(0, 8) });
    expect(plot?.passages).toEqual(Array.from({ length: 32 }, (_, n) => n));
  });

  test("a long declared name is cut in its form and its key", () => {
    const [work] = extractMentions(someMemory({ payload: { works: [`${"x".repeat(199)}🌍 and more`] } }));
    expect(work?.key).toBe("x".repeat(199));
    expect(work?.forms).toEqual([`${"x".repeat(199)}\ufffd`]);
  });
});

describe("whatever is written", () => {
  const words = fc.constantFrom(
    ...PARTS,
    ..."Mr. Sir Anna W. Batten’s said Will of the The to at in Tower London my My brother he [Sir] [[ | # ]] St. and , . “ ” ` \n".split(
      " ",
    ),
  );
  const text = fc.array(fc.oneof({ weight: 4, arbitrary: words }, fc.string({ unit: "binary", maxLength: 5 })), {
    maxLength: 60,
  });
  const memory = fc.record({
    text: fc.oneof(
      text.map((parts) => parts.join(" ")),
      text.map((parts) => parts.join("")),
    ),
    source: fc.constantFrom("Samuel Pepys", "git", ""),
    tags: fc.array(fc.string({ maxLength: 8 }), { maxLength: 3 }),
  });

  test("mentions are bounded, ordered, and the same again", () => {
    fc.assert(
      fc.property(memory, (init) => {
        const mentions = extractMentions(someMemory(init));
        expect(extractMentions(someMemory(init))).toEqual(mentions);
        expect(new Set(mentions.map(({ kind, key }) => `${kind} ${key}`)).size).toBe(mentions.length);
        for (const { kind, key, forms, count, passages } of mentions) {
          expect(key).not.toBe("");
          expect(mentionKeyOf(kind, key)).toBe(key);
          expect(forms.length).toBeGreaterThan(0);
          expect(new Set(forms).size).toBe(forms.length);
          expect(count).toBeGreaterThanOrEqual(passages.length);
          expect(passages).toEqual([...new Set(passages)].sort((one, other) => one - other));
        }
      }),
      { numRuns: 150 },
    );
  });
});
