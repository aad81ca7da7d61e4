import * as classes from "./character-classes.ts";
import { classAt, isWordAt, tokenEnd, wordEnd } from "./character-classes.ts";
import { jointOf } from "./joint-of.ts";
import { kinsmenIn, type UnplacedKinsman } from "./kinsmen-in.ts";
import { markAt } from "./mark-at.ts";
import type { Kinsman, Mark, ScannedText, Word } from "./scanned-text.ts";
import { beginsSentence, endsSentence } from "./sentence-bounds.ts";
import { skipCode } from "./skip-code.ts";
import { type Spelling, spellingAt } from "./spelling-at.ts";
import { urlEnd } from "./url-end.ts";

/** Capitalised words are looked at up to this many; a book of 1 MiB has fewer. What shouts on is only read for marks. */
const WORDS_MAX = 50_000;
const MARKS_MAX = 10_000;
/** What is shorter is no passage of its own: a list's bullet, an empty line. */
const PASSAGE_MIN = 3;

/** What tells that a text is about people. */
const ABOUT_PEOPLE = /\b(?:[Hh]e|[Ss]he|him|[Hh]er|[Hh]is|hers)\b/;

/** Where the scanner is. */
interface Cursor {
  readonly text: string;
  readonly words: Word[];
  readonly kinsmen: Kinsman[];
  readonly marks: Mark[];
  /** Relations whose passage is not known yet, the next one last. */
  readonly unplaced: UnplacedKinsman[];
  at: number;
  passage: number;
  passageStart: number;
  /** A sentence has ended, and nothing has begun the next. */
  ended: boolean;
  /** A heading has capitals for their own sake. */
  heading: boolean;
  /** Where the last capitalised word ended, with all that belongs to it. */
  capitalEnd: number;
}

/**
 * Takes a text apart in one pass, in time linear in its length: its capitalised words, the marks of its writer, and whom he names by
 * their relation to him. Code, addresses and paths are stepped over.
 */
export function scanText(text: string): ScannedText {
  const cursor: Cursor = {
    text,
    words: [],
    kinsmen: [],
    marks: [],
    unplaced: kinsmenIn(text).reverse(),
    at: 0,
    passage: 0,
    passageStart: 0,
    ended: false,
    heading: false,
    capitalEnd: -9,
  };
  beginLine(cursor);
  while (cursor.at < text.length) step(cursor);
  placeKinsmen(cursor, text.length);
  const { words, kinsmen, marks } = cursor;
  return { words, kinsmen, marks, human: ABOUT_PEOPLE.test(text) };
}

/** Steps over what is dull, and over the next thing that is not. */
function step(cursor: Cursor): void {
  const { text } = cursor;
  let { at } = cursor;
  let found = classAt(text, at);
  while (found <= classes.DULL_MAX) {
    at += 1;
    if (at >= text.length) break;
    found = classAt(text, at);
  }
  cursor.at = at;
  if (found === classes.CAPITAL) capitalWord(cursor);
  else if (found === classes.MARK) sign(cursor);
  else if (found === classes.NEWLINE) {
    cursor.at += 1;
    beginLine(cursor);
  } else {
    cursor.at += 1;
    if (found === classes.STOP && endsSentence(text, cursor.at)) cursor.ended = true;
  }
}

function capitalWord(cursor: Cursor): void {
  const { text, at: start } = cursor;
  // Within a word of small letters: `iPhone`.
  if (start > 0 && isWordAt(text, start - 1)) {
    cursor.at = wordEnd(text, start);
    return;
  }
  if (cursor.ended) newPassage(cursor);
  const spelt = spellingAt(text, start, wordEnd(text, start + 1));
  if (cursor.words.length < WORDS_MAX) cursor.words.push(wordOf(cursor, start, spelt));
  cursor.at = spelt.wholeEnd;
  cursor.capitalEnd = spelt.wholeEnd;
  if (text.charCodeAt(cursor.at) === 0x40) cursor.at = tokenEnd(text, cursor.at);
}

function wordOf(cursor: Cursor, start: number, spelt: Spelling): Word {
  return {
    text: spelt.text,
    bits: spelt.bits,
    start,
    end: spelt.end,
    wholeEnd: spelt.wholeEnd,
    passage: cursor.passage,
    first: cursor.heading || (start !== cursor.capitalEnd + 1 && beginsSentence(cursor.text, start)),
    initial: spelt.initial,
    dotted: spelt.dotted,
    possessive: spelt.possessive,
    joint: jointOf(cursor.text, cursor.capitalEnd, start),
  };
}

function sign(cursor: Cursor): void {
  const { text, at } = cursor;
  const code = text.charCodeAt(at);
  if (code === 0x60) cursor.at = skipCode(text, at, false);
  else if (code === 0x3a) address(cursor);
  else if (code === 0x40 && isWordAt(text, at - 1)) cursor.at = tokenEnd(text, at);
  else {
    const mark = markAt(text, at);
    cursor.at = mark?.end ?? at + 1;
    if (mark === undefined) return;
    if (cursor.ended) newPassage(cursor);
    if (mark.form !== "") keepMark(cursor, mark.kind, mark.form, at);
  }
}

/** At a `:`: keeps the web address that it belongs to, and steps over any other. */
function address(cursor: Cursor): void {
  const { text, at } = cursor;
  cursor.at += 1;
  if (!text.startsWith("://", at)) return;
  const length = isSchemeBefore(text, at, "https") ? 5 : isSchemeBefore(text, at, "http") ? 4 : 0;
  const end = length === 0 ? tokenEnd(text, at) : urlEnd(text, at - length);
  cursor.at = Math.max(end, at + 3);
  if (length > 0 && end > at + 3) keepMark(cursor, "url", text.slice(at - length, end), at - length);
}

function isSchemeBefore(text: string, at: number, scheme: string): boolean {
  const start = at - scheme.length;
  return start >= 0 && !isWordAt(text, start - 1) && text.slice(start, at).toLowerCase() === scheme;
}

function keepMark(cursor: Cursor, kind: Mark["kind"], form: string, start: number): void {
  if (cursor.marks.length < MARKS_MAX) cursor.marks.push({ kind, form, start, passage: cursor.passage });
}

function beginLine(cursor: Cursor): void {
  const { text, at: begin } = cursor;
  cursor.heading = false;
  while (classAt(text, cursor.at) === classes.SPACE) cursor.at += 1;
  const { at } = cursor;
  const code = text.charCodeAt(at);
  if (code === 0x60) cursor.at = skipCode(text, at, at === begin);
  else if (code === 0x0a || (at < text.length && "-*+>|#0123456789".includes(text.charAt(at)))) newPassage(cursor);
  if (code === 0x23) cursor.heading = text.charCodeAt(at + 1) === 0x23 || text.charCodeAt(at + 1) === 0x20;
}

function newPassage(cursor: Cursor): void {
  cursor.ended = false;
  if (cursor.at - cursor.passageStart < PASSAGE_MIN) return;
  placeKinsmen(cursor, cursor.at);
  cursor.passage += 1;
  cursor.passageStart = cursor.at;
}

/** What was named before `end` was named in this passage. */
function placeKinsmen(cursor: Cursor, end: number): void {
  const { unplaced, kinsmen, passage } = cursor;
  for (let next = unplaced.at(-1); next !== undefined && next.start < end; next = unplaced.at(-1)) {
    kinsmen.push({ ...next, passage });
    unplaced.pop();
  }
}
