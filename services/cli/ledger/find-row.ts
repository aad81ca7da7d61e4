import type { Row } from "./row.ts";

/** What is searched for, as a pattern: letter for letter, in either case. Undefined: nothing. */
export function searchPattern(search: string): RegExp | undefined {
  return search === "" ? undefined : new RegExp(search.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, escaped), "giu");
}

/** By its number: a pattern for Unicode takes a backslash before few characters. */
function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`;
}

/**
 * The next row that has it, from `from` (that one last) and on around the end; -1: none has. `step` is 1 towards the newer, -1 towards
 * the older.
 */
export function findRow(rows: readonly Row[], search: string, from: number, step: 1 | -1): number {
  const pattern = searchPattern(search);
  if (pattern === undefined) return -1;
  for (let distance = 1; distance <= rows.length; distance += 1) {
    const at = (from + step * distance + rows.length * 2) % rows.length;
    if (has(rows[at] as Row, pattern)) return at;
  }
  return -1;
}

function has(row: Row, pattern: RegExp): boolean {
  return wordsOf(row).some((words) => words.search(pattern) >= 0);
}

function wordsOf({ text, type, source, by, also, when, module, position }: Row): readonly string[] {
  return [text, type, source, by, also, when, `${module}/${position}`];
}
