import type { RecordCall } from "./record-call.ts";

/** How much one batch may hold; a call that is larger alone is a batch of its own. */
export interface BatchBounds {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** How much may come in before what has been answered meanwhile is thrown out. */
const sweepAfter: BatchBounds = { rowsMax: 4096, bytesMax: 16 * 1024 * 1024 };

/**
 * The calls that wait for a batch, first come first served.
 *
 * Owner     the group commit.
 *  Q1  An atomic call is a batch of its own.
 *  Q2  A module whose head is held by somebody else travels alone, one batch at a time, until a batch of it gets through: the other
 *      modules do not wait with it.
 *  Q3  Calls that have been answered meanwhile (their time was up) are left behind, unrecorded; and thrown out now and then, since
 *      nobody may come for a batch as long as PostgreSQL cannot be reached.
 *  Q4  Calls of one sequence are recorded in their order: while some of them travel, the later ones wait. (Two batches on two
 *      connections race for the head of their module, and the later may win.)
 */
export class RecordQueue {
  readonly #bounds: BatchBounds;
  readonly #contended = new Map<string, "waiting" | "travelling">();
  readonly #travelling = new Set<object>();
  #calls: RecordCall[] = [];
  #first = 0;
  readonly #unswept = { rows: 0, bytes: 0 };

  constructor(bounds: BatchBounds) {
    this.#bounds = bounds;
  }

  push(call: RecordCall): void {
    this.#calls.push(call);
    this.#unswept.rows += call.memories.length;
    this.#unswept.bytes += call.bytes;
    if (this.#unswept.rows > sweepAfter.rowsMax || this.#unswept.bytes > sweepAfter.bytesMax) this.#sweep();
  }

  /** Calls that are held, those included that have been answered and not yet been thrown out. */
  get size(): number {
    return this.#calls.length - this.#first;
  }

  /** Puts calls back that found a head held, to travel by module (Q2). */
  putBack(calls: readonly RecordCall[]): void {
    for (const module of modulesOf(calls)) this.#contended.set(module, "waiting");
    this.#calls = [...calls, ...this.#calls.slice(this.#first)];
    this.#first = 0;
  }

  /** The next batch; empty when there is nothing to do. Whoever takes it says later that it has `arrived`. */
  take(): RecordCall[] {
    const calls = this.#contended.size === 0 && this.#travelling.size === 0 ? this.#takeInOrder() : this.#takeAround();
    for (const { sequence } of calls) if (sequence !== undefined) this.#travelling.add(sequence);
    return calls;
  }

  /** A batch travels no longer, whatever has become of it (Q4). */
  arrived(calls: readonly RecordCall[]): void {
    if (this.#travelling.size === 0) return;
    for (const { sequence } of calls) if (sequence !== undefined) this.#travelling.delete(sequence);
  }

  /** A batch has got through, or its calls have been given up: its modules may travel with others again. */
  release(calls: readonly RecordCall[]): void {
    if (this.#contended.size === 0) return;
    for (const module of modulesOf(calls)) this.#contended.delete(module);
  }

  #takeInOrder(): RecordCall[] {
    const batch = new Batch(this.#bounds);
    while (this.#first < this.#calls.length) {
      const call = this.#calls[this.#first]!;
      if (!call.settled && !batch.add(call)) break;
      this.#first += 1;
    }
    this.#compact();
    return batch.calls;
  }

  /** Passes by what has to wait (Q2, Q4), and leaves it in its order. */
  #takeAround(): RecordCall[] {
    const batch = new Batch(this.#bounds);
    const left: RecordCall[] = [];
    const waiting = new Set<object>(this.#travelling);
    const asked = new Set<string>();
    let alone: string | undefined;
    for (const call of this.#calls.slice(this.#first)) {
      if (call.settled) continue;
      const held = modulesOf([call]).find((module) => this.#contended.has(module));
      if (held !== undefined) asked.add(held);
      const follows = call.sequence !== undefined && waiting.has(call.sequence);
      if (!follows && batch.calls.length === 0 && held !== undefined && this.#contended.get(held) === "waiting") {
        alone = held;
      }
      if (!follows && held === alone && batch.add(call)) continue;
      left.push(call);
      if (call.sequence !== undefined) waiting.add(call.sequence);
    }
    if (alone !== undefined) for (const module of modulesOf(batch.calls)) this.#contended.set(module, "travelling");
    this.#forgetUnasked(asked);
    this.#calls = left;
    this.#first = 0;
    return batch.calls;
  }

  /** A held module that nobody waits for any more needs no attention. */
  #forgetUnasked(asked: ReadonlySet<string>): void {
    for (const [module, state] of this.#contended) {
      if (state === "waiting" && !asked.has(module)) this.#contended.delete(module);
    }
  }

  #sweep(): void {
    this.#calls = this.#calls.slice(this.#first).filter((call) => !call.settled);
    this.#first = 0;
    this.#unswept.rows = 0;
    this.#unswept.bytes = 0;
  }

  /** Taken calls are cut off in one go, now and then: moving the rest for each batch would cost more. */
  #compact(): void {
    if (this.#first === this.#calls.length) this.#calls = [];
    else if (this.#first > 1024) this.#calls = this.#calls.slice(this.#first);
    else return;
    this.#first = 0;
  }
}

class Batch {
  readonly calls: RecordCall[] = [];
  readonly #bounds: BatchBounds;
  #rows = 0;
  #bytes = 0;

  constructor(bounds: BatchBounds) {
    this.#bounds = bounds;
  }

  /** False: it does not fit. */
  add(call: RecordCall): boolean {
    const full =
      call.atomic ||
      this.calls[0]?.atomic === true ||
      this.#rows + call.memories.length > this.#bounds.rowsMax ||
      this.#bytes + call.bytes > this.#bounds.bytesMax;
    if (full && this.calls.length > 0) return false;
    this.calls.push(call);
    this.#rows += call.memories.length;
    this.#bytes += call.bytes;
    return true;
  }
}

function modulesOf(calls: readonly RecordCall[]): string[] {
  return [...new Set(calls.flatMap(({ memories }) => memories.map(({ module }) => module)))];
}
