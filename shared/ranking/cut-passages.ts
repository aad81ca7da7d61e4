/** A text of no more words is one passage. */
const WORDS_MAX = 120;
/** Text without spaces has few words however long it is. In UTF-16 code units. */
const UNITS_MAX = 2000;

/** A stretch of a text, in UTF-16 code units. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
}

/** Each pattern matches what ends a piece, with the space that follows it. The last one's pieces are single words. */
const ENDINGS = [/\n[^\S\n]*\n\s*/gu, /[.!?…]+["'”’»)\]]*\s+|[。！？]+|\n+/gu, /\s+/gu] as const;

/**
 * Cuts a text into passages of at most 120 words: at paragraphs; where one is too long, at sentences; where one of those is, between
 * words, and in the end anywhere but within a character. Short pieces that follow each other share a passage. Together the passages
 * hold all of the text but white space between them; a text without any words has none.
 */
export function cutPassages(text: string): Stretch[] {
  const whole = trimmed(text, { start: 0, end: text.length });
  return whole === undefined ? [] : packed(text, piecesOf(text, whole, 0));
}

/** Pieces that are each short enough for a passage. */
function piecesOf(text: string, stretch: Stretch, level: number): Stretch[] {
  if (fits(text, stretch)) return [stretch];
  const ending = ENDINGS[level];
  if (ending === undefined) return hardCut(text, stretch);
  const parts = partsOf(text, stretch, ending).flatMap((part) => piecesOf(text, part, level + 1));
  // Words are packed at once, so that what comes before a sentence of this length does not take its first ones.
  return level === ENDINGS.length - 1 ? packed(text, parts) : parts;
}

function partsOf(text: string, { start, end }: Stretch, ending: RegExp): Stretch[] {
  const parts: Stretch[] = [];
  let from = start;
  for (const match of text.slice(start, end).matchAll(ending)) {
    const to = start + match.index + match[0].length;
    parts.push({ start: from, end: to });
    from = to;
  }
  parts.push({ start: from, end });
  return parts.flatMap((part) => trimmed(text, part) ?? []);
}

function packed(text: string, pieces: readonly Stretch[]): Stretch[] {
  const passages: Stretch[] = [];
  for (const piece of pieces) {
    const last = passages.at(-1);
    const both = last && { start: last.start, end: piece.end };
    if (both !== undefined && fits(text, both)) passages[passages.length - 1] = both;
    else passages.push(piece);
  }
  return passages;
}

function fits(text: string, { start, end }: Stretch): boolean {
  if (end - start > UNITS_MAX) return false;
  return (text.slice(start, end).match(/\S+/gu)?.length ?? 0) <= WORDS_MAX;
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
  const part = text.slice(start, end);
  const from = start + part.length - part.trimStart().length;
  const to = start + part.trimEnd().length;
  return from < to ? { start: from, end: to } : undefined;
}
