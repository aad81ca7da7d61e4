import type { NameKey } from "./mention.ts";

/**
 * What people have decided about names in one module: the alias table. Part of what a store holds, since it follows from the log.
 * Keys of the maps are `nameId`s.
 */
export interface Naming {
  /** From an entity to the entity that it was merged into. Followed until there is no more; never in a circle. */
  readonly merges: Readonly<Record<string, NameKey>>;
  /** From a name to the entity that it means, instead of its default one. That entity may be merged later, as any other. */
  readonly splits: Readonly<Record<string, NameKey>>;
  /** From an entity to what it is called, as people decided. */
  readonly titles: Readonly<Record<string, string>>;
}

export const NO_NAMING: Naming = { merges: {}, splits: {}, titles: {} };

/** How a name or entity is told from others in a `Naming`: `person:w. batten`. */
export function nameId({ kind, key }: NameKey): string {
  return `${kind}:${key}`;
}
