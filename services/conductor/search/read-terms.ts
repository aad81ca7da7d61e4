import { SearchTerm_Use } from "#gen/cos/conductor/v1/search_pb.ts";
import type { CountedTerm } from "#shared/ranking/choose-terms.ts";
import { nearestWord } from "#shared/ranking/nearest-word.ts";
import type { ParsedQuery } from "#shared/ranking/parse-query.ts";
import type { IndexedModule, Lexemes, SearchCall, SearchIndex } from "../domain/search-index.ts";
import { isUnavailable } from "./is-unavailable.ts";

/** A word or phrase of a query, and what it comes to. */
export interface QueryTerm extends Lexemes {
  readonly word: string;
  readonly use: SearchTerm_Use;
  /** Passages that hold it; of a phrase, its rarest word. */
  readonly passages: number;
  /** A lexeme that is looked for instead. */
  readonly correctedTo?: string;
}

export interface QueryTerms {
  /** Those that say something, in the order of words, quotes and exclusions. */
  readonly terms: readonly QueryTerm[];
  /** What is looked for, with counts; without what nobody has written. */
  readonly counted: readonly CountedTerm[];
  readonly correctionsUnavailable: boolean;
}

/** How many words of one query are corrected: more are another language, or no words. */
const CORRECTIONS_MAX = 8;
/** How long that may take for all of them: it is an improvement, not the answer. */
const CORRECTING_MAX_MS = 300;

/** Reads what the words of a query come to in the modules that are searched. */
export async function readTerms(
  index: SearchIndex,
  call: SearchCall,
  { words, required, excluded }: ParsedQuery,
  modules: readonly IndexedModule[],
): Promise<QueryTerms> {
  const languages = [...new Set(modules.map(({ language }) => language))];
  const names = modules.map(({ module }) => module);
  const texts = [...words, ...required, ...excluded];
  const lexemes = await index.readLexemes(call, languages, texts);
  const useOf = (n: number): SearchTerm_Use => {
    if (n < words.length) return SearchTerm_Use.ANY;
    return n < words.length + required.length ? SearchTerm_Use.REQUIRED : SearchTerm_Use.EXCLUDED;
  };
  const read = texts.map((word, n) => ({ word, use: useOf(n), ...lexemes[n]! })).filter(({ phrase }) => phrase !== "");
  const wanted = read.filter(({ use }) => use !== SearchTerm_Use.EXCLUDED).flatMap((term) => term.lexemes.flat());
  const counted = await index.countTerms(call, names, [...new Set(wanted)]);
  const df = new Map(counted.map((term) => [term.lexeme, term.df]));
  const terms = read.map((term) => ({ ...term, passages: passagesOf(term, df) }));
  return correct(index, call, names, terms, counted);
}

function passagesOf({ use, lexemes }: Pick<QueryTerm, "use" | "lexemes">, df: ReadonlyMap<string, number>): number {
  if (use === SearchTerm_Use.EXCLUDED) return 0;
  const counts = lexemes.map((each) => each.map((lexeme) => df.get(lexeme) ?? 0));
  if (use === SearchTerm_Use.ANY) return Math.max(...counts.flat());
  return Math.max(...counts.map((each) => (each.length === 0 ? 0 : Math.min(...each))));
}

/** Replaces words that no passage holds by what they look like. What is in quotes is meant as it stands. */
async function correct(
  index: SearchIndex,
  call: SearchCall,
  modules: readonly string[],
  terms: readonly QueryTerm[],
  counted: readonly CountedTerm[],
): Promise<QueryTerms> {
  const unknown = terms.filter(({ use, passages }) => use === SearchTerm_Use.ANY && passages === 0);
  // Of a word of several parts each may be a slip; then none is taken for one.
  const single = unknown
    .filter(({ lexemes }) => lexemes.flat().length > 0 && lexemes.every(({ length }) => length <= 1))
    .slice(0, CORRECTIONS_MAX)
    .map(({ word, lexemes }) => ({ word, lexeme: lexemes.flat()[0]! }));
  if (single.length === 0) return { terms, counted, correctionsUnavailable: false };
  const endMs = Math.min(call.endMs, Date.now() + CORRECTING_MAX_MS);
  const wanted = single.map(({ lexeme }) => lexeme);
  const near = await index.nearLexemes({ ...call, endMs }, modules, wanted).catch((error: unknown) => {
    if (isUnavailable(error)) return undefined;
    throw error;
  });
  if (near === undefined) return { terms, counted, correctionsUnavailable: true };
  const corrected = new Map<string, CountedTerm>();
  for (const [n, { word, lexeme }] of single.entries()) {
    const nearest = nearestWord(lexeme, near[n]!);
    const found = near[n]!.find((term) => term.lexeme === nearest);
    if (found !== undefined) corrected.set(word, found);
  }
  const added = [...corrected.values()].filter(({ lexeme }) => !counted.some((term) => term.lexeme === lexeme));
  return {
    terms: terms.map((term) => {
      const found = term.use === SearchTerm_Use.ANY ? corrected.get(term.word) : undefined;
      return found === undefined ? term : { ...term, correctedTo: found.lexeme };
    }),
    counted: [...counted, ...new Map(added.map((term) => [term.lexeme, term])).values()],
    correctionsUnavailable: false,
  };
}
