import { create } from "@bufbuild/protobuf";
import { type EntityName, EntityNameSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import { mergeNames, NAMING_MAX, namingSize } from "../domain/decide-naming.ts";
import { moduleOr } from "../domain/default-module.ts";
import { entityId } from "../domain/entity-id.ts";
import { entityNamed } from "../domain/entity-named.ts";
import { entityKeyOf } from "../domain/extract/name-key.ts";
import type { NameKey } from "../domain/mention.ts";
import { nameId } from "../domain/naming.ts";
import { nodeOf } from "../domain/node-of.ts";
import { aliasesFull, nameNotFound } from "../domain/refusals.ts";
import { resolveName } from "../domain/resolve.ts";
import { type GraphWriteNeeds, performAct } from "./perform-act.ts";
import { type Graph, requireNode } from "./read-needs.ts";

export function mergeEntities(needs: GraphWriteNeeds): Graph["mergeEntities"] {
  return async ({ module: named, entities, into = create(EntityNameSchema) }, call) => {
    const module = moduleOr(named);
    const names = entities.map((entity, n) => entityNamed(entity, `entities[${n}]`));
    const target = entityNamed(into, "into");
    await judgeMerge(needs, call, { module, entities, names, target, title: into.name });
    const cursor = await performAct(needs, call, { module, act: { case: "merged", value: { entities, into } } });
    const naming = await needs.store.namingOf(call.scope, module, call.signal);
    const id = entityId(module, resolveName(naming, target, entityKeyOf));
    return { node: nodeOf(await requireNode(needs.store, call, id, "into")), cursor };
  };
}

interface Merge {
  readonly module: string;
  readonly entities: readonly EntityName[];
  readonly names: readonly NameKey[];
  readonly target: NameKey;
  readonly title: string;
}

async function judgeMerge({ store }: GraphWriteNeeds, { scope, signal }: CallContext, merge: Merge): Promise<void> {
  const { module, entities, names, target, title } = merge;
  const naming = await store.namingOf(scope, module, signal);
  const become = resolveName(naming, target, entityKeyOf);
  const merged = names.map((name) => resolveName(naming, name, entityKeyOf));
  const ids = merged.map((entity) => entityId(module, entity));
  const there = new Set((await store.nodes(scope, [...new Set(ids)], signal)).map(({ id }) => id));
  for (const [n, entity] of merged.entries()) {
    if (nameId(entity) === nameId(become)) throw invalidField(`entities[${n}]`, "is the entity of `into` already");
    if (!there.has(ids[n] as string)) throw nameNotFound(entities[n]?.name ?? "", module, `entities[${n}]`);
  }
  const after = mergeNames(naming, names, { name: target, title }, entityKeyOf);
  if (namingSize(after.naming) > NAMING_MAX) throw aliasesFull(module, NAMING_MAX);
}
