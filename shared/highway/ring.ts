/**
 * The latest events of one module, in memory, for all subscribers who stand near its head.
 *
 * Purpose: an event is read and encoded once, however many listen. Subscribers pull from the ring at their own pace; one
 * who falls below its window reads from the log, so a slow one costs nobody anything.
 * Owner: the hub; it exists while somebody listens to the module.
 *
 *  R1. It holds exactly the positions low < p <= high, each once, in order.
 *  R2. `push` appends high + 1 alone. What is known is ignored. What lies further on is kept aside if it is contiguous
 *      (several feeders race: this process' publisher, Redis, the log), and joins as soon as the gap before it is closed.
 *  R3. `wanted` is the highest position that anybody has shown; `wanted > high` is a gap, which the hub fills from the log.
 *  R4. Entries, and the bytes of everything held, stay within the limits and the budget; the oldest go first.
 *  R5. `reset` gives up the window and goes on elsewhere; `resets` tells subscribers that it was not their slowness.
 *  R6. Nothing below a forgetting is held once it is known, whether by its event or by `forget`: who stands there reads the
 *      log. And nothing below it comes in again, since the window never moves back.
 *
 * Failure: none of its own. If nothing feeds it, the hub's sweeper sees that the log is ahead and does.
 */

import type { Encoded } from "#shared/rpc/encoded.ts";
import { encodeBatch, FRAME_BYTES_MAX } from "./frames.ts";
import type { RingBudget } from "./ring-budget.ts";
import { EVENT_OVERHEAD_BYTES, type SharedEvent } from "./shared-event.ts";

export interface RingLimits {
  /** How many events a module's ring holds at most. */
  readonly entriesMax: number;
  /** How many bytes a module's ring holds at most. */
  readonly bytesMax: number;
}

/** A piece of the window: everything above where it was asked for, up to and including `through`. */
export interface RingSlice {
  readonly events: readonly SharedEvent[];
  readonly through: number;
}

export class Ring {
  readonly module: string;
  readonly epoch: string;
  bytes = 0;
  resets = 0;
  wanted: number;
  #low: number;
  #events: (SharedEvent | undefined)[] = [];
  /** Where the window begins in `#events`; what lies before was evicted. */
  #start = 0;
  #ahead: SharedEvent[] = [];
  #aheadBytes = 0;
  #frames = new Map<number, Encoded & { through: number }>();
  readonly #limits: RingLimits;
  readonly #budget: RingBudget;

  constructor(module: string, epoch: string, position: number, limits: RingLimits, budget: RingBudget) {
    this.module = module;
    this.epoch = epoch;
    this.#low = position;
    this.wanted = position;
    this.#limits = limits;
    this.#budget = budget;
    budget.join(this);
  }

  /** Everything up to here has been evicted, or was never here. */
  get low(): number {
    return this.#low;
  }

  get high(): number {
    return this.#low + this.#events.length - this.#start;
  }

  /** Whether a gap is to be filled from the log. */
  get gapped(): boolean {
    return this.wanted > this.high;
  }

  /** The lowest position that is kept aside, so that filling beyond it is waste; undefined: nothing is. */
  get aheadFrom(): number | undefined {
    return this.#ahead[0]?.position;
  }

  /** Takes an event (R2); true if the window has grown. */
  push(event: SharedEvent): boolean {
    const { position } = event;
    if (event.forgets) {
      this.forget(position);
    }
    this.wanted = Math.max(this.wanted, position);
    const next = this.high + 1;
    if (position > next) {
      this.#putAside(event);
    }
    if (position !== next) {
      return false;
    }
    this.#append(event);
    this.#joinAhead();
    this.#evict();
    return true;
  }

  /** Somebody has shown that the log reaches so far, without giving the event. */
  announce(position: number): void {
    this.wanted = Math.max(this.wanted, position);
  }

  /** Gives up the window and goes on above the position. */
  reset(position: number): void {
    this.clear();
    this.#low = position;
    this.resets += 1;
    this.wanted = Math.max(this.wanted, position);
    this.#joinAhead();
    this.#evict();
  }

