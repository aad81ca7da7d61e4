/** How a capitalised word hangs together with the one before it: by what stands between them. */
export type Joint = "none" | "space" | "particle" | "of" | "for" | "list";

/** A capitalised word of a text. */
export interface Word {
  /** As written, without a possessive. */
  readonly text: string;
  /** What the lexicon knows of it. */
  readonly bits: number;
  readonly start: number;
  /** Where the name ends: before a possessive, after an abbreviation's full stop. */
  readonly end: number;
  /** Where all of it ends. */
  readonly wholeEnd: number;
  readonly passage: number;
  /** A sentence, line or quotation begins with it: its capital says nothing. */
  readonly first: boolean;
  /** Of one capital, as in `W. Batten`. */
  readonly initial: boolean;
  /** Followed by the full stop of an abbreviation. */
  readonly dotted: boolean;
  readonly possessive: boolean;
  readonly joint: Joint;
}

/** A relation to whoever writes: `my wife`. */
export interface Kinsman {
  readonly relation: string;
  readonly start: number;
  readonly end: number;
  readonly passage: number;
}

/** What a writer marked: `[[page]]`, `@person`, `#concept`, an address. */
export interface Mark {
  readonly kind: "page" | "person" | "concept" | "url";
  readonly form: string;
  readonly start: number;
  readonly passage: number;
}

/** A text taken apart in one pass. */
export interface ScannedText {
  readonly words: readonly Word[];
  readonly kinsmen: readonly Kinsman[];
  readonly marks: readonly Mark[];
  /** It speaks of people: it says he or she. */
  readonly human: boolean;
}
