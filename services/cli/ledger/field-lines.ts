import type { Line, Style } from "./line.ts";
import { wrapText } from "./wrap-text.ts";

/** Columns of a terminal from which on a value stands beside its name, not below it. */
const BESIDE_FROM_COLUMNS = 50;
const INDENT_COLUMNS = 2;

export interface FieldLook {
  readonly columns: number;
  /** How many of them the names have. */
  readonly nameColumns: number;
  readonly style: Style;
}

/** A name and what it stands for, in lines of at most so many columns. */
export function fieldLines(name: string, value: string, { columns, nameColumns, style }: FieldLook): readonly Line[] {
  const isBeside = columns >= BESIDE_FROM_COLUMNS;
  const indent = isBeside ? nameColumns : INDENT_COLUMNS;
  const margin = " ".repeat(indent);
  const lines = wrapText(value, columns - indent).map((text): Line => [{ text: margin }, { text }]);
  if (!isBeside) return [[{ text: name, style }], ...lines];
  const [[, first] = [], ...others] = lines;
  return [[{ text: name.padEnd(indent), style }, ...(first === undefined ? [] : [first])], ...others];
}
