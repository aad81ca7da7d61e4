import { columnsOf } from "./columns-of.ts";
import { oneLine, shorten } from "./one-line.ts";
import type { Output } from "./output.ts";

/** How the columns of a table are laid out, each named by its place among the headings. */
export interface TableLayout {
  /** Numbers: flush right. */
  readonly right?: readonly number[];
  /** The one that gives way where the terminal is too narrow for all. */
  readonly gives?: number;
}

/** Columns that what gives way keeps, however narrow the terminal. */
const GIVING_COLUMNS_MIN = 12;
const GAP = "  ";

/** Rows below their headings, in columns as wide as the widest of their cells; columns that are empty throughout are left out. */
export function tableLines(
  out: Output,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  { right = [], gives }: TableLayout = {},
): string[] {
  const cells = rows.map((row) => row.map(oneLine));
  const shown = headings.map((_, column) => column).filter((column) => cells.some((row) => row[column] !== ""));
  const widthOf = (column: number): number =>
    // Not as arguments of one call: an engine takes only so many.
    [headings, ...cells].reduce((widest, row) => Math.max(widest, columnsOf(row[column] as string)), 0);
  const widths = new Map(shown.map((column) => [column, widthOf(column)]));
  if (gives !== undefined && out.columns !== undefined) giveWay(widths, gives, out.columns);
  const line = (row: readonly string[]): string =>
    shown
      .map((column) => pad(row[column] as string, widths.get(column) as number, right.includes(column)))
      .join(GAP)
      .trimEnd();
  return [out.style("dim", line(headings)), ...cells.map(line)];
}

/** Names and values, one below the other; those without a value are left out. */
export function fieldLines(out: Output, fields: readonly (readonly [name: string, value: string])[]): string[] {
  const filled = fields.filter(([, value]) => value !== "");
  const width = Math.max(...filled.map(([name]) => name.length));
  return filled.map(([name, value]) => `${out.style("dim", name.padEnd(width))}  ${oneLine(value)}`);
}

function giveWay(widths: Map<number, number>, column: number, columns: number): void {
  const width = widths.get(column);
  if (width === undefined) return;
  const all = [...widths.values()].reduce((sum, each) => sum + each, GAP.length * (widths.size - 1));
  if (all > columns) widths.set(column, Math.max(GIVING_COLUMNS_MIN, width - (all - columns)));
}

function pad(text: string, columns: number, right: boolean): string {
  const fitting = shorten(text, columns);
  const space = " ".repeat(Math.max(0, columns - columnsOf(fitting)));
  return right ? space + fitting : fitting + space;
}
