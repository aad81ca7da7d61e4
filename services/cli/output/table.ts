import { columnsOf, oneLine } from "./one-line.ts";
import type { Output } from "./output.ts";

/** Rows below their headings, in columns as wide as the widest of their cells; columns that are empty throughout are left out. */
export function tableLines(out: Output, headings: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = rows.map((row) => row.map(oneLine));
  const shown = headings.map((_, column) => column).filter((column) => cells.some((row) => row[column] !== ""));
  const widthOf = (column: number): number =>
    Math.max(...[headings, ...cells].map((row) => columnsOf(row[column] as string)));
  const widths = new Map(shown.map((column) => [column, widthOf(column)]));
  const line = (row: readonly string[]): string =>
    shown
      .map((column) => pad(row[column] as string, widths.get(column) as number))
      .join("  ")
      .trimEnd();
  return [out.style("dim", line(headings)), ...cells.map(line)];
}

/** Names and values, one below the other; those without a value are left out. */
export function fieldLines(out: Output, fields: readonly (readonly [name: string, value: string])[]): string[] {
  const filled = fields.filter(([, value]) => value !== "");
  const width = Math.max(...filled.map(([name]) => name.length));
  return filled.map(([name, value]) => `${out.style("dim", name.padEnd(width))}  ${oneLine(value)}`);
}

function pad(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - columnsOf(text)));
}
