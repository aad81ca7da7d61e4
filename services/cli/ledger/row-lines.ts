import { columnsOf } from "../output/columns-of.ts";
import { searchPattern } from "./find-row.ts";
import { type Line, padTo, type Span, type Style } from "./line.ts";
import type { Row } from "./row.ts";

/** A column of the list, in the order of the screen. */
interface Column {
  readonly wordOf: (row: Row) => string;
  readonly style: Style;
  /** More than that of it is not shown. */
  readonly columnsMax: number;
  /** Where the terminal is too narrow for all, the one with the lowest number stays longest. */
  readonly rank: number;
}

const COLUMNS: readonly Column[] = [
  { wordOf: ({ when }) => when, style: "cyan", columnsMax: 20, rank: 2 },
  { wordOf: ({ module, position }) => `${module}/${position}`, style: "dim", columnsMax: 32, rank: 1 },
  { wordOf: ({ type }) => type, style: "yellow", columnsMax: 24, rank: 3 },
  { wordOf: ({ source }) => source, style: "green", columnsMax: 24, rank: 4 },
  { wordOf: recorderOf, style: "magenta", columnsMax: 20, rank: 5 },
];

const GAP = "  ";
/** What stands before the row that keys are about, and before the others. */
const [MARKED, UNMARKED] = ["> ", "  "];
/** The text keeps this share of a line, and so many columns of it, however much there is to say beside. */
const [TEXT_SHARE, TEXT_COLUMNS_MIN] = [0.4, 12];

export interface ListLook {
  readonly columns: number;
  /** The row that keys are about, by its place among these. */
  readonly selected: number;
  readonly search: string;
}

/** Rows of the list as lines, in columns as wide as what stands in them. */
export function rowLines(rows: readonly Row[], { columns, selected, search }: ListLook): readonly Line[] {
  const shown = columnsThatFit(rows, columns);
  const pattern = searchPattern(search);
  return rows.map((row, index) => {
    const isSelected = index === selected;
    const cells = shown.map(
      ({ column, width }): Span => ({ text: padTo(column.wordOf(row), width), style: column.style }),
    );
    const spans = [
      { text: isSelected ? MARKED : UNMARKED },
      ...cells.flatMap((cell) => [cell, { text: GAP }]),
      { text: row.text },
    ];
    const found = pattern === undefined ? spans : spans.flatMap((span) => markFound(span, pattern));
    return isSelected ? found.map((span) => ({ ...span, style: asSelected(span.style) })) : found;
  });
}

function asSelected(style: Style | undefined): Style {
  // Dimmed and inverse at once cannot be read on many terminals.
  const styles = style === undefined || style === "dim" ? [] : [style].flat();
  return [...styles, "inverse"] as Style;
}

function recorderOf({ by, source }: Row): string {
  return by === "" || by === "local" || by === "owner" || by === source ? "" : `by ${by}`;
}

/** The columns that leave the text its share, with their widths; one that is empty throughout is left out. */
function columnsThatFit(rows: readonly Row[], columns: number): { column: Column; width: number }[] {
  const filled = COLUMNS.map((column) => ({ column, width: widthOf(column, rows) })).filter(({ width }) => width > 0);
  let left = Math.min(columns * (1 - TEXT_SHARE), columns - TEXT_COLUMNS_MIN) - MARKED.length;
  const fitting = new Set<Column>();
  for (const { column, width } of filled.toSorted((a, b) => a.column.rank - b.column.rank)) {
    left -= width + GAP.length;
    if (left < 0) break;
    fitting.add(column);
  }
  return filled.filter(({ column }) => fitting.has(column));
}

function widthOf({ wordOf, columnsMax }: Column, rows: readonly Row[]): number {
  return Math.min(
    columnsMax,
    rows.reduce((widest, row) => Math.max(widest, columnsOf(wordOf(row))), 0),
  );
}

/** A piece of a line with what was searched for set off. */
function markFound(span: Span, pattern: RegExp): readonly Span[] {
  const spans: Span[] = [];
  let at = 0;
  for (const { index, 0: found } of span.text.matchAll(pattern)) {
    spans.push({ ...span, text: span.text.slice(at, index) }, { text: found, style: FOUND });
    at = index + found.length;
  }
  return [...spans, { ...span, text: span.text.slice(at) }].filter(({ text }) => text !== "");
}

const FOUND: Style = ["bold", "underline"];
