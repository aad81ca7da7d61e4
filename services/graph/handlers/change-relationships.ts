import { randomUUIDv7 } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { RelationshipContentSchema } from "#gen/cos/graph/v1/by_hand_pb.ts";
import type { RelationshipWritten } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import { moduleOr } from "../domain/default-module.ts";
import type { EdgeRow } from "../domain/graph-rows.ts";
import { idOfNew } from "../domain/new-id.ts";
import { nodeNotFound, refuseFaults } from "../domain/refusals.ts";
import { relationshipOf } from "../domain/relationship-of.ts";
import {
  checkRelationshipMask,
  newRelationship,
  relationshipFaults,
  sizeFaults,
  updatedRelationship,
} from "../domain/written-items.ts";
import { findEvidence } from "./find-evidence.ts";
import { requireRelationship } from "./get-relationship.ts";
import { changedBy, changeOf, type GraphWriteNeeds, performAct } from "./perform-act.ts";
import { readEdgeByHand } from "./read-by-hand.ts";
import type { Graph } from "./read-needs.ts";
import { untilFresh } from "./until-fresh.ts";

/** Where a caller names the module. */
const MODULE_FIELD = "relationship.module";

type Changes = Pick<Graph, "createRelationship" | "updateRelationship" | "deleteRelationship">;

/** Makes, changes and deletes relationships by hand. */
export function changeRelationships(needs: GraphWriteNeeds): Changes {
  return {
    createRelationship: createRelationship(needs),
    updateRelationship: updateRelationship(needs),
    deleteRelationship: deleteRelationship(needs),
  };
}

function createRelationship(needs: GraphWriteNeeds): Graph["createRelationship"] {
  return async ({ relationship: content = create(RelationshipContentSchema), idempotencyKey }, call) => {
    const module = moduleOr(content.module);
    const id = idempotencyKey === "" ? randomUUIDv7() : idOfNew(module, idempotencyKey);
    const written = newRelationship(id, content);
    const changes = [changeOf({ case: "relationshipWritten", value: written })];
    refuseFaults(relationshipFaults(written, "relationship"));
    refuseFaults(sizeFaults(changes, "relationship.properties"));
    const refusal = await missingEnd(needs, call, written);
    const act = { module, act: changedBy(changes), idempotencyKey };
    const cursor = await performAct(needs, call, act, { moduleField: MODULE_FIELD, refusal });
    const [row] = await needs.store.edges(call.scope, [id], call.signal);
    return { cursor, ...(row !== undefined && { relationship: await withEvidence(needs, call, row) }) };
  };
}

/** The log takes ends that nobody has made; a caller is told of them, in modules that it may see. */
async function missingEnd(
  { store }: GraphWriteNeeds,
  { scope, signal }: CallContext,
  { fromId, toId }: RelationshipWritten,
): Promise<CosError | undefined> {
  const ids = new Set((await store.nodes(scope, [fromId, toId], signal)).map(({ id }) => id));
  if (!ids.has(fromId)) return nodeNotFound(fromId, "relationship.from_id");
  return ids.has(toId) ? undefined : nodeNotFound(toId, "relationship.to_id");
}

function updateRelationship(needs: GraphWriteNeeds): Graph["updateRelationship"] {
  return ({ id: given, relationship: content = create(RelationshipContentSchema), updateMask, revision }, call) =>
    untilFresh(revision, async () => {
      const { paths } = updateMask ?? { paths: [] };
      checkRelationshipMask(paths);
      const [id, module] = [given.toLowerCase(), moduleOr(content.module)];
      const row = await readEdgeByHand(needs.store, call, { id, module, revision });
      const written = updatedRelationship(row, content, paths);
      const changes = [changeOf({ case: "relationshipWritten", value: written })];
      refuseFaults(relationshipFaults(written, "relationship"));
      refuseFaults(sizeFaults(changes, "relationship.properties"));
      const act = { module, act: changedBy(changes) };
      const cursor = await performAct(needs, call, act, { moduleField: MODULE_FIELD });
      const changed = await requireRelationship(needs.store, call, id, "id");
      return { relationship: await withEvidence(needs, call, changed), cursor };
    });
}

function deleteRelationship(needs: GraphWriteNeeds): Graph["deleteRelationship"] {
  return async ({ id: given, module: named, revision }, call) => {
    const [id, module] = [given.toLowerCase(), moduleOr(named)];
    await readEdgeByHand(needs.store, call, { id, module, revision });
    const value = { $typeName: "cos.graph.v1.ItemDeleted", id, revision, withRelationships: false } as const;
    const change = changeOf({ case: "relationshipDeleted", value });
    return { cursor: await performAct(needs, call, { module, act: changedBy([change]) }) };
  };
}

async function withEvidence({ store }: GraphWriteNeeds, call: CallContext, row: EdgeRow): Promise<Relationship> {
  const evidenceOf = await findEvidence(store, call, [row], 1);
  return relationshipOf(row, { evidence: evidenceOf(row) });
}
