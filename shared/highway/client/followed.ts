import type { Cursor, Event, FellBehind, Progress } from "#gen/cos/highway/v1/highway_pb.ts";

/** An event, proven to be the next one wanted of its module. Its cursor may be stored with its effect. */
export interface FollowedEvent {
  readonly kind: "event";
  readonly module: string;
  readonly position: number;
  readonly cursor: Cursor;
  readonly event: Event;
}

/** A module moved on without an event that is wanted; the cursor is worth storing. */
export interface FollowedProgress {
  readonly kind: "progress";
  readonly cursor: Cursor;
  /** How things stand there; unset at the end of a batch. */
  readonly progress: Progress | undefined;
}

/** Everything before it is in the resume token too, which stands for all modules of the stream. */
export interface FollowedCheckpoint {
  readonly kind: "checkpoint";
  readonly resumeToken: string;
}

/** What `follow` hands on, in order. */
export type Followed = FollowedEvent | FollowedProgress | FollowedCheckpoint;

/** What becomes of the stream meanwhile, for people and gauges. */
export type FollowState =
  | { readonly kind: "connected"; readonly subscriptionId: string; readonly epoch: string; readonly resumed: boolean }
  | { readonly kind: "lost"; readonly cause: unknown; readonly retryInMs: number; readonly attempt: number }
  | { readonly kind: "degraded"; readonly degraded: boolean }
  | { readonly kind: "fell_behind"; readonly module: string; readonly reason: FellBehind["reason"] }
  | { readonly kind: "caught_up"; readonly modules: readonly string[]; readonly all: boolean };
