import type { EntityKind, NameKey } from "./mention.ts";
import { type Naming, nameId } from "./naming.ts";
import { mergedInto } from "./resolve.ts";
import { compareText } from "./traverse.ts";

/** A name, and the entity that people said it means; both in their normal form. */
export interface Alias {
  readonly name: NameKey;
  readonly entity: NameKey;
}

/** The alias table's rows, by name (then entity): what was merged with what it has become, and what was split off. */
export function aliasesOf(naming: Naming): Alias[] {
  const rows = [...Object.entries(naming.merges), ...Object.entries(naming.splits)];
  return rows
    .map(([id, entity]) => ({ name: nameKeyOfId(id), entity: mergedInto(naming, entity) }))
    .sort(compareAliases);
}

export function compareAliases(left: Alias, right: Alias): number {
  return compareText(nameId(left.name), nameId(right.name)) || compareText(nameId(left.entity), nameId(right.entity));
}

/** `nameId` read backwards: no kind has a colon. */
export function nameKeyOfId(id: string): NameKey {
  const colon = id.indexOf(":");
  return { kind: id.slice(0, colon) as EntityKind, key: id.slice(colon + 1) };
}
