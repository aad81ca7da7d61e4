import type { Model, Size } from "./model.ts";

/** Rows of a terminal from which on there is one for the keys that are useful now. */
const HINTS_FROM_ROWS = 5;

/** Lines of the screen below the list: how things stand, and what may be typed. */
export function linesBelow({ rows }: Size): number {
  return rows >= HINTS_FROM_ROWS ? 2 : 1;
}

/** How many rows of the list are on the screen. */
export function rowsShown(size: Size): number {
  return Math.max(0, size.rows - linesBelow(size));
}

/** The model with its selected row on the screen, and no more of the screen empty than must be (L2). */
export function settle(model: Model): Model {
  const { rows, following } = model;
  const last = Math.max(0, rows.length - 1);
  const selected = following ? last : Math.min(Math.max(0, model.selected), last);
  const shown = rowsShown(model.size);
  const lowest = Math.max(0, selected - Math.max(0, shown - 1));
  const top = Math.min(Math.max(lowest, Math.min(model.top, selected)), Math.max(0, rows.length - shown));
  return { ...model, selected, top };
}
