import type { CallContext } from "#shared/auth/call-context.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import { followedEdges, reversed } from "../domain/edge-filter.ts";
import { nodeOf } from "../domain/node-of.ts";
import { nodeNotFound } from "../domain/refusals.ts";
import { relationshipOf } from "../domain/relationship-of.ts";
import { type Path, shortestPath } from "../domain/shortest-path.ts";
import { evidenceMaxOf, findEvidence } from "./find-evidence.ts";
import type { Graph, GraphReadNeeds } from "./read-needs.ts";
import { expandIn } from "./traverse.ts";

const DEPTH_UNSET = 6;

export function findShortestPath({ store, awaitPlace }: GraphReadNeeds): Graph["findShortestPath"] {
  return async ({ fromId, toId, depth, direction, types, evidenceMax, atLeast }, call) => {
    const [from, to] = [fromId.toLowerCase(), toId.toLowerCase()];
    if (from === to) throw invalidField("to_id", "must be another node than from_id");
    await awaitPlace(atLeast, call);
    const ends = await store.nodes(call.scope, [from, to], call.signal);
    for (const [field, id] of [["from_id", from] as const, ["to_id", to] as const]) {
      if (!ends.some((row) => row.id === id)) throw nodeNotFound(id, field);
    }
    const filter = followedEdges(direction, types);
    const { path, truncated } = await shortestPath(
      expandIn(store, call, filter),
      expandIn(store, call, reversed(filter)),
      { from, to, depth: depth === 0 ? DEPTH_UNSET : depth },
    );
    if (path === undefined) return { truncated };
    return { ...(await readPath(store, call, path, evidenceMaxOf(evidenceMax))), truncated };
  };
}

/** The way as it is now. One that was cut meanwhile is none. */
async function readPath(
  store: GraphReadNeeds["store"],
  call: CallContext,
  { nodes, edges }: Path,
  evidenceMax: number,
) {
  const { scope, signal } = call;
  const [nodeRows, edgeRows] = await Promise.all([
    store.nodes(scope, nodes, signal),
    store.edges(scope, edges, signal),
  ]);
  if (nodeRows.length < nodes.length || edgeRows.length < edges.length) return {};
  const evidenceOf = await findEvidence(store, call, edgeRows, evidenceMax);
  const byPlace = (ids: readonly string[]) => (left: { id: string }, right: { id: string }) =>
    ids.indexOf(left.id) - ids.indexOf(right.id);
  return {
    nodes: nodeRows.sort(byPlace(nodes)).map((row) => nodeOf(row)),
    relationships: edgeRows.sort(byPlace(edges)).map((row) => relationshipOf(row, { evidence: evidenceOf(row) })),
  };
}
