import { int } from "neo4j-driver";
import type { EdgeRow, NodeRow } from "../../domain/graph-rows.ts";
import type { EdgeFilter, NeighborQuery, Step } from "../../domain/graph-store.ts";
import { TYPES } from "../../domain/vocabulary.ts";
import { edgeOf, HEAD, inScope, itemAt } from "./cypher.ts";
import { bare, idOfGid } from "./gid.ts";
import type { Reading } from "./reading.ts";
import { edgeRow, nodeRow, type StoredEdge, type StoredNode } from "./stored-rows.ts";
import { anyOf } from "./whitelist.ts";

const ARROWS = { both: ["-", "-"], outgoing: ["-", "->"], incoming: ["<-", "-"] } as const;

/** From `n` over `r` to `o`; undefined: nothing is followed. */
function patternOf({ way, types, manual }: EdgeFilter): string | undefined {
  if (types.length === 0 && !manual) return undefined;
  const [left, right] = ARROWS[way];
  const seen = `${inScope("r")} AND ${inScope("o")}`;
  return manual
    ? `(n)${left}[r:${anyOf(TYPES)}]${right}(o) WHERE ${seen} AND (r.manual OR type(r) IN $types)`
    : `(n)${left}[r:${anyOf(types)}]${right}(o) WHERE ${seen}`;
}

/** A node's edges with their other ends, by count, descending, then position, descending, then edge id. */
export async function readNeighbors(
  reading: Reading,
  query: NeighborQuery,
): Promise<{ readonly edge: EdgeRow; readonly node: NodeRow }[]> {
  const { node, types, after, limit } = query;
  const pattern = patternOf(query);
  if (pattern === undefined) return [];
  const further = `AND (r.count < $after.count OR (r.count = $after.count AND (coalesce(r.position, 0) < $after.position
    OR (coalesce(r.position, 0) = $after.position AND r.gid > h.live + $after.id))))`;
  const text = `${HEAD} ${itemAt("n", "h.live + $id")} WHERE ${inScope("n")}
    MATCH ${pattern} ${after === undefined ? "" : further}
    WITH r, o ORDER BY r.count DESC, coalesce(r.position, 0) DESC, r.gid LIMIT $limit
    RETURN ${edgeOf("r")} AS edge, properties(o) AS node`;
  const rows = await reading.run<{ edge: StoredEdge; node: StoredNode }>(text, {
    id: bare(node),
    types,
    after: after && { count: int(after.count), position: int(after.position), id: bare(after.id) },
    limit: int(limit),
  });
  return rows.map((row) => ({ edge: edgeRow(row.edge), node: nodeRow(row.node) }));
}

/** Of each node its first edges, by count, descending, then id. */
export async function expand(
  reading: Reading,
  query: EdgeFilter & { readonly nodes: readonly string[]; readonly fanOut: number },
): Promise<Step[]> {
  const { nodes, types, fanOut } = query;
  const pattern = patternOf(query);
  if (pattern === undefined || nodes.length === 0) return [];
  const text = `${HEAD} UNWIND $ids AS id ${itemAt("n", "h.live + id")} WHERE ${inScope("n")}
    CALL (n) { MATCH ${pattern} RETURN r, o ORDER BY r.count DESC, coalesce(r.position, 0) DESC, r.gid LIMIT $fanOut }
    RETURN [n.gid, r.gid, o.gid, r.count] AS step`;
  const ids = [...new Set(nodes)].map(bare);
  const rows = await reading.run<{ step: [string, string, string, number] }>(text, { ids, types, fanOut: int(fanOut) });
  return rows.map(({ step: [from, edge, to, count] }) => ({
    edge: idOfGid(edge),
    from: idOfGid(from),
    to: idOfGid(to),
    count,
  }));
}
