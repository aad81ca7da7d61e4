import * as classes from "./character-classes.ts";
import { classAt } from "./character-classes.ts";

const WORD_MAX = 16;

/** The small word right before `start`, where only a space stands between; else "". */
export function wordBefore(text: string, start: number): string {
  const end = endBefore(text, start);
  return end < 0 ? "" : text.slice(beginOf(text, end), end);
}

/** The word before the one right before `start`. */
export function secondWordBefore(text: string, start: number): string {
  const end = endBefore(text, start);
  return end < 0 ? "" : wordBefore(text, beginOf(text, end));
}

/** The small word right after `end`. */
export function wordAfter(text: string, end: number): string {
  if (text.charCodeAt(end) !== 0x20) return "";
  let last = end + 1;
  while (last - end < WORD_MAX && isPart(classAt(text, last))) last += 1;
  return text.slice(end + 1, last);
}

/** Where the word before ends: behind a space, an editor's bracket, or the apostrophe of `the ’Change`. */
function endBefore(text: string, start: number): number {
  let at = start - 1;
  const code = text.charCodeAt(at);
  if (code === 0x2019 || code === 0x5b) at -= 1;
  const found = classAt(text, at);
  return at > 0 && (found === classes.SPACE || found === classes.NEWLINE) ? at : -1;
}

function beginOf(text: string, end: number): number {
  let at = end;
  while (end - at < WORD_MAX && at > 0 && isPart(classAt(text, at - 1))) at -= 1;
  return at;
}

function isPart(found: number): boolean {
  return (
    found === classes.SMALL || found === classes.CAPITAL || found === classes.HYPHEN || found === classes.APOSTROPHE
  );
}
