/** What a character is to the scanner. The dull ones come first: it steps over them. */
export const OTHER = 0;
export const SMALL = 1;
export const DIGIT = 2;
export const SPACE = 3;
export const QUOTE = 4;
export const BRACKET = 5;
export const APOSTROPHE = 6;
export const HYPHEN = 7;
export const DULL_MAX = 7;
export const CAPITAL = 8;
export const NEWLINE = 9;
/** Ends a sentence, if more follows. */
export const STOP = 10;
/** Begins or is part of what a writer marks. */
export const MARK = 11;

const TABLE_SIZE = 0x250;
const TABLE = table();

/** The class of the character at `at`; OTHER beyond the text. Scripts without small letters have SMALL ones only. */
export function classAt(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return code < TABLE_SIZE ? TABLE[code]! : rareClass(code);
}

/** A letter or a digit. */
export function isWordAt(text: string, at: number): boolean {
  const found = classAt(text, at);
  return found === SMALL || found === CAPITAL || found === DIGIT;
}

export function isLetterAt(text: string, at: number): boolean {
  const found = classAt(text, at);
  return found === SMALL || found === CAPITAL;
}

/** The end of a word of whatever letters and digits, with the apostrophes and hyphens within it. */
export function wordEnd(text: string, from: number): number {
  let at = from;
  for (; ; at++) {
    const found = classAt(text, at);
    if (found === SMALL || found === CAPITAL || found === DIGIT) continue;
    if ((found === APOSTROPHE || found === HYPHEN) && isLetterAt(text, at + 1)) continue;
    return at;
  }
}

/** The end of what hangs together without white space. */
export function tokenEnd(text: string, from: number): number {
  let at = from;
  for (; at < text.length; at++) {
    const found = classAt(text, at);
    if (found === SPACE || found === NEWLINE) break;
  }
  return at;
}

function table(): Uint8Array {
  const classes = new Uint8Array(TABLE_SIZE);
  for (let code = 0; code < TABLE_SIZE; code++) classes[code] = letterClass(String.fromCharCode(code));
  const set = (characters: string, value: number) => {
    for (const character of characters) classes[character.charCodeAt(0)] = value;
  };
  set("0123456789", DIGIT);
  set(" \t\r\u00a0", SPACE);
  set("\n", NEWLINE);
  set(".!?", STOP);
  set("[@#`:", MARK);
  set('"«»', QUOTE);
  set("]", BRACKET);
  set("'", APOSTROPHE);
  set("-", HYPHEN);
  return classes;
}

function letterClass(character: string): number {
  if (/\p{Lu}|\p{Lt}/u.test(character)) return CAPITAL;
  return /\p{L}/u.test(character) ? SMALL : OTHER;
}

function rareClass(code: number): number {
  if (code === 0x2019) return APOSTROPHE;
  if (code === 0x201c || code === 0x201d || code === 0x201e || code === 0x2018) return QUOTE;
  if (code === 0x2026) return STOP;
  if (code >= 0x300 && code < 0x370) return SMALL;
  // Signs; halves of pairs, private use and what only looks like letters: none of it begins a name.
  if ((code >= 0x2000 && code < 0x2c00) || code >= 0xd800 || Number.isNaN(code)) return OTHER;
  return letterClass(String.fromCharCode(code));
}
