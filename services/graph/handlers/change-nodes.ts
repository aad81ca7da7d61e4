import { randomUUIDv7 } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { NodeContentSchema } from "#gen/cos/graph/v1/by_hand_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleOr } from "../domain/default-module.ts";
import type { NeighborQuery } from "../domain/graph-store.ts";
import { idOfNew } from "../domain/new-id.ts";
import { nodeOf } from "../domain/node-of.ts";
import { nodeInUse, refuseFaults } from "../domain/refusals.ts";
import { checkNodeMask, newNode, nodeFaults, sizeFaults, updatedNode } from "../domain/written-items.ts";
import { changedBy, changeOf, type GraphWriteNeeds, performAct } from "./perform-act.ts";
import { readNodeByHand } from "./read-by-hand.ts";
import { type Graph, requireNode } from "./read-needs.ts";
import { untilFresh } from "./until-fresh.ts";

/** How many relationships are read at a time. */
const TOUCHING_ROWS = 100;

/** Makes, changes and deletes nodes by hand. */
export function changeNodes(needs: GraphWriteNeeds): Pick<Graph, "createNode" | "updateNode" | "deleteNode"> {
  return { createNode: createNode(needs), updateNode: updateNode(needs), deleteNode: deleteNode(needs) };
}

function createNode(needs: GraphWriteNeeds): Graph["createNode"] {
  return async ({ node: content = create(NodeContentSchema), idempotencyKey }, call) => {
    const module = moduleOr(content.module);
    const id = idempotencyKey === "" ? randomUUIDv7() : idOfNew(module, idempotencyKey);
    const written = newNode(id, content);
    const changes = [changeOf({ case: "nodeWritten", value: written })];
    refuseFaults(nodeFaults(written, "node"));
    refuseFaults(sizeFaults(changes, "node.properties"));
    const act = { module, act: changedBy(changes), idempotencyKey };
    const cursor = await performAct(needs, call, act, { moduleField: "node.module" });
    const [row] = await needs.store.nodes(call.scope, [id], call.signal);
    return { cursor, ...(row !== undefined && { node: nodeOf(row) }) };
  };
}

function updateNode(needs: GraphWriteNeeds): Graph["updateNode"] {
  return ({ id: given, node: content = create(NodeContentSchema), updateMask, revision }, call) =>
    untilFresh(revision, async () => {
      const { paths } = updateMask ?? { paths: [] };
      checkNodeMask(paths);
      const [id, module] = [given.toLowerCase(), moduleOr(content.module)];
      const row = await readNodeByHand(needs.store, call, { id, module, revision });
      const written = updatedNode(row, content, paths);
      const changes = [changeOf({ case: "nodeWritten", value: written })];
      refuseFaults(nodeFaults(written, "node"));
      refuseFaults(sizeFaults(changes, "node.properties"));
      const act = { module, act: changedBy(changes) };
      const cursor = await performAct(needs, call, act, { moduleField: "node.module" });
      return { node: nodeOf(await requireNode(needs.store, call, id, "id")), cursor };
    });
}

function deleteNode(needs: GraphWriteNeeds): Graph["deleteNode"] {
  return async ({ id: given, module: named, revision, force }, call) => {
    const [id, module] = [given.toLowerCase(), moduleOr(named)];
    await readNodeByHand(needs.store, call, { id, module, revision });
    if (!force && (await isInUse(needs, call, { id, module }))) throw nodeInUse(id);
    const value = { $typeName: "cos.graph.v1.ItemDeleted", id, revision, withRelationships: force } as const;
    const change = changeOf({ case: "nodeDeleted", value });
    return { cursor: await performAct(needs, call, { module, act: changedBy([change]) }) };
  };
}

/** Whether relationships touch a node that were made by hand in its own module: those of others are not deleted with it. */
async function isInUse(
  { store }: GraphWriteNeeds,
  { scope, signal }: CallContext,
  { id, module }: { readonly id: string; readonly module: string },
): Promise<boolean> {
  const touching = { node: id, way: "both", types: [], manual: true, limit: TOUCHING_ROWS } as const;
  let after: NeighborQuery["after"];
  for (;;) {
    const page = await store.neighbors(scope, { ...touching, after }, signal);
    if (page.some(({ edge }) => edge.module === module)) return true;
    if (page.length < TOUCHING_ROWS) return false;
    after = page.at(-1)?.edge;
  }
}
