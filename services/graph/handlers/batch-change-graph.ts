import type { GraphChange } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { changeFaults, idsNamed, judgeChanges, placeIds } from "../domain/batch-changes.ts";
import { moduleOr } from "../domain/default-module.ts";
import { nodeOf } from "../domain/node-of.ts";
import { refuseFaults } from "../domain/refusals.ts";
import { relationshipOf } from "../domain/relationship-of.ts";
import { sizeFaults } from "../domain/written-items.ts";
import { findEvidence } from "./find-evidence.ts";
import { changedBy, type GraphWriteNeeds, performAct } from "./perform-act.ts";
import type { Graph } from "./read-needs.ts";

export function batchChangeGraph(needs: GraphWriteNeeds): Graph["batchChangeGraph"] {
  const { store } = needs;
  return async (request, call) => {
    const { scope, signal } = call;
    const module = moduleOr(request.module);
    const { idempotencyKey } = request;
    refuseFaults([...changeFaults(request.changes), ...sizeFaults(request.changes, "changes")]);
    const changes = placeIds(module, request.changes);
    const named = idsNamed(changes);
    const [nodes, edges] = await Promise.all([
      named.nodes.length === 0 ? [] : store.nodes(scope, named.nodes, signal),
      named.edges.length === 0 ? [] : store.edges(scope, named.edges, signal),
    ]);
    const refusal = judgeChanges({ module, changes, nodes, edges });
    const cursor = await performAct(needs, call, { module, act: changedBy(changes), idempotencyKey }, { refusal });
    const written = writtenBy(changes);
    const [nodeRows, edgeRows] = await Promise.all([
      store.nodes(scope, written.nodes, signal),
      store.edges(scope, written.edges, signal),
    ]);
    const evidenceOf = await findEvidence(store, call, edgeRows, 1);
    return {
      cursor,
      nodes: inOrder(written.nodes, nodeRows).map((row) => nodeOf(row)),
      relationships: inOrder(written.edges, edgeRows).map((row) => relationshipOf(row, { evidence: evidenceOf(row) })),
    };
  };
}

function writtenBy(changes: readonly GraphChange[]): { nodes: string[]; edges: string[] } {
  const idsOf = (what: "nodeWritten" | "relationshipWritten") =>
    changes.flatMap(({ change }) => (change.case === what ? change.value.id : []));
  return { nodes: [...new Set(idsOf("nodeWritten"))], edges: [...new Set(idsOf("relationshipWritten"))] };
}

/** The rows that are there, in the order of the ids. */
function inOrder<Row extends { readonly id: string }>(ids: readonly string[], rows: readonly Row[]): Row[] {
  const byId = new Map(rows.map((row) => [row.id, row]));
  return ids.flatMap((id) => byId.get(id) ?? []);
}
