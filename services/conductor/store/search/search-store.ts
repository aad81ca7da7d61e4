import type { Postgres } from "#shared/postgres/open-postgres.ts";
import type { IndexStep, StepLimits } from "../../domain/index-step.ts";
import type { SearchIndex } from "../../domain/search-index.ts";
import { findCandidates, isNarrow } from "./find-candidates.ts";
import { indexPlaces } from "./index-places.ts";
import { isIndexBehind } from "./is-index-behind.ts";
import { readAround } from "./read-around.ts";
import { readMemories } from "./read-memories.ts";
import { readModules } from "./read-modules.ts";
import { countTerms, nearLexemes, readLexemes, readWords } from "./read-terms.ts";
import { stepIndex } from "./step-index.ts";

/** The index of SearchMemories: those who search read it, and one process at a time keeps it. */
export interface SearchStore extends SearchIndex {
  /** Whether there is something to index. */
  isBehind(signal?: AbortSignal): Promise<boolean>;
  /** Indexes what comes next, if no other process is at it. */
  step(limits: StepLimits): Promise<IndexStep>;
  /** How far each module is indexed; those that have not been begun are left out. */
  places(modules: readonly string[] | "all", signal?: AbortSignal): Promise<Map<string, number>>;
}

export function searchStore(postgres: Postgres): SearchStore {
  return {
    readModules: (...asked) => readModules(postgres, ...asked),
    readLexemes: (...asked) => readLexemes(postgres, ...asked),
    countTerms: (...asked) => countTerms(postgres, ...asked),
    nearLexemes: (...asked) => nearLexemes(postgres, ...asked),
    isNarrow: (...asked) => isNarrow(postgres, ...asked),
    findCandidates: (...asked) => findCandidates(postgres, ...asked),
    readAround: (...asked) => readAround(postgres, ...asked),
    readMemories: (...asked) => readMemories(postgres, ...asked),
    readWords: (...asked) => readWords(postgres, ...asked),
    isBehind: (signal) => isIndexBehind(postgres, signal),
    step: (limits) => stepIndex(postgres, limits),
    places: (modules, signal) => indexPlaces(postgres, modules, signal),
  };
}
