import { create } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  SearchBoost_Reason,
  type SearchMemoriesHit,
  SearchMemoriesHitSchema,
  type SearchMemoriesRequest,
  type SearchMemoriesResponse,
  SearchMemoriesResponseSchema,
  SearchTerm_Use,
} from "#gen/cos/conductor/v1/search_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Boost } from "#shared/ranking/boosts-of.ts";
import type { RankedHit } from "#shared/ranking/rank-passages.ts";
import { defaultModule } from "../domain/accept-memory.ts";
import { checkSearch, saysNothing } from "../domain/check-search.ts";
import type { FoundPassage, IndexedModule, SearchCall, SearchIndex } from "../domain/search-index.ts";
import { type AwaitIndexNeeds, type AwaitIndexTimes, awaitIndex } from "./await-index.ts";
import { findHits } from "./find-hits.ts";
import { findWritten } from "./find-written.ts";
import { type FoundWord, findWords, writtenAs } from "./highlight.ts";
import { isUnavailable } from "./is-unavailable.ts";
import { type QueryTerms, readTerms } from "./read-terms.ts";
import { pageOf, pageStart, tokenAfter } from "./search-page.ts";

export interface SearchNeeds {
  readonly index: SearchIndex;
  readonly log: AwaitIndexNeeds["log"];
  readonly places: AwaitIndexNeeds["places"];
  readonly watch: AwaitIndexNeeds["watch"];
  readonly times?: Partial<AwaitIndexTimes>;
}

export type Search = (
  request: SearchMemoriesRequest,
  call: Pick<CallContext, "scope" | "signal" | "deadlineMs">,
) => Promise<SearchMemoriesResponse>;

/** How long all statements of a search may take together; what waits for the index is not counted. */
const SEARCH_MAX_MS = 1900;

/** Timers and the clock differ by so much. */
const TIMER_SLACK_MS = 10;

/** What SearchMemories answers with. Rejects as its contract says. */
export function openSearch(needs: SearchNeeds): Search {
  return async (request, { scope, signal, deadlineMs }) => {
    const parsed = checkSearch(request);
    const start = pageStart(request);
    await awaitIndex(needs, request.atLeast, { scope, signal, deadlineMs });
    const call: SearchCall = { scope, signal, endMs: Date.now() + SEARCH_MAX_MS };
    const { index } = needs;
    const modules = await modulesOf(index, call, request);
    if (modules.length === 0) return create(SearchMemoriesResponseSchema);
    try {
      const terms = await readTerms(index, call, parsed, modules);
      if (terms.terms.every(({ use }) => use === SearchTerm_Use.EXCLUDED)) throw saysNothing();
      const hits = await findHits(index, call, { request, modules, terms });
      const { page, isLast } = pageOf(hits, start, request);
      return await answer(index, call, { request, modules, terms, page, isLast });
    } catch (error) {
      throw isUnavailable(error) && Date.now() >= call.endMs - TIMER_SLACK_MS ? tooHeavy(error) : error;
    }
  };
}

/** The database did answer before: the search is too much for it, and would be so again. */
function tooHeavy(cause: unknown): CosError {
  const message =
    "the search takes over 2 s: name fewer modules, narrow it down by a filter, or leave out common words";
  return new CosError(ErrorReason.QUOTA_EXCEEDED, message, { cause });
}

/** Rejects with MODULE_NOT_FOUND for one that the caller may not see, or that is not there. */
async function modulesOf(
  index: SearchIndex,
  call: SearchCall,
  { modules, allModules }: SearchMemoriesRequest,
): Promise<IndexedModule[]> {
  const names = modules.length === 0 ? [defaultModule] : modules.map((name) => name || defaultModule);
  const found = await index.readModules(call, allModules ? "all" : names);
  const missing = allModules ? undefined : names.find((name) => found.every(({ module }) => module !== name));
  if (missing !== undefined) throw moduleNotFound(missing);
  return found;
}

interface Found {
  readonly request: SearchMemoriesRequest;
  readonly modules: readonly IndexedModule[];
  readonly terms: QueryTerms;
  readonly page: readonly RankedHit<FoundPassage>[];
  readonly isLast: boolean;
}

async function answer(index: SearchIndex, call: SearchCall, found: Found): Promise<SearchMemoriesResponse> {
  const { request, modules, terms, page, isLast } = found;
  const view = request.view === MemoryView.UNSPECIFIED ? MemoryView.BASIC : request.view;
  const passages = page.map(({ passage }) => passage);
  const { shown, isCut } =
    page.length === 0 ? { shown: [], isCut: false } : await index.readMemories(call, passages, view);
  const languages = new Map(modules.map(({ module, language }) => [module, language]));
  const texts = shown.map(({ memory, passage }) => ({
    text: passage,
    language: languages.get(memory.module) ?? "english",
  }));
  const words = await findWords(index, call, texts, new Set(terms.counted.map(({ lexeme }) => lexeme)));
  const written = new Map<string, string>();
  for (const { correctedTo } of terms.terms) {
    if (correctedTo === undefined || written.has(correctedTo)) continue;
    // What only forgotten memories hold is not told.
    const shownAs = writtenAs(correctedTo, words) ?? (await findWritten(index, call, modules, correctedTo)) ?? "";
    written.set(correctedTo, shownAs);
  }
  const last = isCut ? page[shown.at(-1)!.index] : page.at(-1);
  return create(SearchMemoriesResponseSchema, {
    hits: shown.map(({ index: at, memory, passage }, n) => hitOf(page[at]!, { memory, passage }, words[n]!)),
    nextPageToken: last === undefined || (isLast && !isCut) ? "" : tokenAfter(request, last),
    terms: terms.terms.map(({ word, use, passages: count, correctedTo }) => ({
      word,
      use,
      passages: BigInt(count),
      correctedTo: correctedTo === undefined ? "" : (written.get(correctedTo) as string),
    })),
    modules: modules.map(({ module, position, head }) => ({ module, position: BigInt(position), head: BigInt(head) })),
    correctionsUnavailable: terms.correctionsUnavailable,
  });
}

function hitOf(
  { passage: { module, position }, score }: RankedHit<FoundPassage>,
  shown: Pick<SearchMemoriesHit, "passage"> & { readonly memory: NonNullable<SearchMemoriesHit["memory"]> },
  words: readonly FoundWord[],
): SearchMemoriesHit {
  return create(SearchMemoriesHitSchema, {
    ...shown,
    citation: `m:${module}/${position}`,
    highlights: words.map(({ start, end }) => ({ start, end })),
    score: {
      total: score.total,
      passage: score.passage,
      window: score.window,
      boosts: score.boosts.map(({ reason, factor }) => ({ reason: REASONS[reason], factor })),
    },
  });
}

const REASONS: Readonly<Record<Boost["reason"], SearchBoost_Reason>> = {
  "source named": SearchBoost_Reason.SOURCE_NAMED,
  asker: SearchBoost_Reason.ASKER,
  "month named": SearchBoost_Reason.MONTH_NAMED,
};
