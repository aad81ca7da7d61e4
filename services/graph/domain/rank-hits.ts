import type { SearchCandidate } from "./graph-store.ts";
import { searchWords } from "./search-words.ts";
import { compareText } from "./traverse.ts";

/** Something that was found, and how well it fits, above 0. */
export interface RankedHit extends SearchCandidate {
  readonly score: number;
}

/** What a beginning counts beside a whole word, at most. */
const BEGINNING = 0.5;
/** What each word counts that the name has beyond those that were asked for. */
const EXTRA_WORD = 0.1;
/** What fame counts: a thousand memories make 1 into about 1.35. */
const FAME = 0.05;

/**
 * The best first; ties by id. Whole words count more than beginnings, short names more than long ones, and what many memories speak of a
 * little more.
 */
export function rankHits(words: readonly string[], candidates: readonly SearchCandidate[], limit: number): RankedHit[] {
  return candidates
    .map((candidate) => ({ ...candidate, score: scoreOf(words, candidate) }))
    .sort((left, right) => right.score - left.score || compareText(left.node.id, right.node.id))
    .slice(0, limit);
}

function scoreOf(words: readonly string[], { node, name }: SearchCandidate): number {
  const theirs = searchWords(name);
  const fit = words.reduce((sum, word) => sum + fitOf(word, theirs), 0) / words.length;
  const extra = Math.max(0, theirs.length - words.length);
  return (fit / (1 + EXTRA_WORD * extra)) * (1 + FAME * Math.log(1 + node.count));
}

/** 1 for a whole word; for a beginning the part of the word that it is, halved. */
function fitOf(word: string, theirs: readonly string[]): number {
  if (theirs.includes(word)) return 1;
  const begun = theirs.filter((their) => their.startsWith(word)).map((their) => word.length / their.length);
  return BEGINNING * Math.max(MIN_FIT, ...begun);
}

/** Whatever an engine found has a score above 0. */
const MIN_FIT = 0.01;
