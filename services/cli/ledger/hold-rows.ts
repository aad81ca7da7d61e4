import { compareRows, emptied, isForgotten, type Row } from "./row.ts";

/** How many rows are held; what is older is read again when somebody scrolls there. */
export const ROWS_MAX = 5000;

/** Two lists in the order of the ledger as one, each memory once. */
export function mergeRows(a: readonly Row[], b: readonly Row[]): readonly Row[] {
  const [firstOfB, lastOfA] = [b[0], a.at(-1)];
  if (firstOfB === undefined) return a;
  // The usual case by far: what is new comes behind what is held.
  if (lastOfA === undefined || compareRows(lastOfA, firstOfB) < 0) return [...a, ...b];
  const merged: Row[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    const [left, right] = [a[i], b[j]];
    const order = left === undefined ? 1 : right === undefined ? -1 : compareRows(left, right);
    merged.push((order <= 0 ? left : right) as Row);
    if (order <= 0) i += 1;
    if (order >= 0) j += 1;
  }
  return merged;
}

/** The rows without what was forgotten, in the words of `forgottenBy`. */
export function forgetRows(rows: readonly Row[], words: readonly string[]): readonly Row[] {
  if (words.length === 0) return rows;
  const forgotten = new Set(words);
  return rows.map((row) => (isForgotten(row, forgotten) ? emptied(row) : row));
}
