import type { NameKey } from "./mention.ts";
import { type Naming, nameId } from "./naming.ts";
import { type EntityKeyOf, mergedInto, resolveName } from "./resolve.ts";

/** How much a module's alias table takes: rows, and names of entities. It is read in every step. */
export const NAMING_MAX = 10_000;

/** What an act makes of the alias table. */
export interface Renaming {
  readonly naming: Naming;
  /** Entities some of whose names mean another one now. */
  readonly moved: readonly NameKey[];
  /** Entities that are called otherwise now. */
  readonly named: readonly NameKey[];
}

/** A name, and what the entity is to be called. */
interface Titled {
  readonly name: NameKey;
  readonly title: string;
}

/** The rows of an alias table, and the names that people gave. */
export function namingSize({ merges, splits, titles }: Naming): number {
  return Object.keys(merges).length + Object.keys(splits).length + Object.keys(titles).length;
}

/** The entities of these names, whatever they are by now, become that of `into`. Those that are it already are passed over. */
export function mergeNames(
  naming: Naming,
  names: readonly NameKey[],
  into: Titled,
  entityKeyOf: EntityKeyOf,
): Renaming {
  const target = resolveName(naming, into.name, entityKeyOf);
  const merged = names.map((name) => resolveName(naming, name, entityKeyOf));
  const moved = [...new Map(merged.map((entity) => [nameId(entity), entity])).values()].filter(
    (entity) => nameId(entity) !== nameId(target),
  );
  // The target is followed to its end, and none of those that lead to it now is met on the way: no circle.
  const merges = { ...naming.merges, ...Object.fromEntries(moved.map((entity) => [nameId(entity), target])) };
  const titles = { ...naming.titles, [nameId(target)]: into.title };
  return { naming: { ...naming, merges, titles }, moved, named: [target] };
}

/**
 * A name leaves the entity that it is counted to. If it came there by a merge, that is undone for its default entity and all its names; else the
 * name gets an entity of its own. Undefined: it is not a name of that entity, or the only thing that the entity is.
 */
export function splitName(
  naming: Naming,
  entity: NameKey,
  { name, title }: Titled,
  entityKeyOf: EntityKeyOf,
): Renaming | undefined {
  const whole = resolveName(naming, entity, entityKeyOf);
  if (nameId(resolveName(naming, name, entityKeyOf)) !== nameId(whole)) return undefined;
  const own = naming.splits[nameId(name)] ?? { kind: name.kind, key: entityKeyOf(name.kind, name.key) };
  const titles = (split: NameKey) => ({ ...naming.titles, [nameId(split)]: title });
  if (nameId(own) !== nameId(whole)) {
    const { [nameId(own)]: _, ...merges } = naming.merges;
    return { naming: { ...naming, merges, titles: titles(own) }, moved: [whole], named: [own, whole] };
  }
  if (naming.splits[nameId(name)] !== undefined) return undefined;
  const split: NameKey = { kind: name.kind, key: exactly(name.key) };
  const target = mergedInto(naming, split);
  const splits = { ...naming.splits, [nameId(name)]: split };
  return { naming: { ...naming, splits, titles: titles(target) }, moved: [whole], named: [target, whole] };
}

/** The key of an entity that is this one name: none that is made of a name begins so. */
function exactly(key: string): string {
  return `=${key}`;
}
