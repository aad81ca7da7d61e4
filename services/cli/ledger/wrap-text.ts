import { graphemesOf } from "../output/columns-of.ts";
import { safeLines } from "../output/one-line.ts";

/** A text in lines of at most so many columns (at least two, which one character may take), broken between words where there are any. */
export function wrapText(text: string, columns: number): string[] {
  return safeLines(text.toWellFormed()).flatMap((line) => wrapLine(line, Math.max(2, columns)));
}

function wrapLine(line: string, columns: number): string[] {
  const lines: string[] = [];
  /** Where the present line begins, where a word may begin in it, and up to where it was looked at. */
  let [begin, word, at] = [0, 0, 0];
  let [columnsToWord, columnsToHere] = [0, 0];
  for (const [grapheme, width] of graphemesOf(line)) {
    // A space at the end of a line may hang over: it is not shown.
    while (grapheme !== " " && columnsToHere + width > columns && at > begin) {
      const end = word > begin ? word : at;
      lines.push(line.slice(begin, end).trimEnd());
      columnsToHere -= end === word ? columnsToWord : columnsToHere;
      [begin, word, columnsToWord] = [end, end, 0];
    }
    at += grapheme.length;
    columnsToHere += width;
    if (grapheme === " ") [word, columnsToWord] = [at, columnsToHere];
  }
  return [...lines, line.slice(begin).trimEnd()];
}
