/** Okapi BM25 (Robertson and Zaragoza, 2009) with its usual constants; others helped on one kind of text and harmed on the other. */
const K1 = 1.2;
export const B = 0.75;

/** What a passage, or several taken together, hold of the terms. */
export interface Counts {
  /** How often each term stands in it; terms that do not are left out. */
  readonly frequencies: ReadonlyMap<string, number>;
  /** In words. */
  readonly length: number;
}

/** How much a term says: the rarer, the more. Never negative. */
export function idfOf(df: number, passages: number): number {
  return Math.log(1 + (Math.max(passages, df) - df + 0.5) / (df + 0.5));
}

/** The score of a text of `length` words, against texts of `meanLength`. */
export function bm25({ frequencies, length }: Counts, idf: ReadonlyMap<string, number>, meanLength: number): number {
  const norm = K1 * (1 - B + (B * length) / Math.max(meanLength, 1));
  let score = 0;
  for (const [term, frequency] of frequencies) {
    score += ((idf.get(term) ?? 0) * frequency * (K1 + 1)) / (frequency + norm);
  }
  return score;
}
