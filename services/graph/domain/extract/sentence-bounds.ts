import * as classes from "./character-classes.ts";
import { classAt } from "./character-classes.ts";

/** Signs may stand between a sentence and the next, so many at most. */
const SIGNS_MAX = 8;

/** A sentence has ended before `at`, where its full stop was: white space follows, and then no small letter. */
export function endsSentence(text: string, at: number): boolean {
  let next = at;
  const last = at + SIGNS_MAX;
  while (next < last && isClosing(classAt(text, next))) next += 1;
  if (!isSpace(classAt(text, next))) return next >= text.length;
  while (next < last && isSpace(classAt(text, next))) next += 1;
  return classAt(text, next) !== classes.SMALL;
}

function isClosing(found: number): boolean {
  return found === classes.STOP || found === classes.QUOTE || found === classes.APOSTROPHE || found === classes.BRACKET;
}

function isSpace(found: number): boolean {
  return found === classes.SPACE || found === classes.NEWLINE;
}

/** A word at `start` is the first of a sentence, a line or a quotation. */
export function beginsSentence(text: string, start: number): boolean {
  let before = start - 1;
  for (const first = start - SIGNS_MAX; before >= 0 && before > first; before--) {
    const found = classAt(text, before);
    if (found === classes.NEWLINE || found === classes.STOP || found === classes.QUOTE) return true;
    if (found !== classes.SPACE && !OPENING.has(text.charCodeAt(before))) return false;
  }
  return before < 0;
}

/** Brackets and what emphasises. */
const OPENING = new Set(Array.from("([*_~", (sign) => sign.charCodeAt(0)));
