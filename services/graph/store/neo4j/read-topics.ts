import { int } from "neo4j-driver";
import type { GraphReader, TopicRow } from "../../domain/graph-store.ts";
import { HEAD, inScope, isMemory } from "./cypher.ts";
import type { Reading } from "./reading.ts";
import { nodeRow, type StoredNode } from "./stored-rows.ts";

/** Further than any time that a memory may have. */
const EVER_MS = 1e15;

const MEMORIES = `${HEAD} MATCH (e:CosItem) USING INDEX e:CosItem(module, occurredMs) WHERE e.module = $module AND e.occurredMs >= $sinceMs AND e.occurredMs < $untilMs
  AND e.gid STARTS WITH h.live AND ${inScope("e")} AND ${isMemory("e")} AND e.forgotten IS NULL`;

const TOPICS = `${MEMORIES} WITH collect(e) AS memories
  CALL (memories) {
    UNWIND memories AS e
    MATCH (e)-[r:REFERENCES]->(t) WHERE r.mention IS NOT NULL AND ${inScope("r")} AND ${inScope("t")}
      AND t.label IN ['Entity', 'Concept'] AND (size($kinds) = 0 OR coalesce(t.kind, '') IN $kinds)
    WITH DISTINCT e, t
    WITH t, count(e) AS count, min(e.occurredMs) AS firstMs, max(e.occurredMs) AS lastMs
    ORDER BY count DESC, t.gid LIMIT $limit
    RETURN collect({node: properties(t), count: count, firstMs: firstMs, lastMs: lastMs}) AS topics
  }
  RETURN size(memories) AS memories, topics`;

/** How many memories of a module happened in a time, and what they reference most. */
export async function readTopics(
  reading: Reading,
  { module, sinceMs = -EVER_MS, untilMs = EVER_MS, kinds, limit }: Parameters<GraphReader["topics"]>[1],
): Promise<{ readonly memories: number; readonly topics: TopicRow[] }> {
  const rows = await reading.run<{ memories: number; topics: (Omit<TopicRow, "node"> & { node: StoredNode })[] }>(
    TOPICS,
    {
      module,
      sinceMs: int(sinceMs),
      untilMs: int(untilMs),
      kinds,
      limit: int(limit),
    },
  );
  const [{ memories, topics } = { memories: 0, topics: [] }] = rows;
  return { memories, topics: topics.map(({ node, ...topic }) => ({ ...topic, node: nodeRow(node) })) };
}
