import type { CallContext } from "#shared/auth/call-context.ts";
import type { EdgeRow } from "../domain/graph-rows.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import { relationshipNotFound } from "../domain/refusals.ts";
import { relationshipOf } from "../domain/relationship-of.ts";
import { evidenceMaxOf, findEvidence } from "./find-evidence.ts";
import type { Graph, GraphReadNeeds } from "./read-needs.ts";

export function getRelationship({ store, awaitPlace }: GraphReadNeeds): Graph["getRelationship"] {
  return async ({ id, atLeast }, call) => {
    await awaitPlace(atLeast, call);
    const row = await requireRelationship(store, call, id.toLowerCase(), "id");
    const evidenceOf = await findEvidence(store, call, [row], evidenceMaxOf(0));
    return { relationship: relationshipOf(row, { evidence: evidenceOf(row) }) };
  };
}

/** The relationship of this id. Rejects with RELATIONSHIP_NOT_FOUND, naming the field that the id came from. */
export async function requireRelationship(
  store: Pick<GraphReader, "edges">,
  call: CallContext,
  id: string,
  field: string,
): Promise<EdgeRow> {
  const [row] = await store.edges(call.scope, [id], call.signal);
  if (row === undefined) throw relationshipNotFound(id, field);
  return row;
}
