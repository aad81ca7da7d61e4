import type { EntityKind } from "../mention.ts";

/** One place in a text where a name stands. */
export interface Sighting {
  readonly kind: EntityKind;
  /** As written, readable by itself. */
  readonly form: string;
  readonly start: number;
  readonly passage: number;
  /** How it is written here, where that is shorter. */
  readonly alias?: string;
}

/** A person's name with more than a surname to it, which a shorter one in the same memory may stand for. */
export interface FullName extends Sighting {
  readonly kind: "person";
  /** The last word; empty where it is none, as in `Duke of York`. */
  readonly surname: string;
  /** The given name that it is written with; empty without one. */
  readonly given: string;
  /** A woman's title stands before it: she is hardly ever called by the surname alone. */
  readonly woman: boolean;
}

/** Capitalised words that may be a name, from the word `from` to before the word `to`. */
export interface Candidate {
  readonly form: string;
  readonly from: number;
  readonly to: number;
  /** What speaks for a person, as far as it stands next to it. */
  readonly person: boolean;
  readonly place: boolean;
}

/** What the rules saw in a text. */
export interface Sightings {
  readonly seen: Sighting[];
  readonly full: FullName[];
  readonly candidates: Candidate[];
  /** For each word that belongs to a person who was seen: 1. */
  readonly people: Uint8Array;
}
