import { runInNewContext } from "node:vm";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { cutPassages, type Stretch } from "#shared/ranking/cut-passages.ts";

const words = (count: number, word = "word"): string => Array.from({ length: count }, () => word).join(" ");
const cut = (text: string): string[] => cutPassages(text).map(({ start, end }) => text.slice(start, end));
const countOf = (text: string): number => text.match(/\S+/g)?.length ?? 0;

describe("a text", () => {
  test("of up to 120 words is one passage, without the space around it", () => {
    expect(cut(`\n ${words(120)} \n`)).toEqual([words(120)]);
  });

  test("without words has no passage", () => {
    expect(cut(" \n\t\n ")).toEqual([]);
    expect(cut("")).toEqual([]);
  });

  test("is cut at paragraphs first, and short ones share a passage", () => {
    const [long, short] = [words(100, "long"), words(10, "short")];
    expect(cut(`${long}\n\n${short}\n \n${short}\n\n${long}`)).toEqual([`${long}\n\n${short}\n \n${short}`, long]);
  });

  test("is cut at sentences where a paragraph is too long", () => {
    const sentence = `${words(49)} end.”`;
    expect(cut(`${sentence} ${sentence}  ${sentence}`)).toEqual([`${sentence} ${sentence}`, sentence]);
  });

  test("is cut between words where a sentence is too long", () => {
    expect(cut(words(300)).map(countOf)).toEqual([120, 120, 60]);
  });

  test("without spaces is cut where it must be, and never within a character", () => {
    const parts = cut(`a${"😀".repeat(2000)}`);
    expect(parts.map(({ length }) => length)).toEqual([1999, 2000, 2]);
    expect(parts.every((part) => part.isWellFormed())).toBe(true);
  });

  test("of another script is cut at its own stops", () => {
    const sentence = `${"雨".repeat(900)}。`;
    expect(cut(sentence.repeat(3))).toEqual([sentence.repeat(2), sentence]);
  });
});

test("passages hold all words, in their order, and none is longer than it may be", () => {
  const piece = fc.oneof(
    fc.constantFrom(" ", "\n", "\n\n", ". ", "! ", "…", "。"),
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc.integer({ min: 1, max: 200 }).map((count) => words(count, "w")),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join("");
      const parts = cutPassages(text);
      let from = 0;
      for (const { start, end } of parts) {
        expect(text.slice(from, start).trim()).toBe("");
        const part = text.slice(start, end);
        expect(part.trim()).toBe(part);
        expect(countOf(part)).toBeLessThanOrEqual(120);
        expect(part.length).toBeLessThanOrEqual(2000);
        from = end;
      }
      expect(text.slice(from).trim()).toBe("");
    }),
  );
});

describe("a text of a stranger", () => {
  const mebibyte = (unit: string): string => `${unit.repeat(Math.ceil(2 ** 20 / unit.length))}a`;

  /**
   * A fuse, not a measure: what is linear takes some tenths of a second for a text of this length, what is quadratic an hour. (It blocks
   * the event loop, so no timer of the test could end it.)
   */
  const cutBeforeTheFuseBlows = (text: string): Stretch[] =>
    runInNewContext("cut(text)", { cut: cutPassages, text }, { timeout: 20_000 }) as Stretch[];

  test.each([
    ...[".", "!", "?", "…", "。", "！", "？", '"', "'", "”", "’", "»", ")", "]", "\n", " ", "a"],
    ...['."', "\"'", ".…!?", ".)", ". ", "a ", "a.", " \n", "\n\t", "。.", "雨。", ".....'x ", "a              "],
  ])("of a mebibyte of %j is cut in linear time", (unit) => {
    const text = mebibyte(unit);
    const parts = cutBeforeTheFuseBlows(text);
    expect(parts.every(({ start, end }) => end - start <= 2000)).toBe(true);
    expect(parts.at(-1)).toMatchObject({ end: text.length });
  });

  test("that a quadratic one would not be, would be found", () => {
    const quadratic = (text: string): number => text.search(/[.]+\s/u);
    const run = () => runInNewContext("search(text)", { search: quadratic, text: mebibyte(".") }, { timeout: 200 });
    expect(run).toThrow(/timed out/);
  });
});

test("what is cut is what was always cut: a word that two stops share is counted once", () => {
  const text = `${"雨。".repeat(130)} ${words(118)} end`;
  expect(cut(text)).toEqual([text]);
  expect(cut(`${text} more`)).toEqual(["雨。".repeat(130), `${words(118)} end more`]);
});
