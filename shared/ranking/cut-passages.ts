/** A text of no more words is one passage. */
const WORDS_MAX = 120;
/** Text without spaces has few words however long it is. In UTF-16 code units. */
const UNITS_MAX = 2000;

/** A stretch of a text, in UTF-16 code units. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** A stretch without white space at its ends, and how many words it has. */
interface Piece extends Stretch {
  readonly words: number;
}

/**
 * Each pattern matches what ends a piece, with the space that follows it. The last one's pieces are single words. They run on the event
 * loop over texts of strangers, so each is linear: a run of stops that no space follows is looked at from its first stop alone.
 */
const ENDINGS = [/\n[^\S\n]*\n\s*/gu, /(?<![.!?…])[.!?…]+["'”’»)\]]*\s+|[。！？]+|\n+/gu, /\s+/gu] as const;

/**
 * Cuts a text into passages of at most 120 words: at paragraphs; where one is too long, at sentences; where one of those is, between
 * words, and in the end anywhere but within a character. Short pieces that follow each other share a passage. Together the passages
 * hold all of the text but white space between them; a text without any words has none.
 */
export function cutPassages(text: string): Stretch[] {
  const whole = trimmed(text, { start: 0, end: text.length });
  if (whole === undefined) return [];
  return packed(piecesOf(text, whole, 0)).map(({ start, end }) => ({ start, end }));
}

/** Pieces that are each short enough for a passage. There may be half a million: none costs more than its own length. */
function piecesOf(text: string, stretch: Stretch, level: number): Piece[] {
  const ending = ENDINGS[level];
  const words = ending === undefined && stretch.end - stretch.start <= UNITS_MAX ? 1 : wordsOf(text, stretch);
  if (words <= WORDS_MAX) return [{ start: stretch.start, end: stretch.end, words }];
  if (ending === undefined) return hardCut(text, stretch).map((part) => ({ ...part, words: 1 }));
  const pieces: Piece[] = [];
  for (const part of partsOf(text, stretch, ending)) {
    for (const piece of piecesOf(text, part, level + 1)) pieces.push(piece);
  }
  // Words are packed at once, so that what comes before a sentence of this length does not take its first ones.
  return level === ENDINGS.length - 1 ? packed(pieces) : pieces;
}

function partsOf(text: string, { start, end }: Stretch, ending: RegExp): Stretch[] {
  const parts: Stretch[] = [];
  const add = (part: Stretch): void => {
    const bare = trimmed(text, part);
    if (bare !== undefined) parts.push(bare);
  };
  const given = text.slice(start, end);
  let from = start;
  ending.lastIndex = 0;
  while (ending.test(given)) {
    const to = start + ending.lastIndex;
    add({ start: from, end: to });
    from = to;
  }
  add({ start: from, end });
  return parts;
}

function packed(pieces: readonly Piece[]): Piece[] {
  const passages: Piece[] = [];
  for (const piece of pieces) {
    const last = passages.at(-1);
    const both = last && joined(last, piece);
    if (both !== undefined && both.words <= WORDS_MAX && both.end - both.start <= UNITS_MAX)
      passages[passages.length - 1] = both;
    else passages.push(piece);
  }
  return passages;
}

/** Of two that touch, a word ends the one and begins the other. */
function joined(a: Piece, b: Piece): Piece {
  return { start: a.start, end: b.end, words: a.words + b.words - (a.end === b.start ? 1 : 0) };
}

/** Infinite for what is too long in any case: it is not counted. */
function wordsOf(text: string, { start, end }: Stretch): number {
  if (end - start > UNITS_MAX) return Number.POSITIVE_INFINITY;
  return text.slice(start, end).match(/\S+/gu)?.length ?? 0;
}

function hardCut(text: string, { start, end }: Stretch): Stretch[] {
  const parts: Stretch[] = [];
  for (let from = start; from < end; ) {
    let to = Math.min(from + UNITS_MAX, end);
    // Not between the halves of a surrogate pair.
    if (to < end && /[\uDC00-\uDFFF]/.test(text.charAt(to))) to -= 1;
    parts.push({ start: from, end: to });
    from = to;
  }
  return parts;
}

/** Without the white space at its ends; undefined: there is nothing else. */
function trimmed(text: string, { start, end }: Stretch): Stretch | undefined {
  let [from, to] = [start, end];
  while (from < to && isSpace(text.charCodeAt(from))) from += 1;
  while (from < to && isSpace(text.charCodeAt(to - 1))) to -= 1;
  return from < to ? { start: from, end: to } : undefined;
}

function isSpace(unit: number): boolean {
  if (unit < 128) return unit === 32 || (unit >= 9 && unit <= 13);
  return String.fromCharCode(unit).trim() === "";
}
