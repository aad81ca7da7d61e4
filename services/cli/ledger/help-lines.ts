import { fieldLines } from "./field-lines.ts";
import { ROWS_MAX } from "./hold-rows.ts";
import type { Line } from "./line.ts";
import { TEXT_MAX } from "./row.ts";
import { wrapText } from "./wrap-text.ts";

const KEYS: readonly (readonly [keys: string, purpose: string])[] = [
  ["up, down, k, j", "one memory up or down"],
  ["page up, page down", "a screen up or down; what is older is read as you come to it"],
  ["home, g", "the oldest that is held"],
  ["end, G, f", "the newest, and follow what is recorded"],
  ["space", "pause, and what is recorded meanwhile is counted; again: follow"],
  ["enter", "all of one memory"],
  ["/", "search in what is held, from here to the older"],
  ["n, N", "the next that has it: to the older, to the newer"],
  ["esc", "search no longer"],
  ["t, s", "only these types, only these sources; nothing: all"],
  ["ctrl-l", "draw the screen anew"],
  ["ctrl-z", "back to the shell for a while; fg goes on"],
  ["q, ctrl-c", "quit"],
];

/** What the keys do. */
export function helpLines(columns: number): readonly Line[] {
  const look = { columns, nameColumns: 21, style: "bold" } as const;
  const [texts, rows] = [TEXT_MAX, ROWS_MAX].map((count) => count.toLocaleString("en"));
  const held = `Of each memory the first ${texts} characters are held, and of memories ${rows}.`;
  const keys = KEYS.flatMap(([name, purpose]) => fieldLines(name, purpose, look));
  return [...keys, [], ...wrapText(held, columns).map((text): Line => [{ text }])];
}
