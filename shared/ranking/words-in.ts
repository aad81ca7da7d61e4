/** A word of a text with its place, in UTF-16 code units. */
export interface PlacedWord {
  /** In small letters. */
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

/** The words of a text: letters and digits, with apostrophes inside. */
export function wordsIn(text: string): PlacedWord[] {
  return Array.from(text.matchAll(/[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*/gu), (match) => ({
    word: match[0].toLowerCase(),
    start: match.index,
    end: match.index + match[0].length,
  }));
}
