// Merging and splitting: what names mean changes, for memories that were read before as well.
//
//  N1  The alias table is changed first; then every reference whose name means another entity now is moved there, and all counts
//      follow from what its memory contributed before and contributes now (contribution.ts).
//  N2  References are moved a thousand memories at a time, all within the step's transaction.
//  N3  What was made by hand in the module moves along: relationships at an entity that is merged lead to what it becomes, and those between
//      the two are gone. A split does not move them back: nobody said which of the two they meant. Those of other modules stay where they
//      are, since a step writes its own module alone: they have no end, until the entity is there again.
//  N4  What an act comes to follows from the alias table and the act, never from which memories there are: a replay comes to the same.
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { EntityName } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { mergeNames, NAMING_MAX, namingSize, type Renaming, splitName } from "../domain/decide-naming.ts";
import { entityId } from "../domain/entity-id.ts";
import { entityKeyOf, mentionKeyOf } from "../domain/extract/name-key.ts";
import type { ReferenceRow } from "../domain/graph-rows.ts";
import type { ProjectionTransaction } from "../domain/graph-store.ts";
import type { EntityKind, NameKey } from "../domain/mention.ts";
import { type Naming, NO_NAMING } from "../domain/naming.ts";
import { resolveName } from "../domain/resolve.ts";
import { TYPES } from "../domain/vocabulary.ts";
import { contribute } from "./contribution.ts";
import { byMemory } from "./forget.ts";
import { openDelta } from "./open-delta.ts";
import { describeEntity, type Module } from "./remember.ts";
import { renameEntities } from "./rename-entities.ts";

/** N2. */
const MOVED_TOGETHER_MAX = 1000;

/** Why an act had no effect. */
export type NamingRefusal = (typeof ErrorReason)["QUOTA_EXCEEDED" | "NODE_NOT_FOUND"];

interface Act {
  readonly module: Module;
  readonly position: number;
}

/** `cos.entity.merged`. Answers with the table as it is then, or with why the act had no effect. */
export async function mergeEntities(
  transaction: ProjectionTransaction,
  act: Act & { readonly entities: readonly EntityName[]; readonly into: EntityName },
): Promise<Naming | NamingRefusal> {
  const into = { name: nameKeyOf(act.into), title: act.into.name };
  const renaming = mergeNames(act.module.naming, act.entities.map(nameKeyOf), into, entityKeyOf);
  const outcome = await rename(transaction, act, renaming);
  if (typeof outcome === "object") await moveByHand(transaction, act, renaming);
  return outcome;
}

/** N3. */
async function moveByHand(
  transaction: ProjectionTransaction,
  { module: { name: module }, position }: Act,
  { moved, named }: Renaming,
): Promise<void> {
  const from = new Set(moved.map((entity) => entityId(module, entity)));
  const to = entityId(module, named[0] as NameKey);
  const found = from.size === 0 ? [] : await transaction.readEdgesAt([...from], TYPES);
  const edges = found.filter(({ origin }) => origin === "manual");
  if (edges.length === 0) return;
  const delta = openDelta(module, describeEntity(NO_NAMING));
  const movedEnd = (end: string): string => (from.has(end) ? to : end);
  for (const edge of edges) {
    const there = { ...edge, from: movedEnd(edge.from), to: movedEnd(edge.to), position, revision: position };
    if (there.from === there.to) delta.deleteEdge(edge.id);
    else delta.putEdge(there);
  }
  await transaction.write(delta.close(position));
}

/** `cos.entity.split`. As mergeEntities. */
export async function splitEntity(
  transaction: ProjectionTransaction,
  act: Act & { readonly entity: EntityName; readonly name: EntityName },
): Promise<Naming | NamingRefusal> {
  const split = { name: nameKeyOf(act.name), title: act.name.name };
  const renaming = splitName(act.module.naming, nameKeyOf(act.entity), split, entityKeyOf);
  return renaming === undefined ? ErrorReason.NODE_NOT_FOUND : rename(transaction, act, renaming);
}

/** A name as people write it, in its normal form. */
function nameKeyOf({ kind, name }: EntityName): NameKey {
  return { kind: kind as EntityKind, key: mentionKeyOf(kind as EntityKind, name) };
}

async function rename(
  transaction: ProjectionTransaction,
  { module, position }: Act,
  { naming, moved, named }: Renaming,
): Promise<Naming | NamingRefusal> {
  if (namingSize(naming) > NAMING_MAX) return ErrorReason.QUOTA_EXCEEDED;
  await transaction.writeNaming(naming);
  const now = { name: module.name, naming };
  const touched = new Set([...moved, ...named].map((entity) => entityId(module.name, entity)));
  for (const entity of moved) {
    for (const id of await moveReferences(transaction, now, entityId(module.name, entity), position)) touched.add(id);
  }
  await renameEntities(transaction, now, [...touched], position);
  return naming;
}

/** Moves those references of an entity whose names mean another one now; answers with the entities that they went to. */
async function moveReferences(
  transaction: ProjectionTransaction,
  module: Module,
  entity: string,
  position: number,
): Promise<Set<string>> {
  const went = new Set<string>();
  let after = { position: 0, id: "" };
  for (;;) {
    const page = await transaction.readReferencesTo(entity, after, MOVED_TOGETHER_MAX);
    const last = page.at(-1);
    if (last === undefined) return went;
    after = { position: last.position, id: last.id };
    const memories = new Set(page.filter((each) => meaningOf(module, each) !== entity).map(({ from }) => from));
    if (memories.size === 0) continue;
    const references = await transaction.readReferencesOf([...memories]);
    const delta = openDelta(module.name, describeEntity(module.naming));
    for (const before of byMemory(references).values()) {
      const since = before.map((each) => ({ ...each, to: meaningOf(module, each) }));
      contribute(before, delta, -1);
      contribute(since, delta, 1);
      for (const [n, { to }] of since.entries()) {
        if (to === before[n]?.to) continue;
        delta.putEdge(since[n] as ReferenceRow);
        went.add(to);
      }
    }
    await transaction.write(delta.close(position));
  }
}

function meaningOf({ name, naming }: Module, { mention }: ReferenceRow): string {
  return entityId(name, resolveName(naming, mention, entityKeyOf));
}
