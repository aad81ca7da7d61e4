/** What a name stands for. People, places and organisations are found in texts, the others are marked by whoever writes. */
export const ENTITY_KINDS = ["person", "place", "organisation", "work", "page", "url", "concept"] as const;

export type EntityKind = (typeof ENTITY_KINDS)[number];

/**
 * A name in its normal form, such as `person` `w. batten`: what tells one from another. Both names and entities have one; the entity of
 * a name is found by `entityKeyOf`, and by what people have merged and split (naming.ts).
 */
export interface NameKey {
  readonly kind: EntityKind;
  readonly key: string;
}

/** That a memory names something: one for each name of it, however often it comes. */
export interface Mention extends NameKey {
  /** The forms in which it was written, each once, in their order: `Sir W. Batten`, `Sir W. Batten’s` is none (it is cut). At most 8. */
  readonly forms: readonly string[];
  /** How often it comes. */
  readonly count: number;
  /**
   * The passages (sentences, from 0) in which it comes, ascending, each once, at most the first 32. What comes in one passage with
   * another is said to occur together with it. Names that mark the whole memory (tags, declared entities) are in passage -1.
   */
  readonly passages: readonly number[];
}
