import { create } from "@bufbuild/protobuf";
import { EntityNameSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { NAMING_MAX, namingSize, splitName } from "../domain/decide-naming.ts";
import { moduleOr } from "../domain/default-module.ts";
import { entityId } from "../domain/entity-id.ts";
import { entityNamed } from "../domain/entity-named.ts";
import { entityKeyOf } from "../domain/extract/name-key.ts";
import type { NameKey } from "../domain/mention.ts";
import { nodeOf } from "../domain/node-of.ts";
import { aliasesFull, nameNotFound, nameNotOfEntity } from "../domain/refusals.ts";
import { resolveName } from "../domain/resolve.ts";
import { type GraphWriteNeeds, performAct } from "./perform-act.ts";
import type { Graph } from "./read-needs.ts";

export function splitEntity(needs: GraphWriteNeeds): Graph["splitEntity"] {
  return async ({ module: named, entity = create(EntityNameSchema), name = create(EntityNameSchema) }, call) => {
    const module = moduleOr(named);
    const [whole, split] = [entityNamed(entity, "entity"), entityNamed(name, "name")];
    const left = await judgeSplit(needs, call, { module, whole, split, entity: entity.name, title: name.name });
    const cursor = await performAct(needs, call, { module, act: { case: "split", value: { entity, name } } });
    const naming = await needs.store.namingOf(call.scope, module, call.signal);
    const [leftId, splitId] = [entityId(module, left), entityId(module, resolveName(naming, split, entityKeyOf))];
    const rows = await needs.store.nodes(call.scope, [...new Set([leftId, splitId])], call.signal);
    const nodeWith = (id: string) => rows.filter((row) => row.id === id).map((row) => nodeOf(row))[0];
    const [leftNode, splitNode] = [nodeWith(leftId), nodeWith(splitId)];
    return { ...(leftNode && { entity: leftNode }), ...(splitNode && { split: splitNode }), cursor };
  };
}

interface Split {
  readonly module: string;
  readonly whole: NameKey;
  readonly split: NameKey;
  /** The words that the caller used for the two. */
  readonly entity: string;
  readonly title: string;
}

/** The entity that the name leaves. */
async function judgeSplit({ store }: GraphWriteNeeds, { scope, signal }: CallContext, asked: Split): Promise<NameKey> {
  const { module, whole, split, entity, title } = asked;
  const naming = await store.namingOf(scope, module, signal);
  const left = resolveName(naming, whole, entityKeyOf);
  const [row] = await store.nodes(scope, [entityId(module, left)], signal);
  if (row === undefined) throw nameNotFound(entity, module, "entity");
  const after = splitName(naming, whole, { name: split, title }, entityKeyOf);
  if (after === undefined) throw nameNotOfEntity(title, "name");
  if (namingSize(after.naming) > NAMING_MAX) throw aliasesFull(module, NAMING_MAX);
  return left;
}
