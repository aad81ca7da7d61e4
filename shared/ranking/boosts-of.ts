import type { NamedMonth } from "./named-months.ts";
import { wordsIn } from "./words-in.ts";

/** What a query asks for beside its words. */
export interface Wishes {
  /** The words of the query, in small letters. */
  readonly words: ReadonlySet<string>;
  /** Empty: nobody in particular. */
  readonly asker: string;
  readonly months: readonly NamedMonth[];
}

export interface Boost {
  readonly reason: "source named" | "asker" | "month named";
  readonly factor: number;
}

/** What a passage is, beside its words. */
export interface Circumstances {
  readonly source: string;
  readonly year: number;
  /** 1 to 12, as of UTC. */
  readonly month: number;
}

const SOURCE_NAMED: Boost = { reason: "source named", factor: 1.2 };
const ASKER: Boost = { reason: "asker", factor: 1.5 };
/** Whoever leaves passages out before they are ranked looks at this one first: it is the largest. */
export const MONTH_NAMED: Boost = { reason: "month named", factor: 2 };

/** Parts of names that name nobody. */
const NOBODY = new Set(["the", "and", "sir", "mrs", "von", "van", "der", "den", "del", "des", "les", "for"]);

/** What a passage's score is multiplied by, and why. */
export function boostsOf({ source, year, month }: Circumstances, { words, asker, months }: Wishes): Boost[] {
  const isNamed = wordsIn(source).some(({ word }) => word.length > 2 && !NOBODY.has(word) && words.has(word));
  const isAsker = asker !== "" && source.toLowerCase() === asker.toLowerCase();
  const isOfMonth = months.some((named) => named.month === month && (named.year ?? year) === year);
  return [...(isNamed ? [SOURCE_NAMED] : []), ...(isAsker ? [ASKER] : []), ...(isOfMonth ? [MONTH_NAMED] : [])];
}
