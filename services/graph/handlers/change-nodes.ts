import { randomUUIDv7 } from "node:crypto";
import { create } from "@bufbuild/protobuf";
import { NodeContentSchema } from "#gen/cos/graph/v1/by_hand_pb.ts";
import { moduleOr } from "../domain/default-module.ts";
import { idOfNew } from "../domain/new-id.ts";
import { nodeOf } from "../domain/node-of.ts";
import { nodeInUse, refuseFaults } from "../domain/refusals.ts";
import { checkNodeMask, newNode, nodeFaults, sizeFaults, updatedNode } from "../domain/written-items.ts";
import { changedBy, changeOf, type GraphWriteNeeds, performAct } from "./perform-act.ts";
import { readNodeByHand } from "./read-by-hand.ts";
import { type Graph, requireNode } from "./read-needs.ts";
import { untilFresh } from "./until-fresh.ts";

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
    const cursor = await performAct(needs, call, { module, act: changedBy(changes), idempotencyKey }, "node.module");
    return { node: nodeOf(await requireNode(needs.store, call, id, "node")), cursor };
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
      const cursor = await performAct(needs, call, { module, act: changedBy(changes) }, "node.module");
      return { node: nodeOf(await requireNode(needs.store, call, id, "id")), cursor };
    });
}

function deleteNode(needs: GraphWriteNeeds): Graph["deleteNode"] {
  return async ({ id: given, module: named, revision, force }, call) => {
    const [id, module] = [given.toLowerCase(), moduleOr(named)];
    await readNodeByHand(needs.store, call, { id, module, revision });
    if (!force) {
      const touching = { node: id, way: "both", types: [], manual: true, limit: 1 } as const;
      const [used] = await needs.store.neighbors(call.scope, touching, call.signal);
      if (used !== undefined) throw nodeInUse(id);
    }
    const value = { $typeName: "cos.graph.v1.ItemDeleted", id, revision, withRelationships: force } as const;
    const change = changeOf({ case: "nodeDeleted", value });
    return { cursor: await performAct(needs, call, { module, act: changedBy([change]) }) };
  };
}
