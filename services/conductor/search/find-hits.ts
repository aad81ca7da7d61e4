import { type SearchMemoriesRequest, SearchTerm_Use } from "#gen/cos/conductor/v1/search_pb.ts";
import { B, idfOf } from "#shared/ranking/bm25.ts";
import { MONTH_NAMED, type Wishes } from "#shared/ranking/boosts-of.ts";
import { chooseTerms, NARROW_MAX } from "#shared/ranking/choose-terms.ts";
import { namedMonths } from "#shared/ranking/named-months.ts";
import { NEIGHBOURS, type RankedHit, rankPassages } from "#shared/ranking/rank-passages.ts";
import { wordsIn } from "#shared/ranking/words-in.ts";
import { anyLexeme } from "../domain/lexeme-query.ts";
import type {
  CandidateQuery,
  FoundPassage,
  IndexedModule,
  PassageKey,
  SearchCall,
  SearchIndex,
  SearchWhere,
} from "../domain/search-index.ts";
import { isUnavailable } from "./is-unavailable.ts";
import type { QueryTerms } from "./read-terms.ts";

/**
 * How many passages are looked at closely. Of short texts 50 are as good as all; a diary, whose memories have several passages each, gained
 * 2 points of recall with 100, and nothing more with 200.
 */
const CANDIDATES_MAX = 100;
/** With fewer, more common words are followed too. */
const CANDIDATES_FEW = 10;
/** How long that may take: it is an improvement, not the answer. */
const WIDENING_MAX_MS = 700;

/** What was searched for, and in what. */
export interface SearchPlan {
  readonly request: SearchMemoriesRequest;
  readonly modules: readonly IndexedModule[];
  readonly terms: QueryTerms;
}

/** All hits of a search, the best first. */
export async function findHits(
  index: SearchIndex,
  call: SearchCall,
  { request, modules, terms }: SearchPlan,
): Promise<RankedHit<FoundPassage>[]> {
  const strict = (use: SearchTerm_Use) => terms.terms.filter((term) => term.use === use);
  const required = strict(SearchTerm_Use.REQUIRED);
  if (terms.counted.length === 0 || required.some(({ passages }) => passages === 0)) return [];
  const where: SearchWhere = {
    modules: modules.map(({ module }) => module),
    isEverywhere: request.allModules && call.scope.modules === "all",
    filter: request.filter,
    required: required.map(({ phrase }) => phrase),
    excluded: strict(SearchTerm_Use.EXCLUDED).map(({ phrase }) => phrase),
  };
  const collection = {
    passages: modules.reduce((sum, { passages }) => sum + passages, 0),
    words: modules.reduce((sum, { words }) => sum + words, 0),
    df: new Map(terms.counted.map(({ lexeme, df }) => [lexeme, df])),
  };
  const wishes = {
    words: new Set(wordsIn(request.query).map(({ word }) => word)),
    asker: request.asker,
    months: namedMonths(request.query),
  };
  const keys = await candidatesOf(index, call, where, collection, wishes);
  if (keys.length === 0) return [];
  const lexemes = [...collection.df.keys()];
  const around = await index.readAround(call, { keys, where, lexemes, neighbours: NEIGHBOURS });
  return rankPassages(around, collection, wishes);
}

interface Collection {
  readonly passages: number;
  readonly words: number;
  readonly df: ReadonlyMap<string, number>;
}

async function candidatesOf(
  index: SearchIndex,
  call: SearchCall,
  where: SearchWhere,
  { passages, words, df }: Collection,
  { months }: Wishes,
): Promise<PassageKey[]> {
  const counted = [...df].map(([lexeme, count]) => ({ lexeme, df: count }));
  const isNarrow = passages > NARROW_MAX && (await index.isNarrow(call, where, NARROW_MAX));
  const { leading, all } = chooseTerms(counted, isNarrow ? NARROW_MAX : passages);
  const query: CandidateQuery = {
    ...where,
    // What must be there leads to fewer passages than any single word.
    leading: where.required.length > 0 ? where.required.join(" | ") : anyLexeme(leading),
    lengthWeight: B,
    weights: all.map((lexeme) => ({ lexeme, idf: idfOf(df.get(lexeme) ?? 0, passages) })),
    meanLength: words / Math.max(passages, 1) || 1,
    months,
    monthFactor: MONTH_NAMED.factor,
    limit: CANDIDATES_MAX,
  };
  const found = await index.findCandidates(call, query, isNarrow);
  const enough = isNarrowed(where.filter) ? CANDIDATES_MAX : CANDIDATES_FEW;
  if (where.required.length > 0 || leading.length === all.length || found.length >= enough) return found;
  const endMs = Math.min(call.endMs, Date.now() + WIDENING_MAX_MS);
  return index
    .findCandidates({ ...call, endMs }, { ...query, leading: anyLexeme(all) }, false)
    .catch((error: unknown) => {
      if (isUnavailable(error)) return found;
      throw error;
    });
}

/** Whether a filter leaves anything out. */
function isNarrowed(filter: SearchWhere["filter"]): boolean {
  if (filter === undefined) return false;
  const { eventTypes, sources, sessionIds, tags, occurred, recorded } = filter;
  const lists = [eventTypes, sources, sessionIds, tags];
  return lists.some((list) => list.length > 0) || occurred !== undefined || recorded !== undefined;
}
