// What a graph store holds, whatever its engine. Everything belongs to one generation and one module.
import type { EntityKind, NameKey } from "./mention.ts";
import type { Label, Origin, Properties, Type } from "./vocabulary.ts";

/** A node. Its id is a UUID in lower case, and tells it from all others of its generation, whatever their module. */
export interface NodeRow {
  readonly id: string;
  readonly module: string;
  readonly label: Label;
  /** Of an entity or concept, EntityKind or what its maker says; else empty. */
  readonly kind: string;
  /** Of what was derived: the normal form of its name, which its id follows from. Made by hand: empty. Of a memory: empty. */
  readonly key: string;
  readonly name: string;
  readonly origin: Origin;
  /** How many memories mention it, belong to it or come from it; of memories and of what was made by hand 0. */
  readonly count: number;
  /** Of a memory: its position; else 0. */
  readonly position: number;
  /** Of a memory: its type; else empty. */
  readonly eventType: string;
  /** Of a memory that is not forgotten: its session's name; else empty. */
  readonly session: string;
  /** Of a memory that is not forgotten: when it happened, in milliseconds of the Unix epoch; else undefined. */
  readonly occurredMs: number | undefined;
  /** Of a memory: that it was forgotten, or parked (FaultRow). */
  readonly forgotten: boolean;
  readonly properties: Properties;
  /** Made by hand: the position of the act that changed it last; else 0. */
  readonly revision: number;
  /** The position of the log at which it was added or changed last, counts included. No part of what is compared. */
  readonly changed: number;
}

/**
 * A relationship. Either of its ends may be missing, for good or for now (a memory that nobody has recorded, a node that was deleted):
 * then it is kept, compared by `verify`, and shown to nobody.
 */
export interface EdgeRow {
  readonly id: string;
  readonly module: string;
  readonly type: Type;
  readonly from: string;
  readonly to: string;
  readonly origin: Origin;
  /** How many memories it stands on: of a derived RELATES_TO, and of a module's CONTAINS of a session, as many as there are; of the other derived ones 1; made by hand 0. */
  readonly count: number;
  /** Of what one memory made: its position. Made by hand: that of the act. Of what is counted: 0. */
  readonly position: number;
  /** Of a REFERENCES that was derived: which name of it, where. Else undefined. */
  readonly mention: StoredMention | undefined;
  readonly properties: Properties;
  readonly revision: number;
  readonly changed: number;
}

/** How a memory names an entity: what everything that is counted can be worked out of again. */
export interface StoredMention extends NameKey {
  readonly forms: readonly string[];
  readonly count: number;
  readonly passages: readonly number[];
}

/** A derived REFERENCES: its mention is there. */
export type ReferenceRow = EdgeRow & { readonly mention: StoredMention };

/** A form in which memories name an entity, with the number of memories in which it does. Unique in (module, entity, kind, key, form). */
export interface NameRow {
  readonly module: string;
  /** The entity's id. */
  readonly entity: string;
  readonly kind: EntityKind;
  /** The normal form of the name. */
  readonly key: string;
  readonly form: string;
  readonly count: number;
}

/** How far the graph has come with one module's log. */
export interface Place {
  readonly module: string;
  readonly position: number;
  /** The history of the log that the position belongs to. */
  readonly epoch: string;
  /** When it was reached, in milliseconds of the Unix epoch. */
  readonly atMs: number;
}

/** A memory that could not be taken and was passed over, or an act that came to nothing. */
export interface FaultRow {
  readonly module: string;
  readonly position: number;
  readonly memoryId: string;
  /** `parked`: of a memory the graph has its bare node alone, of an act nothing. `refused`: it is an act that named a stale revision or what is not there, and so had no effect. */
  readonly kind: "parked" | "refused";
  /** Of a refused act: the name of an ErrorReason. Of a parked memory: what was wrong, without anything it says. */
  readonly error: string;
  readonly attempts: number;
  readonly atMs: number;
}

/** One building of the graph from the log. Exactly one is live, once the first has been begun. */
export interface GenerationRow {
  /** From 1. */
  readonly number: number;
  readonly state: "live" | "building" | "retired";
  readonly purpose: "rebuild" | "verify";
  readonly extractorVersion: number;
  readonly beganMs: number;
  /** When whoever builds it last said that it is at work (`keepAlive`), by its own clock; 0: never. */
  readonly aliveMs: number;
  /** When a retired one ceased to be read, in milliseconds of the Unix epoch; else undefined. */
  readonly retiredMs: number | undefined;
  /** The last resume token of the stream that it is built from; empty: none yet. */
  readonly resumeToken: string;
}
