import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Desk } from "./desk.ts";

/** Something that waits for its handler: an event or, on a followed stream, a move of its module without one. */
export interface Task {
  readonly module: string;
  readonly position: number;
  readonly event: Event | undefined;
  /** Tasks of one key are worked in their order. Unset: this one has no order. */
  readonly key: string | undefined;
  /** About how much memory it takes. */
  readonly bytes: number;
}

/** An event in the hands of its handler. */
export interface WorkedEvent {
  readonly module: string;
  readonly position: number;
  readonly event: Event;
  /** Which try this is, from 1. */
  readonly attempt: number;
}

/** When a source has to end. */
export interface Stopping {
  /** Takes nothing more. */
  readonly stop: AbortSignal;
  /** Has no more time. Fires after `stop`, if at all. */
  readonly cut: AbortSignal;
}

/** Where a subscriber's work comes from, and what becomes of it there. `W` is what a handler is given. */
export interface Source<T extends Task, W> {
  /** Puts tasks on the desk until there are no more, or `stop`. Rejects when it cannot go on. */
  run(desk: Desk<T>, stopping: Stopping): Promise<void>;
  /** What the handler is given of tasks of one key (or of a module's without order), at least one. */
  workOf(tasks: readonly T[]): W;
  /** Whether they are still ours to begin; false: they are forgotten. Unset: always. */
  mayBegin?(tasks: readonly T[]): boolean;
  /** They had their effect. */
  done(tasks: readonly T[]): void;
  /**
   * One failed. Answers after how many milliseconds it is to be tried again here; undefined: it was given back. Throws if the whole
   * subscriber has to end.
   */
  failed(task: T, error: unknown): number | undefined;
  /** Somewhere on the desk there is room again. */
  freed?(): void;
}
