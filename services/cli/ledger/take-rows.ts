// What comes from the server into the rows that are held.
import { forgetRows, mergeRows, ROWS_MAX } from "./hold-rows.ts";
import type { Model, Step } from "./model.ts";
import { compareRows, FORGOTTEN_TYPE, isForgotten, type Row, UNLINKED_TYPE } from "./row.ts";

/** What was recorded since the last time, in the order in which it came. */
export interface Recorded {
  readonly kind: "recorded";
  readonly rows: readonly Row[];
  /** What was forgotten, in the words of `forgottenBy`. */
  readonly forgotten: readonly string[];
}

export interface ReadRows {
  readonly kind: "readRows";
  /** What came before this row; undefined: the newest. */
  readonly before: Row | undefined;
  /** In the order of the ledger, without a gap. */
  readonly rows: readonly Row[];
  /** Whether there are more before them. */
  readonly more: boolean;
}

export function takeRecorded(model: Model, { rows, forgotten }: Recorded): Step {
  const wanted = rows.filter((row) => isWanted(row, model)).toSorted(compareRows);
  const step = forget(model, forgotten);
  // A page that is on its way may still have what was forgotten meanwhile.
  const late = model.older === "reading" ? [...model.forgotten, ...forgotten] : [];
  return { ...step, model: addNewer({ ...step.model, forgotten: late }, forgetRows(wanted, forgotten)) };
}

/** What was forgotten is held no longer, and is not shown (L4). */
function forget(model: Model, forgotten: readonly string[]): Step {
  const rows = forgetRows(model.rows, forgotten);
  const { mode } = model;
  if (mode.kind !== "details" || !isForgotten(mode.row, new Set(forgotten)))
    return { model: { ...model, rows }, effects: [] };
  const emptied: Model = { ...model, rows, mode: { ...mode, memory: undefined, lines: [], scrolled: 0 } };
  return { model: emptied, effects: [{ kind: "readMemory", row: mode.row }] };
}

/** What tells of a forgetting passes filters, so that it is never missed; shown is it only to those who asked for it. */
function isWanted({ type }: Row, { filters }: Model): boolean {
  if (type !== FORGOTTEN_TYPE && type !== UNLINKED_TYPE) return true;
  const { type: types, ...others } = filters;
  // A forgetting passes all of them, the end of a link that of types alone (followingFilter).
  if (type === FORGOTTEN_TYPE && Object.values(others).some((value) => value !== undefined)) return false;
  return types === undefined || types.some((each) => each === type || isBelow(type, each));
}

const isBelow = (type: string, wanted: string): boolean =>
  wanted.endsWith(".*") && type.startsWith(wanted.slice(0, -1));

function addNewer(model: Model, rows: readonly Row[]): Model {
  const unseen = model.following ? 0 : model.unseen + rows.length;
  if (model.cut) return { ...model, unseen };
  // Between one that is older than all that are held and these may be others (L1).
  const [first] = model.rows;
  const fitting =
    first === undefined || model.older === "none" ? rows : rows.filter((row) => compareRows(row, first) > 0);
  return hold({ ...model, unseen }, mergeRows(model.rows, fitting));
}

export function takeRead(reading: Model, { before, rows: read, more }: ReadRows): Model {
  const rows = forgetRows(read, reading.forgotten);
  const model: Model = { ...reading, forgotten: [] };
  const older = more ? "some" : "none";
  const [first] = model.rows;
  if (before === undefined) {
    const [start] = rows;
    const kept = start === undefined || !more ? model.rows : model.rows.filter((row) => compareRows(row, start) > 0);
    return hold({ ...model, older }, mergeRows(rows, kept));
  }
  // The rows before which these stand were let go of meanwhile: they would leave a gap.
  if (first === undefined || compareRows(first, before) !== 0) return { ...model, older: "some" };
  return hold({ ...model, older }, [...rows, ...model.rows]);
}

/** The model with these rows, those that are too many let go of at the end that is farther from the reader. */
function hold(model: Model, rows: readonly Row[]): Model {
  const chosen = model.rows[model.selected];
  const moved = chosen === undefined || model.following ? 0 : placeOf(chosen, rows) - model.selected;
  const held = { ...model, rows, selected: model.selected + moved, top: model.top + moved };
  const excess = rows.length - ROWS_MAX;
  if (excess <= 0) return held;
  if (!model.following && held.selected < rows.length / 2) return { ...held, rows: rows.slice(0, ROWS_MAX), cut: true };
  const older = model.older === "none" ? "some" : model.older;
  return { ...held, rows: rows.slice(excess), selected: held.selected - excess, top: held.top - excess, older };
}

/** Where a row stands in a list in the order of the ledger that has it. */
function placeOf(row: Row, rows: readonly Row[]): number {
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareRows(rows[middle] as Row, row) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
