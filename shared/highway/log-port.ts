/** What a process that owns a log hands to the highway. The highway never talks to PostgreSQL itself. */

import type { KeyObject } from "node:crypto";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Event, Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";

/**
 * One life of the log. It ends when the log is restored to an earlier state, or moves to another server: positions
 * that were acknowledged before may then mean other memories, or none.
 */
export interface Epoch {
  /** Rises by one with each epoch, from 1. Caches compare it: a higher generation wipes them, a lower one is refused. */
  readonly generation: number;
  /** What `Cursor.epoch` carries. */
  readonly identity: string;
}

/** An epoch that has begun: the running one, or one before it. */
export interface EpochRecord extends Epoch {
  /** Each module's head when this epoch began, which is where the epoch before it ended. A module that is absent did not exist. */
  readonly forks: ReadonlyMap<string, number>;
  /**
   * Seals the resume tokens of this epoch (AES-256), the same in every process of the log. A KeyObject, because that shows nothing of
   * itself where it is printed.
   */
  readonly tokenKey: KeyObject;
}

export interface EpochHistory {
  readonly current: EpochRecord;
  /** All epochs that have begun, the current one too, in any order. */
  readonly past: readonly EpochRecord[];
}

export interface ModuleHead {
  readonly module: string;
  /** The dense module number: from 1, never given again. Resume tokens name modules by it. */
  readonly number: number;
  /** The position of the module's last memory; 0 if it has none. */
  readonly position: number;
  /** The position of the module's last forgetting, which took content from memories below it; 0: there was none. */
  readonly forgetting: number;
}

export interface ReadLimits {
  readonly eventsMax: number;
  /** Bytes of the events' own encoding. A read returns at least one event even if that event alone is larger. */
  readonly bytesMax: number;
}

export interface ReadResult {
  /** Ascending by position; each with its memory (position set) and, if sampled, its traceparent. */
  readonly events: readonly Event[];
  /** Everything wanted up to here is in `events`. Equal to `after` only if `after` was the head. */
  readonly through: number;
}

/** Every method but `epochs` reaches the engine, and rejects when the engine cannot be reached. */
export interface LogPort {
  /** The epochs as last checked; no I/O. */
  epochs(): EpochHistory;
  /** All modules, ascending by number, in one query. */
  heads(signal?: AbortSignal): Promise<readonly ModuleHead[]>;
  /** The events wanted by the filter with `after` < position <= `through`. `cos.memory.forgotten` passes every filter. */
  read(
    scope: Scope,
    module: string,
    after: number,
    limits: ReadLimits,
    filter?: Filter,
    signal?: AbortSignal,
  ): Promise<ReadResult>;
  /** The last position recorded before the time; 0 if there is none. */
  positionAt(module: string, at: Timestamp, signal?: AbortSignal): Promise<number>;
}
