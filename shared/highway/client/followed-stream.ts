// A followed stream as a subscriber's work: the handler keeps the place with its effect.
//
// Owner: one `Subscriber`.
//
//  W1  A handler is given a module's events in order, one handler at a time, with the place before and after them: whoever stores
//      `cursor` with the effect, and leaves out what is not above its stored place, has every effect exactly once. A stored place below
//      `after` means that something is missing.
//  W2  A module that moved without an event that is wanted is told as well, in the same order: work may have no events.
//  W3  A failure is tried again for ever, later and later, and its module waits. A `ParkEvent` ends the subscriber.
//  W4  A resume token is told only when everything that the stream named before it has been handled; one at a time.
//
// Failure mode: it rejects with what `follow` or `onResumeToken` throws; nothing at or above a failed event was taken for done.
import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import type { Desk } from "./desk.ts";
import { eventBytes } from "./event-bytes.ts";
import { type FollowOptions, follow } from "./follow.ts";
import type { Followed } from "./followed.ts";
import { ParkEvent } from "./park-event.ts";
import { RetryEvent } from "./retry-event.ts";
import type { Source, Stopping, Task, WorkedEvent } from "./work.ts";

/** What a handler is given of a followed stream. */
export interface FollowedWork {
  readonly module: string;
  readonly events: readonly WorkedEvent[];
  /** Where the module stood before: the position of the cursor that came before this work, or where the stream began. */
  readonly after: number;
  /** Where it stands with it. To be stored with the effect. */
  readonly cursor: Cursor;
}

export interface FollowedTask extends Task {
  readonly after: number;
  readonly cursor: Cursor;
}

export interface FollowedStreamOptions extends Omit<FollowOptions, "signal"> {
  /** Between tries of work that failed. Unset: from 100 ms to 30 s. */
  readonly retry?: Backoff;
  /** Work failed and will be tried again. */
  readonly onRetry?: (module: string, error: unknown, retryInMs: number) => void;
  /** Keeps the place of all modules in one text. */
  readonly onResumeToken?: (resumeToken: string) => Promise<void> | void;
}

const RETRY_BACKOFF: Backoff = { initialMs: 100, maxMs: 30_000 };

/** Follows a stream for a `Subscriber`. */
export function followedStream(options: FollowedStreamOptions): Source<FollowedTask, FollowedWork> {
  return new FollowedStream(options);
}

/** A token that waits for the places it stands for. */
interface Token {
  readonly resumeToken: string;
  readonly places: ReadonlyMap<string, number>;
}

class FollowedStream implements Source<FollowedTask, FollowedWork> {
  readonly #options: FollowedStreamOptions;
  /** By module: the last position that was put, and the last that was handled. */
  readonly #put = new Map<string, number>();
  readonly #handled = new Map<string, number>();
  /** By module: how often its next work has failed. */
  readonly #failures = new Map<string, number>();
  #token: Token | undefined;
  #telling: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  readonly #end = new AbortController();

  constructor(options: FollowedStreamOptions) {
    this.#options = options;
    for (const { module, position } of options.from?.cursors ?? []) {
      this.#put.set(module, Number(position));
      this.#handled.set(module, Number(position));
    }
  }

  async run(desk: Desk<FollowedTask>, { stop, cut }: Stopping): Promise<void> {
    const signal = AbortSignal.any([stop, this.#end.signal]);
    for await (const followed of follow({ ...this.#options, signal })) {
      this.#take(desk, followed);
      await desk.room(signal);
    }
    if (this.#failure === undefined) await desk.idle(cut);
    await this.#telling;
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  workOf(tasks: readonly FollowedTask[]): FollowedWork {
    const { module, after } = tasks[0] as FollowedTask;
    const { cursor } = tasks.at(-1) as FollowedTask;
    const attempt = (this.#failures.get(module) ?? 0) + 1;
    const events = tasks.flatMap(({ position, event }) =>
      event === undefined ? [] : [{ module, position, event, attempt }],
    );
    return { module, events, after, cursor };
  }

  done(tasks: readonly FollowedTask[]): void {
    const { module, position } = tasks.at(-1) as FollowedTask;
    this.#failures.delete(module);
    this.#handled.set(module, position);
    this.#settleToken();
  }

  failed({ module }: FollowedTask, error: unknown): number {
    if (error instanceof ParkEvent) throw error;
    const failures = (this.#failures.get(module) ?? 0) + 1;
    this.#failures.set(module, failures);
    const { retry = RETRY_BACKOFF, random = Math.random, onRetry } = this.#options;
    const retryInMs = error instanceof RetryEvent ? error.delayMs : backoffMs(retry, failures, random);
    onRetry?.(module, error, retryInMs);
    return retryInMs;
  }

  #take(desk: Desk<FollowedTask>, followed: Followed): void {
    if (followed.kind === "checkpoint") {
      this.#note(followed.resumeToken);
      return;
    }
    const { cursor } = followed;
    const position = Number(cursor.position);
    // A module that is met for the first time stands somewhere: that too is worth storing (W2).
    const after = this.#put.get(cursor.module) ?? firstAfter(followed);
    if (this.#put.has(cursor.module) && position <= after) return;
    this.#put.set(cursor.module, position);
    const event = followed.kind === "event" ? followed.event : undefined;
    desk.put({ module: cursor.module, position, after, cursor, event, key: cursor.module, bytes: eventBytes(event) });
  }

  /** W4. One that waits is not replaced, or on a busy stream none would ever be told. */
  #note(resumeToken: string): void {
    if (resumeToken === "" || this.#options.onResumeToken === undefined || this.#token !== undefined) return;
    this.#token = { resumeToken, places: new Map(this.#put) };
    this.#settleToken();
  }

  #settleToken(): void {
    const token = this.#token;
    if (token === undefined) return;
    for (const [module, position] of token.places) if ((this.#handled.get(module) ?? -1) < position) return;
    this.#token = undefined;
    this.#telling = this.#telling.then(() => this.#tell(token.resumeToken));
  }

  async #tell(resumeToken: string): Promise<void> {
    try {
      if (this.#failure === undefined) await this.#options.onResumeToken?.(resumeToken);
    } catch (error) {
      this.#failure = { error };
      this.#end.abort();
    }
  }
}

/** Where a module stood that the stream names for the first time. */
function firstAfter(followed: Exclude<Followed, { kind: "checkpoint" }>): number {
  if (followed.kind === "event") return followed.position - 1;
  return Number(followed.progress?.after ?? followed.cursor.position);
}
