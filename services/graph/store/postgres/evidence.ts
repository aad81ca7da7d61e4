import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { NodeRow } from "../../domain/graph-rows.ts";
import type { GraphReader } from "../../domain/graph-store.ts";
import { plainArray, textArray } from "./array-literal.ts";
import { referenceLane } from "./edge-lanes.ts";
import { live } from "./generations.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import { inScope, isVisible, scopeParameter } from "./visibility.ts";

const countOf = (end: string): string =>
  `coalesce((select n.count from cos_graph.node n where n.generation = ${live} and n.id = ${end} limit 1), 0)`;

/**
 * The references to the end that fewer memories mention are walked, latest first; of each it is asked whether its memory references the
 * other end too. References count 1 each (EdgeRow), so that they stand in the index by their positions. A memory that
 * names an end twice comes once.
 * $1 scope, $2 to $4 the pairs, $5 below this position, $6 limit.
 */
const evidence = `select g.nth::int as nth, ${nodeColumns}
  from unnest($2::text[], $3::uuid[], $4::uuid[]) with ordinality g (module, one, two, nth)
  cross join lateral (select ${countOf("g.one")} <= ${countOf("g.two")} as first offset 0) w
  cross join lateral (
    select case when w.first then g.one else g.two end as rare, case when w.first then g.two else g.one end as frequent offset 0) p
  cross join lateral (
    select distinct on ((-e.position), e.from_id) n.* from cos_graph.edge e
    cross join lateral (
      select * from cos_graph.node n where n.generation = e.generation and n.id = e.from_id and ${inScope("n")} limit 1) n
    where e.to_id = p.rare and e.lane = ${referenceLane(live)} and (-e.count) = -1 and (-e.position) > -($5::bigint)
      and (e.module = g.module) is true and e.mention_kind is not null and ${isVisible("e")}
      and (select true from cos_graph.edge o
        where o.from_id = e.from_id and o.lane = e.lane and (o.to_id = p.frequent) is true
          and (o.module = g.module) is true and o.mention_kind is not null and o.passages && e.passages and ${isVisible("o")} limit 1)
    order by (-e.position), e.from_id limit $6) n
  order by g.nth, n.position desc, n.id`;

/** The memories that a co-occurrence stands on, for each of some pairs. */
export async function readEvidence(
  postgres: Postgres,
  scope: Scope,
  { pairs, before, limit }: Parameters<GraphReader["evidence"]>[1],
  signal?: AbortSignal,
): Promise<NodeRow[][]> {
  const rows = await queryAbortably<StoredNode & { nth: number } & Record<string, unknown>>(postgres, {
    name: "graph_evidence",
    text: evidence,
    values: [
      scopeParameter(scope),
      textArray(pairs.map(({ module }) => module)),
      plainArray(pairs.map(({ from }) => from)),
      plainArray(pairs.map(({ to }) => to)),
      before ?? Number.MAX_SAFE_INTEGER,
      limit,
    ],
    signal,
  });
  const memories = pairs.map((): NodeRow[] => []);
  for (const row of rows) memories[row.nth - 1]?.push(nodeOf(row));
  return memories;
}
