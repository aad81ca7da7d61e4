import { classAt, NEWLINE, SPACE } from "./character-classes.ts";

/** Longer ones are cut: nobody reads them, and they are kept to tell pages from one another. */
const URL_MAX = 2_000;

const ENDS = new Set('<>"`{}|\\^«»“”');
const TRAILS = new Set(".,;:!?'’*_]…(");

/** Where a web address from `start` ends: before white space and the sentence’s marks that follow it. Reads only what it takes. */
export function urlEnd(text: string, start: number): number {
  let end = start;
  let open = 0;
  for (const last = Math.min(text.length, start + URL_MAX); end < last; end++) {
    const found = classAt(text, end);
    if (found === SPACE || found === NEWLINE || ENDS.has(text.charAt(end))) break;
    if (text.charCodeAt(end) === 0x28) open += 1;
    // A bracket that was opened within belongs to it: .../Diary_(book)
    if (text.charCodeAt(end) === 0x29 && --open < 0) break;
  }
  while (end > start && TRAILS.has(text.charAt(end - 1))) end -= 1;
  return end;
}
