import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { IndexedModule, SearchCall } from "../../domain/search-index.ts";
import { scopeParameter } from "../visibility.ts";
import { languageOf } from "./language-of.ts";
import { timeLeftMs } from "./time-left.ts";

/** Words are reduced as those in the index were, also while another language waits to be indexed by. */
const text = `
  select m.name as module, coalesce(p.language, ${languageOf}) as language, coalesce(p.position, 0)::float8 as position,
         h.position::float8 as head, coalesce(p.passages, 0)::float8 as passages, coalesce(p.words, 0)::float8 as words
  from mem0_cc.module m
  join mem0_cc.head h on h.module = m.name
  left join mem0_cc.index_place p on p.module = m.name
  where ($1::text[] is null or m.name = any ($1)) and ($2::text[] is null or m.name = any ($2))
  order by m.name collate "C"`;

/** The modules that are searched, as far as the caller may see them. */
export async function readModules(
  postgres: Postgres,
  call: SearchCall,
  names: readonly string[] | "all",
): Promise<IndexedModule[]> {
  return queryAbortably<IndexedModule & Record<string, unknown>>(postgres, {
    text,
    values: [names === "all" ? null : names, scopeParameter(call.scope)],
    signal: call.signal,
    timeoutMs: timeLeftMs(call),
  });
}
