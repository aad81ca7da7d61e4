/**
 * The rings of all modules that somebody listens to, and what feeds them.
 *
 * Purpose: one window for each module, fed by whoever is first: this process' own publisher, Redis, or the log.
 * Owner: the hub. A ring is opened with its first listener, and closed by `sweep` when it had none for a whole sweep.
 *
 *  G1. A ring follows one epoch; `restart` closes all of them.
 *  G2. A gap is filled from the log, one read at a time for each ring, until there is none.
 *  G3. A gap that is wider than a ring is not filled but skipped (reset): subscribers then read the log by themselves.
 *  G4. The log need not have what Redis showed: then it was no position of this log, and is forgotten.
 *  G5. What a forgetting took from the log leaves its ring as soon as anybody tells of it: the event, by any feeder, or the
 *      sweeper, by the head.
 *
 * Failure: the log does not answer: the gap stays, and the next sweep tries again.
 */

import { setTimeout as delay } from "node:timers/promises";
import { localScope } from "#shared/auth/scope.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { Epoch, LogPort } from "./log-port.ts";
import { Ring, type RingLimits } from "./ring.ts";
import { RingBudget } from "./ring-budget.ts";
import type { StreamEntry } from "./shard-reader.ts";
import { type SharedEvent, shareEncoded, shareEvent } from "./shared-event.ts";

export interface RingsLimits extends RingLimits {
  /** How many bytes all rings hold together. */
  readonly allBytesMax: number;
  /** A gap of more events is skipped, not filled. */
  readonly fillEventsMax: number;
  /** How long a gap before events that are here already may close by itself. */
  readonly fillWaitMs: number;
}

export const RINGS_LIMITS: RingsLimits = {
  entriesMax: 4_096,
  bytesMax: 8_388_608,
  allBytesMax: 67_108_864,
  fillEventsMax: 2_048,
  fillWaitMs: 2,
};

export interface RingsOptions {
  readonly port: LogPort;
  readonly log: Log;
  readonly limits: RingsLimits;
  /** Where Redis is read from, as long as a ring is open. */
  readonly reader: { add(module: string, position: number): void; remove(module: string): void };
}

export interface RingState {
  readonly low: number;
  readonly high: number;
  readonly bytes: number;
  readonly listeners: number;
}

/** Called when the ring has something new, or another window. */
export type RingListener = () => void;

interface Seat {
  readonly ring: Ring;
  readonly listeners: Set<RingListener>;
  filling: boolean;
  /** Whether the last sweep found nobody listening. */
  idle: boolean;
}

export class Rings {
  readonly #options: RingsOptions;
  readonly #budget: RingBudget;
  readonly #seats = new Map<string, Seat>();
  readonly #stop = new AbortController();

  constructor(options: RingsOptions) {
    this.#options = options;
    this.#budget = new RingBudget(options.limits.allBytesMax);
  }

  get bytes(): number {
    return this.#budget.bytes;
  }

  /** How a module's ring is, for mesh health; undefined: there is none. */
  stateOf(module: string): RingState | undefined {
    const seat = this.#seats.get(module);
    return seat && { low: seat.ring.low, high: seat.ring.high, bytes: seat.ring.bytes, listeners: seat.listeners.size };
  }

