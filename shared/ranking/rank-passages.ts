import { bm25, type Counts, idfOf } from "./bm25.ts";
import { type Boost, boostsOf, type Circumstances, type Wishes } from "./boosts-of.ts";

/** A passage of a memory, as it is ranked. */
export interface RankedPassage extends Counts, Circumstances {
  readonly module: string;
  readonly position: number;
  /** Which of its memory's, from 0. */
  readonly part: number;
  /** Empty: it belongs to none, and its neighbours are those of its memory. */
  readonly session: string;
  /** When it happened: any number that rises with time. */
  readonly occurred: number;
  /** False: it is there as a neighbour alone. */
  readonly isWanted: boolean;
}

/** All passages that were searched, whether or not they were looked at. */
export interface Collection {
  readonly passages: number;
  /** Of all of them together. */
  readonly words: number;
  /** By term: how many passages hold it. */
  readonly df: ReadonlyMap<string, number>;
}

export interface Score {
  readonly total: number;
  readonly passage: number;
  readonly window: number;
  readonly boosts: readonly Boost[];
}

export interface RankedHit<P extends RankedPassage> {
  /** The best of its memory. */
  readonly passage: P;
  readonly score: Score;
}

/** Neighbours on each side that count as context. */
export const NEIGHBOURS = 2;

/**
 * Ranks memories by their best passage: BM25 of the passage, and of the passage with two neighbours on each side, whose frequencies and
 * lengths are summed; the sum is multiplied by what the circumstances are worth. A passage that is wanted must come with those
 * neighbours; whatever else of its session is there does no harm. Ties go to what happened last, then to what was recorded last.
 */
export function rankPassages<P extends RankedPassage>(
  passages: readonly P[],
  collection: Collection,
  wishes: Wishes,
): RankedHit<P>[] {
  const idf = new Map([...collection.df].map(([term, df]) => [term, idfOf(df, collection.passages)]));
  const mean = collection.words / Math.max(collection.passages, 1);
  const best = new Map<string, RankedHit<P>>();
  for (const session of Map.groupBy(passages, sessionOf).values()) {
    const ordered = session.toSorted((a, b) => a.position - b.position || a.part - b.part);
    for (const [at, passage] of ordered.entries()) {
      if (!passage.isWanted) continue;
      const around = ordered.slice(Math.max(0, at - NEIGHBOURS), at + NEIGHBOURS + 1);
      const hit = { passage, score: scoreOf(passage, around, { idf, mean, wishes }) };
      const key = `${passage.module}/${passage.position}`;
      const known = best.get(key);
      if (hit.score.total > 0 && (known === undefined || hit.score.total > known.score.total)) best.set(key, hit);
    }
  }
  return [...best.values()].sort(compareHits);
}

/** The best first; 0 for the same memory alone. */
export function compareHits(a: RankedHit<RankedPassage>, b: RankedHit<RankedPassage>): number {
  return (
    b.score.total - a.score.total ||
    b.passage.occurred - a.passage.occurred ||
    b.passage.position - a.passage.position ||
    Number(a.passage.module > b.passage.module) - Number(a.passage.module < b.passage.module)
  );
}

interface Ruler {
  readonly idf: ReadonlyMap<string, number>;
  /** The mean length of a passage. */
  readonly mean: number;
  readonly wishes: Wishes;
}

function scoreOf(passage: RankedPassage, around: readonly Counts[], { idf, mean, wishes }: Ruler): Score {
  const own = bm25(passage, idf, mean);
  // Against what so many passages have: at the ends of a session there are fewer.
  const window = bm25(summed(around), idf, mean * around.length);
  const boosts = boostsOf(passage, wishes);
  const total = boosts.reduce((score, { factor }) => score * factor, own + window);
  return { total, passage: own, window, boosts };
}

function summed(passages: readonly Counts[]): Counts {
  const frequencies = new Map<string, number>();
  for (const { frequencies: each } of passages) {
    for (const [term, frequency] of each) frequencies.set(term, (frequencies.get(term) ?? 0) + frequency);
  }
  return { frequencies, length: passages.reduce((words, { length }) => words + length, 0) };
}

/** Modules, sessions and positions hold no NUL. */
function sessionOf({ module, session, position }: RankedPassage): string {
  return session === "" ? `${module}\0\0${position}` : `${module}\0${session}`;
}
