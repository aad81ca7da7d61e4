import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { SearchCandidate, SearchQuery } from "../../domain/graph-store.ts";
import { LABELS } from "../../domain/vocabulary.ts";
import { textArray } from "./array-literal.ts";
import { live } from "./generations.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import { inScope, scopeParameter } from "./visibility.ts";

/** $1 scope, $2 module, $3 labels, $4 the words as a tsquery, $5 limit, $6 how many memories are looked at in their order. */
const isWanted = `(n.label = any ($3::text[])) is true`;

const ofModules = (row: "m" | "t"): string =>
  `(${row}.generation = ${live} and ($2::text is null or ${row}.module = $2) and ${inScope(row)}) is true`;

const nodeOfWords = `cross join lateral (
    select * from cos_graph.node n
    where n.generation = t.generation and n.module = t.module and n.id = t.id and ${isWanted} limit 1) n`;

const asCandidate = "n.*, n.name as found";

/**
 * Nodes are found by the names that memories have for them, and by their own, which people may have given them. Memories come last, since they count 0; they are many,
 * so they are only looked at while there is room. Then the first of them in their order: what many hold is found there soon.
 * What few hold the index finds, without reading much.
 */
const search = `with named as materialized (
  select n.*, m.form as found, m.count as uses from cos_graph.name m cross join lateral (
      select * from cos_graph.node n
      where n.generation = m.generation and n.module = m.module and n.id = m.entity and ${isWanted} limit 1) n
  where m.words @@ $4::tsquery and ${ofModules("m")}
), others as materialized (
  select ${asCandidate}, 0 as uses from (
    select * from cos_graph.words t where t.words @@ $4::tsquery and not t.memory and ${ofModules("t")} offset 0) t ${nodeOfWords}
), best as (
  select distinct on (id, module) * from (select * from named union all select * from others) n
  order by id, module, uses desc, found
), first as materialized (
  select * from best n order by n.count desc, n.id limit $5
), early as materialized (
  select ${asCandidate}, 0 as uses from (
    select * from (
      select * from cos_graph.words t where (t.generation = ${live}) is true and t.memory order by t.id limit $6) t
    where t.words @@ $4::tsquery and ${ofModules("t")}) t ${nodeOfWords}
  where (select count(*) from first where count > 0) < $5
  limit $5
), late as materialized (
  select ${asCandidate}, 0 as uses from (
    select * from cos_graph.words t where t.words @@ $4::tsquery and t.memory and ${ofModules("t")} offset 0) t ${nodeOfWords}
  where (select count(*) from first where count > 0) < $5 and (select count(*) from early) < $5
)
select ${nodeColumns}, n.found from (
  select * from first union all select * from early where (select count(*) from early) = $5 union all select * from late
) n order by n.count desc, n.id limit $5`;

/** How many memories are looked at in their order: about 20 ms. */
const memoriesLookedAt = 20_000;

/** Candidates for a search: nodes with a name in which each of the words begins a word. */
export async function searchNames(
  postgres: Postgres,
  scope: Scope,
  { words, module, labels, limit }: SearchQuery,
  { signal, looksAt = memoriesLookedAt }: { readonly signal?: AbortSignal | undefined; readonly looksAt?: number } = {},
): Promise<SearchCandidate[]> {
  const rows = await queryAbortably<StoredNode & { found: string } & Record<string, unknown>>(postgres, {
    name: "graph_search",
    text: search,
    values: [
      scopeParameter(scope),
      module,
      textArray(labels.length === 0 ? LABELS : labels),
      // Letters and digits alone (searchWords): nothing that a tsquery would read as anything else.
      words.map((word) => `${word}:*`).join(" & "),
      limit,
      looksAt,
    ],
    signal,
  });
  return rows.map((row) => ({ node: nodeOf(row), name: row.found }));
}
