/**
 * The fast path: what was just committed goes to Redis, at once and in order.
 *
 * Purpose: a subscriber elsewhere hears of a commit within a millisecond or two, not at the next sweep.
 * Owner: the hub. It has no timer but the short ones of P3; `close` lets go of everything.
 *
 *  P1. It never throws, never waits, and never holds up the recorder: everything it cannot do is left to the sweeper,
 *      which fills from the log. Nothing here is the only copy of anything.
 *  P2. For each module one script call is in flight; what comes meanwhile is merged, as far as it is contiguous, into the
 *      next one. So a module's entries are written in order without any lock.
 *  P3. Commits of one process, and those of its neighbours, may reach Redis in another order than their positions. What
 *      would leave a gap waits a moment for what belongs before it, a few times, then it is left to the sweeper.
 *  P4. Bytes waiting are bounded, for each module and in all; what comes beyond is dropped and counted.
 *
 * Failure: Redis gone, frozen or full: the breaker opens, what waits is dropped, and what comes is dropped at once.
 */

import type { Log } from "#shared/log/open-log.ts";
import { type Breaker, BreakerOpenError } from "#shared/redis/open-breaker.ts";
import type { RedisClient } from "#shared/redis/open-redis.ts";
import { type AppendAnswer, appendEvents, type RedisStreamLimits } from "./append-events.ts";
import type { Epoch } from "./log-port.ts";
import { EVENT_OVERHEAD_BYTES, type SharedEvent } from "./shared-event.ts";

export interface PublisherLimits {
  /** Events of one script call. */
  readonly batchEventsMax: number;
  /** Bytes of one script call, unless a single event is larger. */
  readonly batchBytesMax: number;
  /** Bytes that wait for one module. */
  readonly queueModuleBytesMax: number;
  /** Bytes that wait in all. */
  readonly queueBytesMax: number;
  /** How long to wait for what belongs before, each time. */
  readonly gapWaitMs: number;
  /** How often. */
  readonly gapWaitsMax: number;
}

export const PUBLISHER_LIMITS: PublisherLimits = {
  batchEventsMax: 256,
  batchBytesMax: 1_048_576,
  queueModuleBytesMax: 8_388_608,
  queueBytesMax: 67_108_864,
  gapWaitMs: 1,
  gapWaitsMax: 4,
};

export interface PublisherOptions {
  readonly redis: RedisClient;
  readonly breaker: Breaker;
  readonly log: Log;
  readonly limits: PublisherLimits;
  /** How much Redis may hold for a module, as things stand. */
  readonly streamLimits: () => RedisStreamLimits;
  /** Hears of every answer to an append. */
  readonly onAnswer: (module: string, answer: AppendAnswer) => void;
  /** Hears that something of the module was left to the sweeper. */
  readonly onLeft: (module: string) => void;
}

export interface PublisherCounts {
  published: number;
  /** Left to the sweeper: too much waited, Redis failed, or a gap stayed open. */
  left: number;
}

interface Lane {
  readonly module: string;
  epoch: Epoch;
  /** Ascending by position, each once. */
  waiting: SharedEvent[];
  bytes: number;
  inFlight: boolean;
  gapWaits: number;
  /** What Redis last said it has; undefined: not known. */
  last: number | undefined;
  timer: NodeJS.Timeout | undefined;
}

export class Publisher {
  readonly counts: PublisherCounts = { published: 0, left: 0 };
  readonly #options: PublisherOptions;
  readonly #lanes = new Map<string, Lane>();
  #bytes = 0;
  #closed = false;

  constructor(options: PublisherOptions) {
    this.#options = options;
  }

  /** Bytes that wait at the moment. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes what was committed, of dense positions. Returns at once; call it right after the commit (P1). */
  publish(module: string, epoch: Epoch, events: readonly SharedEvent[]): void {
    const lane = this.#lane(module, epoch);
    if (this.#closed || this.#options.breaker.state === "open") {
      this.#leave(lane, events);
      return;
    }
    const bytes = events.reduce((sum, event) => sum + cost(event), 0);
    const { queueModuleBytesMax, queueBytesMax } = this.#options.limits;
    if (lane.bytes + bytes > queueModuleBytesMax || this.#bytes + bytes > queueBytesMax) {
      this.#leave(lane, events);
      return;
    }
    this.#put(lane, events);
    this.#kick(lane);
  }

