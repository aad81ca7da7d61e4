// How far one generation of the graph has come, as this process knows it: what is told of the lag, and what wakes those who wait for a place.
//
// Owner: the projector of that generation; many read it.
//
//  V1  A module's place and head only go up, until everything begins anew (`begin`). A head that was known before counts only until the new
//      stream says one: of a log that was restored it may be lower.
//  V2  The lag in time is how long the lowest missing position has been known: since a head, or an event, first named it or one above.
//  V3  Whoever waits for a move is woken by the next one of any module, by the signal, or when the time is up.
import type { Place } from "../domain/graph-rows.ts";

/** That the log was known to reach up to a position at a time. */
interface Mark {
  position: number;
  readonly atMs: number;
}

interface Figure {
  place: Place | undefined;
  head: number;
  /** Of what is missing, by position and time. */
  readonly marks: Mark[];
  /** Whether the head is from before all began anew. */
  isOld: boolean;
}

/** How one module stands. */
export interface ModuleFigure {
  readonly module: string;
  /** Undefined: nothing of it was projected yet. */
  readonly place: Place | undefined;
  /** The last position of the log that is known here; at least the place's. */
  readonly head: number;
  readonly lagPositions: number;
  readonly lagMs: number;
}

/** Marks of a module at most; beyond, the last one is stretched, which makes a lag seem longer rather than shorter. */
const MARKS_MAX = 256;

export class Figures {
  readonly #now: () => number;
  readonly #modules = new Map<string, Figure>();
  readonly #waiting = new Set<() => void>();
  /** Whether the stream from the conductor is up. */
  connected = false;
  /** Whether the present stream has said that no module of it is behind any more. */
  caughtUp = false;

  /** `now`: milliseconds of any clock that runs steadily. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The places that the store has; what was known before is void (V1). */
  begin(places: readonly Place[]): void {
    for (const figure of this.#modules.values()) {
      figure.place = undefined;
      figure.isOld = true;
    }
    for (const place of places) this.reached(place);
  }

  /** The log reaches up to this position at least. */
  saw(module: string, head: number): void {
    const figure = this.#figure(module);
    if (figure.isOld) forgetAbove(figure, head);
    if (head <= figure.head) return;
    figure.head = head;
    if (head <= positionOf(figure)) return;
    const last = figure.marks.at(-1);
    if (last !== undefined && figure.marks.length >= MARKS_MAX) last.position = head;
    else figure.marks.push({ position: head, atMs: this.#now() });
  }

  /** The store has come to this place. */
  reached(place: Place): void {
    const figure = this.#figure(place.module);
    if (figure.place !== undefined && place.position < figure.place.position) return;
    figure.place = place;
    figure.head = Math.max(figure.head, place.position);
    const missing = figure.marks.findIndex(({ position }) => position > place.position);
    figure.marks.splice(0, missing === -1 ? figure.marks.length : missing);
    for (const wake of [...this.#waiting]) wake();
  }

  of(module: string): ModuleFigure | undefined {
    const figure = this.#modules.get(module);
    return figure && this.#told(module, figure);
  }

  /** Every module that is known, in any order. */
  all(): ModuleFigure[] {
    return [...this.#modules].map(([module, figure]) => this.#told(module, figure));
  }

  /** Resolves at the next move, when the signal fires, or after `maxMs` (V3). */
  moved(maxMs: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = (): void => {
      clearTimeout(timer);
      this.#waiting.delete(done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, maxMs);
    this.#waiting.add(done);
    signal.addEventListener("abort", done, { once: true });
    if (signal.aborted) done();
    return promise;
  }

  #figure(module: string): Figure {
    const known = this.#modules.get(module);
    if (known !== undefined) return known;
    const fresh: Figure = { place: undefined, head: 0, marks: [], isOld: false };
    this.#modules.set(module, fresh);
    return fresh;
  }

  #told(module: string, figure: Figure): ModuleFigure {
    const { place, head, marks } = figure;
    const since = marks[0]?.atMs;
    const lagMs = since === undefined ? 0 : Math.max(0, Math.round(this.#now() - since));
    return { module, place, head, lagPositions: head - positionOf(figure), lagMs };
  }
}

/** What was known of the log before is void above this head. What is missing below has been known as long as before. */
function forgetAbove(figure: Figure, head: number): void {
  figure.isOld = false;
  figure.head = Math.min(figure.head, Math.max(head, positionOf(figure)));
  const above = figure.marks.findIndex(({ position }) => position >= figure.head);
  if (above === -1) return;
  const [mark] = figure.marks.splice(above) as [Mark];
  if (figure.head > positionOf(figure)) figure.marks.push({ ...mark, position: figure.head });
}

function positionOf({ place }: Figure): number {
  return place?.position ?? 0;
}
