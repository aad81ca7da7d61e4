import type { styleText } from "node:util";
import { columnsOf, graphemesOf } from "../output/columns-of.ts";
import { shorten } from "../output/one-line.ts";

export type Style = Parameters<typeof styleText>[0];

/** A piece of a line, in one style. */
export interface Span {
  readonly text: string;
  readonly style?: Style;
}

/** A line of the screen, from left to right. */
export type Line = readonly Span[];

/** The line as far as it fits into so many columns, with an ellipsis where something is left out. */
export function fitLine(line: Line, columns: number): Line {
  const fitting: Span[] = [];
  let left = columns;
  for (const span of line) {
    if (left <= 0) break;
    const text = shorten(span.text, left);
    fitting.push({ ...span, text });
    left -= columnsOf(text);
    if (text !== span.text) break;
  }
  return fitting;
}

/** How many columns a line takes. */
export function lineColumns(line: Line): number {
  return line.reduce((columns, { text }) => columns + columnsOf(text), 0);
}

/** The text with spaces behind it, up to so many columns; shortened to them if it has more. */
export function padTo(text: string, columns: number): string {
  const fitting = shorten(text, columns);
  return fitting + " ".repeat(Math.max(0, columns - columnsOf(fitting)));
}

/** The end of a text, as much of it as so many columns hold. */
export function lastColumns(text: string, columns: number): string {
  let left = columns - columnsOf(text);
  let start = 0;
  for (const [grapheme, width] of graphemesOf(text)) {
    if (left >= 0) break;
    left += width;
    start += grapheme.length;
  }
  return text.slice(start);
}
