import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { SearchMemoriesRequestSchema, type SearchMemoriesResponse } from "#gen/cos/conductor/v1/search_pb.ts";
import type { StepLimits } from "#services/conductor/domain/index-step.ts";
import type { AwaitIndexTimes } from "#services/conductor/search/await-index.ts";
import { IndexWatch } from "#services/conductor/search/index-watch.ts";
import { openSearch } from "#services/conductor/search/search-memories.ts";
import type { Recorded } from "#services/conductor/store/group-commit.ts";
import { localScope, type Scope } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";

type MemoryInit = Exclude<Parameters<typeof someMemory>[0], undefined>;
type Request = Exclude<MessageInitShape<typeof SearchMemoriesRequestSchema>, { $typeName: string }>;

export interface SearchCall {
  readonly scope?: Scope;
  readonly deadlineMs?: number;
  readonly signal?: AbortSignal;
}

/** A store with its index, which moves only when the test says so. */
export interface Searchable extends TestStore {
  registerModule(name: string): Promise<void>;
  /** Records memories, in module `cc` unless they say otherwise. */
  record(...memories: MemoryInit[]): Promise<Recorded[]>;
  /** Indexes until nothing is left. */
  index(limits?: Partial<StepLimits>): Promise<void>;
  search(request: Request, call?: SearchCall): Promise<SearchMemoriesResponse>;
  /** The citations of what a query finds, the best first. */
  find(query: string, more?: Request, call?: SearchCall): Promise<string[]>;
  /** All that the index holds, row by row, in an order of its own. */
  dump(): Promise<unknown[]>;
}

const everything = localScope();

export async function openSearchable(times?: Partial<AwaitIndexTimes>): Promise<Searchable> {
  const given = await openTestStore();
  const { store, client } = given;
  const { search: index, log } = store;
  const watch = new IndexWatch({ places: () => index.places("all"), pollMs: 1 });
  const search = openSearch({ index, log, places: index.places, watch, ...(times === undefined ? {} : { times }) });
  const ask: Searchable["search"] = (request, call = {}) =>
    search(create(SearchMemoriesRequestSchema, request), {
      scope: call.scope ?? everything,
      signal: call.signal ?? new AbortController().signal,
      deadlineMs: call.deadlineMs ?? Number.POSITIVE_INFINITY,
    });
  return {
    ...given,
    registerModule: async (name) => void (await store.registerModule(everything, create(ModuleSchema, { name }))),
    record: (...memories) =>
      store.recordAtomic(
        everything,
        memories.map((memory) => someMemory(memory)),
      ),
    async index(limits = {}) {
      while (await index.isBehind()) await index.step({ memoriesMax: 1000, bytesMax: 1_000_000, ...limits });
    },
    search: ask,
    async find(query, more = {}, call = {}) {
      return (await ask({ query, ...more }, call)).hits.map(({ citation }) => citation);
    },
    async dump() {
      const passages = "select p.*, p.lex::text as lex from mem0_cc.passage p order by module, position, part";
      const terms = "select * from mem0_cc.term order by module, lexeme";
      const places =
        "select module, position, passages, words, language, rules, clearing from mem0_cc.index_place order by module";
      const all = [];
      for (const text of [passages, terms, places]) all.push((await client.query(text)).rows);
      return all;
    },
  };
}
