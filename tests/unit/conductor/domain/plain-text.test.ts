import { describe, expect, test } from "@jest/globals";
import { plainText } from "#services/conductor/domain/plain-text.ts";

describe("a text as the database reads it", () => {
  test.each([
    ["Midsummer’s ‘eve’", "Midsummer's 'eve'"],
    ["“So”—he said… „nun“ «où» ¿qué?", " So he said nun où qué?"],
    ["1664–1665", "1664 1665"],
    ["well‐known, well\u2011known", "well-known, well-known"],
    ["a\u00A0plague\u3000of\u200Bwords", "a plague of words"],
    ["雨。水，火", "雨 水 火"],
    ["20° 5€ fire😀❤️ 👨\u200D👩\u200D👧.", "20 5 fire ."],
    ["cafe\u0301", "café"],
    ["नमस्ते क्\u200Dष می\u200Cخواهم", "नमस्ते क्\u200Dष می\u200Cخواهم"],
    ['it\'s -a- "plain" [text] $5 a+b\n\t', 'it\'s -a- "plain" [text] $5 a+b\n\t'],
  ])("%j is %j", (text, plain) => {
    expect(plainText(text).replaceAll(/ +/g, " ")).toBe(plain);
  });
});
