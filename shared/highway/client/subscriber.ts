// An effect for each event of a followed stream.
//
// Owner: the process that has the effect; `run` ends with the source, `close` ends it early.
//
//  S1  An event is handled at least once: again and again, later and later, until its handler returns or gives up.
//  S2  Within a module (`order: "module"`) a handler starts only when that of the event before has returned.
//  S3  At most `concurrency` handlers run at once and at most `pendingMax` events are held; then nothing more is taken,
//      and the stream's own flow control holds the rest.
//  S4  A cursor is reported only when all events of its module up to it have had their effect, and a resume token only
//      when all events before it have; reports come one at a time, in order.
//
// Failure mode: a handler that gives up, or a report that fails, stops the taking; handlers in flight are waited for, then
// `run` rejects. Nothing at or above the failed event is reported, so a restart begins with it.
import { setTimeout as delay } from "node:timers/promises";
import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Backoff, backoffMs } from "./backoff.ts";
import type { Followed, FollowedEvent } from "./followed.ts";
import { Reports } from "./reports.ts";
import { unlessAborted } from "./unless-aborted.ts";

export interface SubscriberOptions {
  readonly source: AsyncIterable<Followed>;
  readonly handle: (event: FollowedEvent, signal: AbortSignal) => Promise<void>;
  /** Handlers at once, from 1. Unset: 8. */
  readonly concurrency?: number;
  /** What has an order: the events of a module (unset), or nothing. */
  readonly order?: "module" | "none";
  /** Events held at once, those being handled included. Unset: 1,000. */
  readonly pendingMax?: number;
  readonly backoff?: Backoff;
  /** How often one event is tried. Unset: for ever. */
  readonly attemptsMax?: number;
  /** A handler failed and will be called again in `retryInMs`. */
  readonly onRetry?: (event: FollowedEvent, error: unknown, retryInMs: number) => void;
  readonly onProgress?: (cursor: Cursor) => Promise<void> | void;
  readonly onResumeToken?: (resumeToken: string) => Promise<void> | void;
  readonly random?: () => number;
}

const RETRY_BACKOFF: Backoff = { initialMs: 100, maxMs: 30_000 };

export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #stop = new AbortController();
  readonly #reports: Reports;
  /** By module: the end of its queue, so that the next event waits for it (S2). */
  readonly #lanes = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #pending = 0;
  #room = Promise.withResolvers<void>();
  #failure: { error: unknown } | undefined;
  #ended: Promise<void> | undefined;

  constructor(options: SubscriberOptions) {
    this.#options = options;
    this.#reports = new Reports(options, (error) => this.#fail(error));
  }

  /** Takes events until the source ends or `close` is called. Rejects with what a handler or a report failed of. */
  run(): Promise<void> {
    this.#ended ??= this.#takeAll();
    return this.#ended;
  }

  /** Takes no more, lets the handlers in flight finish and reports what they did. Retries are given up. */
  async close(): Promise<void> {
    this.#stop.abort();
    await this.#ended?.catch(() => undefined);
  }

  async #takeAll(): Promise<void> {
    const items = this.#options.source[Symbol.asyncIterator]();
    try {
      while (!this.#stop.signal.aborted) {
        const next = await unlessAborted(items.next(), this.#stop.signal);
        if (next === undefined || next.done === true) break;
        await unlessAborted(this.#take(next.value), this.#stop.signal);
      }
    } finally {
      // Not waited for: a source that is in the middle of a wait ends only by its own signal.
      items.return?.().catch(() => undefined);
      await Promise.all(this.#lanes.values());
      await this.#reports.drained();
    }
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Queues one item; resolves when there is room for another (S3). */
  async #take(followed: Followed): Promise<void> {
    if (followed.kind !== "event") return this.#reports.note(followed);
    const done = this.#reports.expect(followed.cursor);
    const lane = this.#options.order === "none" ? `${followed.module}/${followed.position}` : followed.module;
    const before = this.#lanes.get(lane) ?? Promise.resolve();
    const after = before.then(() => this.#effect(followed, done));
    this.#lanes.set(lane, after);
    this.#pending += 1;
    void after.then(() => this.#leave(lane, after));
    while (this.#pending >= (this.#options.pendingMax ?? 1000)) await this.#room.promise;
  }

  #leave(lane: string, promise: Promise<void>): void {
    if (this.#lanes.get(lane) === promise) this.#lanes.delete(lane);
    this.#pending -= 1;
    this.#room.resolve();
    this.#room = Promise.withResolvers();
  }

  async #effect(event: FollowedEvent, done: () => void): Promise<void> {
    await this.#enter();
    try {
      if (await this.#attempt(event)) done();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  async #enter(): Promise<void> {
    while (this.#running >= (this.#options.concurrency ?? 8)) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    this.#running += 1;
  }

  /** Whether the event had its effect (S1); false once nothing more is to be started. */
  async #attempt(event: FollowedEvent): Promise<boolean> {
    const { handle, attemptsMax = Number.POSITIVE_INFINITY, backoff = RETRY_BACKOFF, onRetry } = this.#options;
    for (let attempt = 1; !this.#stop.signal.aborted; attempt += 1) {
      try {
        await handle(event, this.#stop.signal);
        return true;
      } catch (error) {
        if (attempt >= attemptsMax) throw error;
        if (this.#stop.signal.aborted) return false;
        const retryInMs = backoffMs(backoff, attempt, this.#options.random ?? Math.random);
        onRetry?.(event, error, retryInMs);
        await delay(retryInMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
      }
    }
    return false;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop.abort();
  }
}
