/**
 * Reading modules near their heads, for whoever keeps places of its own in the same process: the events of the rings where they are held, of
 * the log where not.
 *
 * Purpose: what is recorded reaches the owner within the turn in which this process learns of it, and is decoded and encoded once for all.
 * Owner: whoever opened it closes it. The hub, whose it is, tells it of heads, and of a new epoch.
 *
 *  T1. `onMoved` comes for each module that is watched and has moved, at least once after each move; it may come without one.
 *  T2. A new epoch begins every ring anew; who holds a tap hears of it otherwise, and then `restart` is called.
 *
 * Failure: the log does not answer: `read` rejects as the log does.
 */

import type { Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import { localScope } from "#shared/auth/scope.ts";
import { compileFilter } from "./filter.ts";
import type { LogPort } from "./log-port.ts";
import type { Ring, RingSlice } from "./ring.ts";
import type { RingListener } from "./rings.ts";
import { eventFacts, type SharedEvent, shareEvent } from "./shared-event.ts";
import type { PlaceHost } from "./standing.ts";

/** What one read returns at most, in bytes of events; one event alone may be larger. */
const READ_BYTES_MAX = 1_048_576;

export interface TapOptions {
  readonly port: Pick<LogPort, "read">;
  /** Of the present epoch. */
  readonly host: () => Pick<PlaceHost, "attach" | "detach" | "headOf">;
  readonly onMoved: (module: string) => void;
  readonly onClosed: () => void;
}

export interface TapRead {
  readonly module: string;
  /** Positions above this one. */
  readonly after: number;
  readonly eventsMax: number;
  readonly filter: Filter | undefined;
}

interface Seat {
  ring: Ring;
  readonly listener: RingListener;
}

export class Tap {
  readonly #options: TapOptions;
  readonly #seats = new Map<string, Seat>();

  constructor(options: TapOptions) {
    this.#options = options;
  }

  /** Keeps the module's latest events at hand from now on, and hears of new ones. */
  watch(module: string): void {
    if (this.#seats.has(module)) {
      return;
    }
    const listener = (): void => this.#options.onMoved(module);
    this.#seats.set(module, { ring: this.#attach(module, listener), listener });
  }

  unwatch(module: string): void {
    const seat = this.#seats.get(module);
    if (seat !== undefined) {
      this.#options.host().detach(module, seat.listener);
      this.#seats.delete(module);
    }
  }

  /** The module's last position, as far as it is known here. */
  headOf(module: string): number {
    return Math.max(this.#options.host().headOf(module), this.#seats.get(module)?.ring.high ?? 0);
  }

  /** What is wanted above a position, and up to where that is all. */
  async read(request: TapRead, signal: AbortSignal): Promise<RingSlice> {
    return this.#fromRing(request) ?? (await this.#fromLog(request, signal));
  }

  /** The hub's: the log's head has moved, or a module was registered. */
  noteHead(module: string): void {
    this.#options.onMoved(module);
  }

  /** The hub's: the rings of the epoch before are gone. */
  restart(): void {
    for (const [module, seat] of this.#seats) {
      seat.ring = this.#attach(module, seat.listener);
    }
  }

  close(): void {
    for (const module of [...this.#seats.keys()]) {
      this.unwatch(module);
    }
    this.#options.onClosed();
  }

  #attach(module: string, listener: RingListener): Ring {
    const host = this.#options.host();
    return host.attach(module, host.headOf(module), listener);
  }

  #fromRing({ module, after, eventsMax, filter }: TapRead): RingSlice | undefined {
    const ring = this.#seats.get(module)?.ring;
    if (ring === undefined || after < ring.low || after >= ring.high) {
      return undefined;
    }
    const wanted = compileFilter(filter);
    const { events, through } = ring.slice(after, wanted && ((event) => wanted(eventFacts(event))));
    return events.length <= eventsMax ? { events, through } : cut(events.slice(0, eventsMax));
  }

  async #fromLog({ module, after, eventsMax, filter }: TapRead, signal: AbortSignal): Promise<RingSlice> {
    const limits = { eventsMax, bytesMax: READ_BYTES_MAX };
    const { events, through } = await this.#options.port.read(localScope(), module, after, limits, filter, signal);
    return { events: events.map(shareEvent), through };
  }
}

function cut(events: readonly SharedEvent[]): RingSlice {
  return { events, through: events.at(-1)?.position ?? 0 };
}

/** The taps of a hub. */
export class Taps {
  readonly #open = new Set<Tap>();

  open(options: Omit<TapOptions, "onClosed">): Tap {
    const tap = new Tap({ ...options, onClosed: () => this.#open.delete(tap) });
    this.#open.add(tap);
    return tap;
  }

  noteHead(module: string): void {
    for (const tap of this.#open) tap.noteHead(module);
  }

  restart(): void {
    for (const tap of this.#open) tap.restart();
  }
}