  /** R6. True if that took anything from those who stand in the window, or moved it. */
  forget(position: number): boolean {
    const low = position - 1;
    if (this.#low >= low) {
      return false;
    }
    if (this.high < low) {
      this.reset(low);
      return true;
    }
    this.#dropFrames();
    while (this.#low < low && this.#shedOldest());
    this.resets += 1;
    return true;
  }

  /** The position shown was none of this log's: nothing is missing. */
  forgetWanted(): void {
    this.#dropAhead();
    this.wanted = this.high;
  }

  /** What stands above the position, which must be in the window, as far as a frame reaches. */
  slice(after: number, wanted?: (event: SharedEvent) => boolean): RingSlice {
    const events: SharedEvent[] = [];
    let bytes = 0;
    let through = after;
    for (let at = this.#start + after - this.#low; at < this.#events.length; at += 1) {
      const event = this.#events[at] as SharedEvent;
      if (wanted === undefined || wanted(event)) {
        bytes += event.framed.length;
        if (events.length > 0 && bytes > FRAME_BYTES_MAX) {
          break;
        }
        events.push(event);
      }
      through = event.position;
    }
    return { events, through };
  }

  /** The frame of everything above the position: one for all who stand there. */
  frame(after: number): Encoded & { through: number } {
    const known = this.#frames.get(after);
    if (known !== undefined) {
      return known;
    }
    const { events, through } = this.slice(after);
    const { module, epoch } = this;
    const frame = { ...encodeBatch({ module, epoch, after, through, events }), through };
    // Those in step ask one after another within a millisecond; two such groups are kept apart, more are not worth it.
    if (this.#frames.size >= 2) {
      this.#dropFrames();
    }
    this.#frames.set(after, frame);
    this.#charge(frame.encoded.length);
    this.#budget.relieve();
    return frame;
  }

  /** Gives up a piece: kept frames first, then the oldest event, at last what lies aside. False: there is nothing left. */
  shed(): boolean {
    if (this.#frames.size > 0) {
      this.#dropFrames();
      return true;
    }
    if (this.#shedOldest()) {
      return true;
    }
    const any = this.#ahead.length > 0;
    this.#dropAhead();
    return any;
  }

  /** Gives the window back; the ring is then empty where it ended, and stays usable. */
  clear(): void {
    this.#dropFrames();
    while (this.#shedOldest());
  }

  /** The end: gives back everything, and its share of the budget. */
  close(): void {
    this.clear();
    this.#dropAhead();
    this.#budget.leave(this);
  }

  #shedOldest(): boolean {
    const oldest = this.#events[this.#start];
    if (oldest === undefined) {
      return false;
    }
    this.#events[this.#start] = undefined;
    this.#start += 1;
    this.#low += 1;
    this.#charge(-cost(oldest));
    this.#compact();
    return true;
  }

  #append(event: SharedEvent): void {
    this.#dropFrames();
    this.#events.push(event);
    this.#charge(cost(event));
  }

  #putAside(event: SharedEvent): void {
    const last = this.#ahead.at(-1);
    if (last !== undefined && event.position !== last.position + 1) {
      if (event.position <= last.position) {
        return;
      }
      this.#dropAhead();
    }
    if (this.#ahead.length >= this.#limits.entriesMax || this.#aheadBytes >= this.#limits.bytesMax / 4) {
      this.#dropAhead();
    }
    this.#ahead.push(event);
    this.#aheadBytes += cost(event);
    this.#charge(cost(event));
    this.#budget.relieve();
  }

  #joinAhead(): void {
    if (this.#ahead.length === 0 || (this.#ahead[0] as SharedEvent).position > this.high + 1) {
      return;
    }
    const ahead = this.#ahead;
    this.#dropAhead();
    for (const event of ahead) {
      if (event.position === this.high + 1) {
        this.#append(event);
      }
    }
  }

  #dropAhead(): void {
    this.#charge(-this.#aheadBytes);
    this.#ahead = [];
    this.#aheadBytes = 0;
  }

  #dropFrames(): void {
    for (const frame of this.#frames.values()) {
      this.#charge(-frame.encoded.length);
    }
    this.#frames.clear();
  }

  #evict(): void {
    const { entriesMax, bytesMax } = this.#limits;
    // The newest stays, however large: it is what live subscribers are waiting for.
    while (this.high - this.#low > 1 && (this.high - this.#low > entriesMax || this.bytes > bytesMax)) {
      this.shed();
    }
    this.#budget.relieve();
  }

  #compact(): void {
    if (this.#start > 1_024 && this.#start * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#start);
      this.#start = 0;
    }
  }

  #charge(bytes: number): void {
    this.bytes += bytes;
    this.#budget.bytes += bytes;
  }
}

function cost(event: SharedEvent): number {
  return event.framed.length + EVENT_OVERHEAD_BYTES;
}