  /** Listens to the module's ring, which is opened at the position if there is none. */
  attach(module: string, epoch: Epoch, position: number, listener: RingListener): Ring {
    let seat = this.#seats.get(module);
    if (seat === undefined) {
      const ring = new Ring(module, epoch.identity, position, this.#options.limits, this.#budget);
      seat = { ring, listeners: new Set(), filling: false, idle: false };
      this.#seats.set(module, seat);
      this.#options.reader.add(module, position);
    }
    seat.listeners.add(listener);
    return seat.ring;
  }

  detach(module: string, listener: RingListener): void {
    this.#seats.get(module)?.listeners.delete(listener);
  }

  /** Takes events of this epoch, from whomever. */
  feed(module: string, epoch: Epoch, events: readonly SharedEvent[]): void {
    const seat = this.#seats.get(module);
    if (seat === undefined || seat.ring.epoch !== epoch.identity) {
      return;
    }
    let moved = false;
    for (const event of events) {
      moved = seat.ring.push(event) || moved;
    }
    this.#settle(seat, moved);
  }

  /** Takes what Redis gave. A reference only says that the log has something. */
  takeEntries(module: string, entries: readonly StreamEntry[]): void {
    const seat = this.#seats.get(module);
    if (seat === undefined) {
      return;
    }
    let moved = false;
    for (const { position, bytes, forgets } of entries) {
      if (position <= seat.ring.high) {
        continue;
      }
      if (bytes === undefined) {
        seat.ring.announce(position);
      } else {
        moved = seat.ring.push(shareEncoded(position, bytes, forgets)) || moved;
      }
    }
    this.#settle(seat, moved);
  }

  /** The log is known to reach so far: what the ring lacks is filled. */
  reach(module: string, position: number): void {
    const seat = this.#seats.get(module);
    if (seat !== undefined && position > seat.ring.high) {
      seat.ring.announce(position);
      this.#settle(seat, false);
    }
  }

  /** G5: a forgetting stands at the position; 0: there was none. */
  forget(module: string, position: number): void {
    const seat = this.#seats.get(module);
    if (seat?.ring.forget(position) === true) {
      seat.ring.announce(position);
      this.#settle(seat, true);
    }
  }

  /** Closes the rings that nobody listened to since the last call. */
  sweep(): void {
    for (const [module, seat] of this.#seats) {
      if (seat.listeners.size > 0) {
        seat.idle = false;
      } else if (seat.idle) {
        this.#drop(module, seat);
      } else {
        seat.idle = true;
      }
    }
  }

  /** G1. Listeners are gone with their rings. */
  restart(): void {
    for (const [module, seat] of this.#seats) {
      this.#drop(module, seat);
    }
  }

  close(): void {
    this.#stop.abort();
    this.restart();
  }

  #drop(module: string, seat: Seat): void {
    this.#seats.delete(module);
    this.#options.reader.remove(module);
    seat.ring.close();
  }

  #settle(seat: Seat, moved: boolean): void {
    if (moved) {
      wake(seat);
    }
    if (seat.ring.gapped && !seat.filling) {
      seat.filling = true;
      void this.#fill(seat);
    }
  }

  /** G2 to G4. */
  async #fill(seat: Seat): Promise<void> {
    try {
      // Two commits that overtake each other on their way here are no reason to read the log.
      if (seat.ring.aheadFrom !== undefined) {
        await delay(this.#options.limits.fillWaitMs);
      }
      while (seat.ring.gapped && this.#isOpen(seat)) {
        if (this.#skipped(seat) || !(await this.#fillOnce(seat))) {
          break;
        }
        wake(seat);
      }
    } catch (error) {
      this.#options.log.debug({ module: seat.ring.module, err: error }, "gap not filled; trying again");
    } finally {
      seat.filling = false;
    }
  }

  #skipped({ ring, ...seat }: Seat): boolean {
    const target = ring.aheadFrom === undefined ? ring.wanted : ring.aheadFrom - 1;
    if (target - ring.high <= this.#options.limits.fillEventsMax) {
      return false;
    }
    ring.reset(target);
    wake(seat);
    return true;
  }

  /** Reads the next part of a gap; false: there is no more to be had. */
  async #fillOnce(seat: Seat): Promise<boolean> {
    const { ring } = seat;
    const { port, limits } = this.#options;
    const before = ring.high;
    const reads = { eventsMax: Math.min(1_000, limits.fillEventsMax), bytesMax: Math.min(1_048_576, limits.bytesMax) };
    const { events, through } = await port.read(localScope(), ring.module, before, reads, undefined, this.#stop.signal);
    // A ring that was closed meanwhile must not be filled: nobody would ever give its bytes back.
    if (!this.#isOpen(seat)) {
      return false;
    }
    for (const event of events) {
      ring.push(shareMessageless(event));
    }
    if (through <= before && ring.high <= before) {
      ring.forgetWanted();
      return false;
    }
    return true;
  }

  #isOpen(seat: Seat): boolean {
    return this.#seats.get(seat.ring.module) === seat;
  }
}

function wake({ listeners }: { listeners: ReadonlySet<RingListener> }): void {
  for (const listener of listeners) {
    listener();
  }
}

/** In a ring only the bytes last. */
function shareMessageless(event: Parameters<typeof shareEvent>[0]): SharedEvent {
  const shared = shareEvent(event);
  shared.message = undefined;
  return shared;
}
