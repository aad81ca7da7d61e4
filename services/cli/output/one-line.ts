import { graphemesOf } from "./columns-of.ts";

// Controls, bidirectional overrides and the like would let a text rewrite the terminal it is shown on.
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
const SPACES = /\s+/gu;

/** The text on a single line, without anything that a terminal would act upon. */
export function oneLine(text: string): string {
  return text.replace(SPACES, " ").replace(UNSAFE, "").trim();
}

/** The text as it is, line by line, without anything else that a terminal would act upon. */
export function safeLines(text: string): string[] {
  return text.split(/\r?\n/).map((line) => line.replaceAll("\t", "    ").replace(UNSAFE, ""));
}

/** The text's first columns, the last of them an ellipsis if something is left out. */
export function shorten(text: string, columns: number): string {
  let used = 0;
  let end = 0;
  let cut = 0;
  for (const [grapheme, width] of graphemesOf(text)) {
    used += width;
    if (used > columns) return `${text.slice(0, cut)}…`;
    end += grapheme.length;
    if (used < columns) cut = end;
  }
  return text;
}
