import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { GraphReader, TopicRow } from "../../domain/graph-store.ts";
import { textArray } from "./array-literal.ts";
import { referenceLane } from "./edge-lanes.ts";
import { live } from "./generations.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import { inScope, isVisible, scopeParameter } from "./visibility.ts";

/** Only memories that are not forgotten have a time (NodeRow). $1 scope, $2 module, $3 from and $4 until, $5 kinds (null: any), $6 limit. */
const topics = `with memories as materialized (
  select n.id, n.occurred_ms from cos_graph.node n
  where n.generation = ${live} and n.module = $2 and ${inScope("n")} and n.occurred_ms is not null
    and n.occurred_ms >= $3::bigint and n.occurred_ms < $4::bigint and not n.forgotten
), mentioned as (
  select distinct e.to_id, m.id, m.occurred_ms from memories m cross join lateral (
    select e.to_id from cos_graph.edge e
    where e.from_id = m.id and e.lane = ${referenceLane(live)} and e.mention_kind is not null
      and ${isVisible("e")} offset 0) e
), counted as (
  select to_id, count(*)::int as memories, min(occurred_ms) as first, max(occurred_ms) as last from mentioned group by to_id
), top as (
  select n.*, c.memories, c.first, c.last from counted c cross join lateral (
    select * from cos_graph.node n
    where n.generation = ${live} and n.id = c.to_id and (n.label in ('Entity', 'Concept')) is true and ${inScope("n")}
      and ($5::text[] is null or n.kind = any ($5)) limit 1) n
  order by c.memories desc, n.id limit $6
)
select (select count(*)::int from memories) as total, n.memories, n.first::float8 as first, n.last::float8 as last, ${nodeColumns}
from (select) one left join top n on true order by n.memories desc, n.id`;

type StoredTopic = StoredNode & { total: number; memories: number | null; first: number; last: number };

/** Who and what a time was about. */
export async function readTopics(
  postgres: Postgres,
  scope: Scope,
  query: Parameters<GraphReader["topics"]>[1],
  signal?: AbortSignal,
): Promise<{ memories: number; topics: TopicRow[] }> {
  const { module, sinceMs, untilMs, kinds, limit } = query;
  const rows = await queryAbortably<StoredTopic & Record<string, unknown>>(postgres, {
    name: "graph_topics",
    text: topics,
    values: [
      scopeParameter(scope),
      module,
      // Memories happened at whole milliseconds.
      Math.ceil(sinceMs ?? Number.MIN_SAFE_INTEGER),
      Math.ceil(untilMs ?? Number.MAX_SAFE_INTEGER),
      kinds.length === 0 ? undefined : textArray(kinds),
      limit,
    ],
    signal,
  });
  const found = rows.filter(({ memories }) => memories !== null);
  return {
    memories: rows[0]?.total ?? 0,
    topics: found.map((row) => ({
      node: nodeOf(row),
      count: row.memories as number,
      firstMs: row.first,
      lastMs: row.last,
    })),
  };
}
