import { int } from "neo4j-driver";
import type { NodeRow } from "../../domain/graph-rows.ts";
import type { GraphReader } from "../../domain/graph-store.ts";
import { HEAD, inScope, itemAt } from "./cypher.ts";
import { bare } from "./gid.ts";
import type { Reading } from "./reading.ts";
import { nodeRow, type StoredNode } from "./stored-rows.ts";

const derived = (edge: string) => `${edge}.module = pair.module AND ${edge}.mention IS NOT NULL AND ${inScope(edge)}`;

/** Begins at the end that fewer memories reference. Two clauses, so that the two references may be one where both ends are. */
const EVIDENCE = `${HEAD} UNWIND $pairs AS pair
  ${itemAt("a", "h.live + pair.from")} WHERE ${inScope("a")}
  ${itemAt("b", "h.live + pair.to")} WHERE ${inScope("b")}
  WITH pair, CASE WHEN COUNT { (a)<-[:REFERENCES]-() } <= COUNT { (b)<-[:REFERENCES]-() } THEN [a, b] ELSE [b, a] END AS ends
  WITH pair, ends[0] AS few, ends[1] AS many
  CALL (pair, few, many) {
    MATCH (few)<-[x:REFERENCES]-(e) WHERE ${derived("x")} AND ${inScope("e")} AND ($before IS NULL OR e.position < $before)
    MATCH (e)-[y:REFERENCES]->(many) WHERE ${derived("y")} AND any(passage IN x.passages WHERE passage IN y.passages)
    WITH DISTINCT e ORDER BY e.position DESC, e.gid LIMIT $limit
    RETURN e
  }
  RETURN pair.place AS place, properties(e) AS e`;

/** For each pair the memories that reference both ends in a common passage, the latest first. */
export async function readEvidence(
  reading: Reading,
  { pairs, before, limit }: Parameters<GraphReader["evidence"]>[1],
): Promise<NodeRow[][]> {
  const found: NodeRow[][] = pairs.map(() => []);
  if (pairs.length === 0) return found;
  const rows = await reading.run<{ place: number; e: StoredNode }>(EVIDENCE, {
    pairs: pairs.map(({ module, from, to }, place) => ({ module, from: bare(from), to: bare(to), place: int(place) })),
    before: before === undefined ? null : int(before),
    limit: int(limit),
  });
  for (const { place, e } of rows) found[place]?.push(nodeRow(e));
  return found;
}