  /** Lets go of what waits; a call in flight ends by itself. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) {
      this.#leave(lane, this.#take(lane, lane.waiting.length));
      clearTimeout(lane.timer);
    }
  }

  #lane(module: string, epoch: Epoch): Lane {
    let lane = this.#lanes.get(module);
    if (lane === undefined) {
      lane = { module, epoch, waiting: [], bytes: 0, inFlight: false, gapWaits: 0, last: undefined, timer: undefined };
      this.#lanes.set(module, lane);
    }
    if (lane.epoch.identity !== epoch.identity) {
      this.#leave(lane, this.#take(lane, lane.waiting.length));
      lane.epoch = epoch;
      lane.last = undefined;
    }
    return lane;
  }

  /** Starts the next call, unless one is in flight or what belongs before is still expected. */
  #kick(lane: Lane): void {
    const first = lane.waiting[0];
    if (first === undefined || lane.inFlight || lane.timer !== undefined) {
      return;
    }
    if (lane.last !== undefined && first.position > lane.last + 1 && lane.gapWaits < this.#options.limits.gapWaitsMax) {
      this.#waitForPredecessor(lane);
      return;
    }
    lane.inFlight = true;
    void this.#send(lane, this.#take(lane, this.#runLength(lane)));
  }

  /** P3. */
  #waitForPredecessor(lane: Lane): void {
    lane.gapWaits += 1;
    lane.timer = setTimeout(() => {
      lane.timer = undefined;
      // What belongs before may have come from another process: only Redis knows, so it is asked by trying.
      lane.last = undefined;
      this.#kick(lane);
    }, this.#options.limits.gapWaitMs);
  }

  async #send(lane: Lane, events: SharedEvent[]): Promise<void> {
    try {
      const answer = await this.#append(lane, events);
      this.#options.onAnswer(lane.module, answer);
      this.#heed(lane, events, answer);
    } catch (error) {
      this.#fail(lane, events, error);
    } finally {
      lane.inFlight = false;
      this.#kick(lane);
    }
  }

  async #append(lane: Lane, events: SharedEvent[]): Promise<AppendAnswer> {
    const { redis, breaker, streamLimits } = this.#options;
    const after = (events[0] as SharedEvent).position - 1;
    const append = {
      module: lane.module,
      epoch: lane.epoch,
      after,
      events,
      limits: streamLimits(),
      rebuild: after === 0,
    };
    return await breaker.fire(() => appendEvents(redis, append));
  }

  #heed(lane: Lane, events: SharedEvent[], { status, last }: AppendAnswer): void {
    if (status === "OK") {
      lane.last = last;
      lane.gapWaits = 0;
      this.counts.published += events.length;
      forget(events);
    } else if (status === "GAP" && lane.gapWaits < this.#options.limits.gapWaitsMax && !this.#closed) {
      lane.last = last;
      this.#put(lane, events);
    } else {
      lane.last = undefined;
      lane.gapWaits = 0;
      this.#leave(lane, events.concat(this.#take(lane, lane.waiting.length)));
    }
  }

  #fail(lane: Lane, events: SharedEvent[], error: unknown): void {
    lane.last = undefined;
    this.#leave(lane, events.concat(this.#take(lane, lane.waiting.length)));
    if (!(error instanceof BreakerOpenError)) {
      this.#options.log.debug({ module: lane.module, err: error }, "publish failed; left to the sweeper");
    }
  }

  /** How many of the waiting events are contiguous and fit into one call. */
  #runLength(lane: Lane): number {
    const { batchEventsMax, batchBytesMax } = this.#options.limits;
    const first = (lane.waiting[0] as SharedEvent).position;
    let bytes = 0;
    let length = 0;
    for (const event of lane.waiting) {
      bytes += event.framed.length;
      if (length >= batchEventsMax || event.position !== first + length || (length > 0 && bytes > batchBytesMax)) {
        break;
      }
      length += 1;
    }
    return length;
  }

  #take(lane: Lane, count: number): SharedEvent[] {
    const taken = lane.waiting.splice(0, count);
    this.#charge(lane, -taken.reduce((sum, event) => sum + cost(event), 0));
    return taken;
  }

  /** Merges into the queue, ascending; what waits there already is skipped. Nearly always it goes to the end. */
  #put(lane: Lane, events: readonly SharedEvent[]): void {
    const { waiting } = lane;
    for (const event of events) {
      let at = waiting.length;
      while (at > 0 && (waiting[at - 1] as SharedEvent).position > event.position) {
        at -= 1;
      }
      if (waiting[at - 1]?.position !== event.position) {
        waiting.splice(at, 0, event);
        this.#charge(lane, cost(event));
      }
    }
  }

  #leave(lane: Lane, events: readonly SharedEvent[]): void {
    if (events.length > 0) {
      this.counts.left += events.length;
      forget(events);
      this.#options.onLeft(lane.module);
    }
  }

  #charge(lane: Lane, bytes: number): void {
    lane.bytes += bytes;
    this.#bytes += bytes;
  }
}

/** Events and their messages count twice: both are held until the event is written. */
function cost(event: SharedEvent): number {
  return event.framed.length * 2 + EVENT_OVERHEAD_BYTES;
}

/** Rings go on holding the events, for whom the bytes are enough. */
function forget(events: readonly SharedEvent[]): void {
  for (const event of events) {
    event.message = undefined;
  }
}
