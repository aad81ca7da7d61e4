import * as classes from "./character-classes.ts";
import { classAt, isWordAt } from "./character-classes.ts";
import { LEXICON, PLAIN, SHORTENED } from "./lexicon.ts";

/** A capitalised word, taken by itself. */
export interface Spelling {
  readonly text: string;
  readonly bits: number;
  /** Where the name ends: before a possessive, after an abbreviation's full stop. */
  readonly end: number;
  /** Where all of it ends. */
  readonly wholeEnd: number;
  readonly initial: boolean;
  readonly dotted: boolean;
  readonly possessive: boolean;
}

/** The word of letters, digits, apostrophes and hyphens from `start` to `end`. What is code or shouted is a plain word. */
export function spellingAt(text: string, start: number, end: number): Spelling {
  const owned = ownedLength(text, start, end);
  const nameEnd = owned > 0 ? end - owned : end;
  const plural = owned === 0 && ownsPlural(text, end);
  const word = text.slice(start, nameEnd);
  const known = LEXICON.get(word);
  const bits = isCode(text, start, end) ? PLAIN : (known ?? (isOddlySpelt(word) ? PLAIN : 0));
  const full = owned === 0 && text.charCodeAt(end) === 0x2e;
  const initial = full && end - start === 1 && word !== "I";
  const dotted = initial || (full && (bits & SHORTENED) !== 0);
  return {
    text: word,
    bits,
    end: dotted ? end + 1 : nameEnd,
    wholeEnd: dotted || plural ? end + 1 : end,
    initial,
    dotted,
    possessive: owned > 0 || plural,
  };
}

/** 2 for the `’s` of `Crew’s`. */
function ownedLength(text: string, start: number, end: number): number {
  if (end - start < 3 || text.charCodeAt(end - 1) !== 0x73) return 0;
  return classAt(text, end - 2) === classes.APOSTROPHE ? 2 : 0;
}

/** As in `Pepys’`. */
function ownsPlural(text: string, end: number): boolean {
  return text.charCodeAt(end - 1) === 0x73 && classAt(text, end) === classes.APOSTROPHE;
}

const BEFORE_CODE = new Set(Array.from("/\\_=$<&.:-#@~%0123456789{", (sign) => sign.charCodeAt(0)));
const AFTER_CODE = new Set(Array.from("(/_=\\", (sign) => sign.charCodeAt(0)));

/** A part of a path, an address, a call, a qualified name. */
function isCode(text: string, start: number, end: number): boolean {
  const before = start === 0 ? 0x20 : text.charCodeAt(start - 1);
  if (before !== 0x20 && BEFORE_CODE.has(before) && !isInitialBefore(text, start)) return true;
  const after = text.charCodeAt(end);
  if (after === 0x2e) return end - start > 1 && isWordAt(text, end + 1);
  if (after === 0x20) return false;
  return AFTER_CODE.has(after) || (after === 0x3a && text.charCodeAt(end + 1) === 0x3a);
}

/** `W.Batten`: the full stop before it is an initial's. */
function isInitialBefore(text: string, start: number): boolean {
  return (
    text.charCodeAt(start - 1) === 0x2e && classAt(text, start - 2) === classes.CAPITAL && !isWordAt(text, start - 3)
  );
}

/** With digits, all in capitals, or with capitals within: `HTTP2`, `JSON`, `TypeScript`; but not `O’Brien`, `McKay`, `Smith-Jones`. */
function isOddlySpelt(word: string): boolean {
  if (word.length === 1) return false;
  let part = 0;
  for (let at = 1; at < word.length; at++) {
    const found = classAt(word, at);
    if (found === classes.SMALL) continue;
    if (found === classes.APOSTROPHE || found === classes.HYPHEN) part = at + 1;
    else if (found === classes.CAPITAL && (at === part || NAME_OPENERS.has(word.slice(part, at)))) continue;
    else return true;
  }
  return false;
}

const NAME_OPENERS = new Set(["Mc", "Mac", "De", "Di", "Le", "La", "Van", "Fitz", "Du"]);
