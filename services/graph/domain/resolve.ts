import type { EntityKind, NameKey } from "./mention.ts";
import { type Naming, nameId } from "./naming.ts";

/** The default entity of a name: from its normal form to that of the entity, such as `sir w. batten` to `w. batten`. */
export type EntityKeyOf = (kind: EntityKind, key: string) => string;

/**
 * The entity that a name means in a module: what it was split off to, else its default entity; and from there through all that was merged.
 * So a merge takes along whatever is counted to an entity, and a split takes a name out of what its default entity has become.
 */
export function resolveName(naming: Naming, name: NameKey, entityKeyOf: EntityKeyOf): NameKey {
  const split = naming.splits[nameId(name)];
  return mergedInto(naming, split ?? { kind: name.kind, key: entityKeyOf(name.kind, name.key) });
}

/** What an entity has become: itself, unless it was merged. It ends, since merges never form a circle. */
export function mergedInto(naming: Naming, entity: NameKey): NameKey {
  let found = entity;
  for (let next = naming.merges[nameId(found)]; next !== undefined; next = naming.merges[nameId(found)]) found = next;
  return found;
}
