// One module's way into the graph: what arrives is read, gathered into steps, and written.
//
// Purpose: a lone event is in the graph at once, and many go in large steps; while one step is being written, the next one is read.
// Owner: the session of a projector, one for each module of the stream.
//
//  N1  Steps go on where the step before ended: positions without a gap, in order, one step at a time.
//  N2  Nothing waits for more to come: a step holds what is there. Only while the step before is being written does it still grow.
//  N3  A step holds at most `eventsMax` events, or so many that their texts come to `bytesMax`.
//  N4  Who finds that another process has taken its step stands back: it reads nothing, and looks at the stored place from time to time.
//      What that has passed is dropped. If it does not move between two looks while something is missing, the other one is gone, or
//      stuck, and this one takes over. So of several replicas one works on a module, and others on other modules.
//  N5  Positions above `until` are left alone.
//
// Failure mode: what cannot go on here (PlaceLost, GenerationGone) is told to the owner, who ends the session.
import { setTimeout as delay } from "node:timers/promises";
import type { Place } from "../domain/graph-rows.ts";
import type { Arrival } from "./arrival.ts";
import type { Budget } from "./budget.ts";
import type { ReadArrivals } from "./read-arrivals.ts";
import type { Item, Step } from "./step.ts";
import { PlaceLost, type Written } from "./write-step.ts";

export interface LaneOptions {
  readonly module: string;
  /** Where the store stands; 0: nothing yet. */
  readonly after: number;
  /** The last position to take. Unset: there is none. */
  readonly until: number | undefined;
  readonly budget: Budget;
  readonly read: ReadArrivals;
  readonly write: (step: Step) => Promise<Written>;
  /** Where the store stands now; undefined: nowhere. */
  readonly look: () => Promise<Place | undefined>;
  readonly onPlace: (place: Place) => void;
  readonly onFailure: (error: unknown) => void;
  readonly eventsMax: number;
  readonly bytesMax: number;
  /** About how long one who stands back lets the other one rest, in milliseconds. */
  readonly standBackMs: number;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

export class Lane {
  readonly #options: LaneOptions;
  #queue: Arrival[] = [];
  #last: number;
  /** Where the next step begins. */
  #after: number;
  #standsBack = false;
  #writing: Promise<void> | undefined;
  /** There while somebody waits for an arrival. */
  #news: PromiseWithResolvers<void> | undefined;

  constructor(options: LaneOptions) {
    this.#options = options;
    options.signal.addEventListener("abort", () => this.#tellNews(), { once: true });
    this.#last = options.after;
    this.#after = options.after;
  }

  /** The last position that has arrived, or was there before. */
  get last(): number {
    return this.#last;
  }

  /** Takes in the next position; repeats are dropped. */
  push(arrival: Arrival): void {
    const { until, budget } = this.#options;
    if (arrival.position <= this.#last || (until !== undefined && arrival.position > until)) return;
    this.#last = arrival.position;
    this.#queue.push(arrival);
    budget.hold(arrival.bytes);
    this.#tellNews();
  }

  /** Works until the signal fires, then lets the step in hand end. Never rejects. */
  async run(): Promise<void> {
    const { signal, onFailure } = this.#options;
    try {
      while (!signal.aborted) {
        await this.#arrived();
        if (signal.aborted) break;
        if (this.#standsBack) await this.#standBack();
        else await this.#takeNext();
      }
    } catch (error) {
      if (!signal.aborted) onFailure(error);
    }
    await this.#writing;
  }

  /** Reads the next step while the one before is being written, then writes it. */
  async #takeNext(): Promise<void> {
    const step = await this.#gather();
    await this.#writing;
    if (step === undefined || this.#options.signal.aborted) return;
    this.#writing = this.#write(step).catch((error: unknown) => {
      if (!this.#options.signal.aborted) this.#options.onFailure(error);
    });
  }

  async #gather(): Promise<(Step & { bytes: number; events: number }) | undefined> {
    const { read, eventsMax, bytesMax, module, signal } = this.#options;
    const items: Item[] = [];
    let [events, bytes, to, epoch] = [0, 0, this.#after, ""];
    for (;;) {
      const some = this.#take(eventsMax - events, bytesMax - bytes);
      items.push(...(await read(some)));
      events += some.length;
      bytes += some.reduce((sum, arrival) => sum + arrival.bytes, 0);
      to = some.at(-1)?.position ?? to;
      epoch = some.at(-1)?.epoch ?? epoch;
      const isFull = events >= eventsMax || bytes >= bytesMax;
      if (isFull || signal.aborted || this.#writing === undefined) break;
      await Promise.race([this.#writing, this.#arrived()]);
    }
    if (events === 0) return undefined;
    const after = this.#after;
    this.#after = to;
    return { module, after, to, epoch, items, events, bytes };
  }

  async #write(step: Step & { bytes: number; events: number }): Promise<void> {
    const { write, onPlace, budget } = this.#options;
    try {
      const { place, lost } = await write(step);
      this.#standsBack ||= lost;
      onPlace(place);
    } finally {
      budget.release(step.events, step.bytes);
      this.#writing = undefined;
    }
  }

  /** N4. Returns when nothing of what arrived is missing any more, or when this one takes over. */
  async #standBack(): Promise<void> {
    const { standBackMs, random, signal, module } = this.#options;
    await this.#writing;
    let seen = await this.#look();
    while (this.#queue.length > 0 && !signal.aborted) {
      await delay(standBackMs * (0.75 + random() / 2), undefined, { signal }).catch(() => undefined);
      const now = await this.#look();
      if (this.#queue.length > 0 && isSame(seen, now)) {
        const position = now?.position ?? 0;
        const first = this.#queue[0] as Arrival;
        if (position < this.#after && position < first.position - 1) {
          throw new PlaceLost(`${module} stands at ${position}, and what follows is not at hand`);
        }
        this.#after = position;
        this.#standsBack = false;
        return;
      }
      seen = now;
    }
  }

  async #look(): Promise<Place | undefined> {
    const { look, onPlace, budget } = this.#options;
    const place = await look();
    if (place === undefined) return undefined;
    onPlace(place);
    const missing = this.#queue.findIndex(({ position }) => position > place.position);
    const passed = this.#queue.splice(0, missing === -1 ? this.#queue.length : missing);
    budget.release(
      passed.length,
      passed.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    return place;
  }

  /** N3: at least one, whatever it weighs. */
  #take(eventsMax: number, bytesMax: number): Arrival[] {
    let bytes = 0;
    const end = this.#queue.findIndex((arrival, n) => {
      const isOver = n >= eventsMax || (n > 0 && bytes + arrival.bytes > bytesMax);
      bytes += arrival.bytes;
      return isOver;
    });
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }

  /** Resolves when something is there to be taken, or with the signal. */
  #arrived(): Promise<void> {
    if (this.#queue.length > 0 || this.#options.signal.aborted) return Promise.resolve();
    this.#news ??= Promise.withResolvers();
    return this.#news.promise;
  }

  #tellNews(): void {
    this.#news?.resolve();
    this.#news = undefined;
  }
}

/** Its owner renews the time of a place when it holds it on purpose. */
function isSame(left: Place | undefined, right: Place | undefined): boolean {
  return left?.position === right?.position && left?.atMs === right?.atMs;
}
