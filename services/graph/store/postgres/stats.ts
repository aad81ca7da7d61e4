import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { StatsRow } from "../../domain/graph-store.ts";
import { textArray } from "./array-literal.ts";
import { live } from "./generations.ts";
import { inScope, isVisible, scopeParameter } from "./visibility.ts";

/** Counts are kept by those who write; only loose edges, whose ends may not be there, have to be counted. $1 scope, $2 module. */
const stats = `select s.module, s.what, s.name, s.kind, s.origin, sum(s.count)::float8 as count from (
    select t.module, t.what, t.name, t.kind, t.origin, t.count from cos_graph.tally t
    where t.generation = ${live} and t.what <> 'memory' and ($2::text is null or t.module = $2) and ${inScope("t")}
    union all
    select e.module, 'edge', e.type, '', e.origin, 1 from cos_graph.edge e
    where e.generation = ${live} and e.loose and ($2::text is null or e.module = $2) and ${isVisible("e")}
  ) s group by s.module, s.what, s.name, s.kind, s.origin having sum(s.count) > 0`;

const memories = `select g.module, coalesce((
    select t.count from cos_graph.tally t
    where t.generation = ${live} and t.module = g.module and t.what = 'memory' and t.name = '' and t.kind = '' and t.origin = ''
      and ${inScope("t")}), 0)::float8 as count
  from unnest($2::text[]) g (module)`;

/** How many there are of everything. */
export async function readStats(
  postgres: Postgres,
  scope: Scope,
  module: string | undefined,
  signal?: AbortSignal,
): Promise<StatsRow[]> {
  const values = [scopeParameter(scope), module];
  return queryAbortably<StatsRow & Record<string, unknown>>(postgres, {
    name: "graph_stats",
    text: stats,
    values,
    signal,
  });
}

/** How many memories each module has that are not forgotten. */
export async function readMemoryCounts(
  postgres: Postgres,
  scope: Scope,
  modules: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const values = [scopeParameter(scope), textArray([...new Set(modules)])];
  const query = { name: "graph_memory_counts", text: memories, values, signal };
  const rows = await queryAbortably<{ module: string; count: number }>(postgres, query);
  return new Map(rows.map(({ module, count }) => [module, count]));
}
