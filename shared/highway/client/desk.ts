// What is held of a subscriber's work, and which of it is being worked.
//
// Owner: one `Subscriber`; its source puts tasks on it.
//
//  D1  Tasks of one key are begun in their order, and only when those before have ended. Those of another key, or of none, go on.
//  D2  At most `concurrency` handlers run at once; keys take turns.
//  D3  A handler gets what is there of its key, at most `batch` tasks and `batchBytes` (one, whatever it weighs). Nothing waits for more.
//  D4  Several that failed together are tried again in halves, at once, until one alone fails: only that one has failed.
//  D5  A task that was put ends in exactly one way: done, given back by the source, withdrawn before it began, or lost. What becomes of
//      a lost one is nobody's concern; its signal says so.
//  D6  `room` opens only below `heldMax` and `heldBytesMax`.
//
// Failure mode: none of its own. What the source throws of a failure goes to `onFatal`.
import type { Task } from "./work.ts";

export interface DeskOptions<T extends Task> {
  readonly handle: (tasks: readonly T[], signal: AbortSignal) => Promise<void>;
  /** Whether they are still ours to begin. */
  readonly mayBegin: (tasks: readonly T[]) => boolean;
  readonly done: (tasks: readonly T[]) => void;
  readonly failed: (task: T, error: unknown) => number | undefined;
  readonly freed: () => void;
  readonly onFatal: (error: unknown) => void;
  readonly concurrency: number;
  readonly batch: number;
  readonly batchBytes: number;
  readonly heldMax: number;
  readonly heldBytesMax: number;
}

interface Lane<T> {
  readonly name: string;
  readonly isOrdered: boolean;
  queue: T[];
  /** Tasks in the hands of handlers. */
  inHand: number;
  /** The most that the next handler gets. */
  limit: number;
  /** Set while its first task waits to be tried again. */
  rest: NodeJS.Timeout | undefined;
  isListed: boolean;
}

export class Desk<T extends Task> {
  readonly #options: DeskOptions<T>;
  readonly #lanes = new Map<string, Lane<T>>();
  /** Lanes of which something can be begun, each once, in turn (D2). */
  readonly #ready: Lane<T>[] = [];
  readonly #runs = new Set<AbortController>();
  #held = 0;
  #heldBytes = 0;
  #isStopped = false;
  #changed = Promise.withResolvers<void>();

  constructor(options: DeskOptions<T>) {
    this.#options = options;
  }

  put(task: T): void {
    if (this.#isStopped) return;
    const lane = this.#laneOf(task);
    lane.queue.push(task);
    this.#hold(task);
    this.#list(lane);
    this.#pump();
  }

  /** Resolves when there is room for more (D6), or with the signal. */
  async room(signal: AbortSignal): Promise<void> {
    const { heldMax, heldBytesMax } = this.#options;
    const isFull = (): boolean => this.#held >= heldMax || this.#heldBytes >= heldBytesMax;
    await this.#until(() => !isFull(), signal);
  }

  /** Resolves when nothing is at work and nothing will be begun, or with the signal. */
  async idle(signal: AbortSignal): Promise<void> {
    await this.#until(() => this.#runs.size === 0 && (this.#held === 0 || this.#isStopped), signal);
  }

  /**
   * How many more tasks would keep the handlers at work: what waits for others of its key does not count, so that one slow key
   * does not keep others away, up to `heldMax`. May be negative.
   */
  wanted(): number {
    const { concurrency, batch, heldMax } = this.#options;
    let active = 0;
    for (const { isOrdered, inHand, rest, queue } of this.#lanes.values()) {
      const isBlocked = isOrdered && (inHand > 0 || rest !== undefined);
      active += inHand + (isBlocked ? 0 : isOrdered ? Math.min(queue.length, batch) : queue.length);
    }
    return Math.min(2 * concurrency * batch - active, heldMax - this.#held);
  }

  /** Takes back what was not begun, of one key or of all. */
  withdraw(key?: string): T[] {
    const lanes = key === undefined ? [...this.#lanes.values()] : [this.#lanes.get(key)];
    const tasks: T[] = [];
    for (const lane of lanes) {
      if (lane === undefined) continue;
      tasks.push(...lane.queue.splice(0));
      this.#wakeLane(lane);
      this.#drop(lane);
    }
    this.#free(tasks);
    return tasks;
  }

  /** Nothing that is held is ours any more: what was begun is told so, the rest is forgotten. */
  lose(reason: unknown): void {
    this.withdraw();
    for (const run of this.#runs) run.abort(reason);
  }

  /** Begins nothing more, and tries nothing again: what fails now is left where it came from. */
  stop(): void {
    this.#isStopped = true;
    this.#tell();
  }

  #laneOf({ key, module }: T): Lane<T> {
    // A key holds more than its module's name, or just that: the lane of what has no order is called otherwise.
    const name = key ?? `${module}?`;
    const known = this.#lanes.get(name);
    if (known !== undefined) return known;
    const { batch: limit } = this.#options;
    const lane: Lane<T> = {
      name,
      isOrdered: key !== undefined,
      queue: [],
      inHand: 0,
      limit,
      rest: undefined,
      isListed: false,
    };
    this.#lanes.set(name, lane);
    return lane;
  }

  #list(lane: Lane<T>): void {
    const isBlocked = lane.rest !== undefined || (lane.isOrdered && lane.inHand > 0);
    if (lane.isListed || isBlocked || lane.queue.length === 0) return;
    lane.isListed = true;
    this.#ready.push(lane);
  }

  #pump(): void {
    while (!this.#isStopped && this.#runs.size < this.#options.concurrency) {
      const lane = this.#ready.shift();
      if (lane === undefined) return;
      lane.isListed = false;
      const tasks = this.#take(lane);
      if (tasks.length > 0 && this.#options.mayBegin(tasks)) void this.#work(lane, tasks);
      else this.#free(tasks);
      this.#list(lane);
    }
  }

  /** D3. */
  #take(lane: Lane<T>): T[] {
    let bytes = 0;
    const end = lane.queue.findIndex((task, n) => {
      bytes += task.bytes;
      return n >= lane.limit || (n > 0 && bytes > this.#options.batchBytes);
    });
    return lane.queue.splice(0, end === -1 ? lane.queue.length : end);
  }

  async #work(lane: Lane<T>, tasks: T[]): Promise<void> {
    const run = new AbortController();
    this.#runs.add(run);
    lane.inHand += tasks.length;
    let failure: { readonly error: unknown } | undefined;
    try {
      await this.#options.handle(tasks, run.signal);
    } catch (error) {
      failure = { error };
    }
    this.#runs.delete(run);
    lane.inHand -= tasks.length;
    this.#free(tasks);
    if (!run.signal.aborted) this.#conclude(lane, tasks, failure);
    this.#list(lane);
    this.#drop(lane);
    this.#pump();
    this.#tell();
    this.#options.freed();
  }

  #conclude(lane: Lane<T>, tasks: T[], failure: { readonly error: unknown } | undefined): void {
    if (failure === undefined) {
      lane.limit = Math.min(this.#options.batch, lane.limit * 2);
      this.#options.done(tasks);
    } else if (tasks.length > 1) {
      lane.limit = Math.ceil(tasks.length / 2);
      if (!this.#isStopped) this.#putBack(lane, tasks);
    } else {
      this.#fail(lane, tasks[0] as T, failure.error);
    }
  }

  #fail(lane: Lane<T>, task: T, error: unknown): void {
    try {
      const waitMs = this.#options.failed(task, error);
      if (waitMs === undefined || this.#isStopped) return;
      this.#putBack(lane, [task]);
      this.#restLane(lane, waitMs);
    } catch (fatal) {
      this.#options.onFatal(fatal);
    }
  }

  #restLane(lane: Lane<T>, waitMs: number): void {
    lane.rest = setTimeout(() => {
      lane.rest = undefined;
      this.#list(lane);
      this.#pump();
    }, waitMs);
  }

  #wakeLane(lane: Lane<T>): void {
    clearTimeout(lane.rest);
    lane.rest = undefined;
  }

  #putBack(lane: Lane<T>, tasks: readonly T[]): void {
    lane.queue.unshift(...tasks);
    for (const task of tasks) this.#hold(task);
  }

  /** A lane is forgotten when nothing is left of it. */
  #drop(lane: Lane<T>): void {
    if (lane.queue.length === 0 && lane.inHand === 0) this.#lanes.delete(lane.name);
  }

  #hold(task: T): void {
    this.#held += 1;
    this.#heldBytes += task.bytes;
  }

  #free(tasks: readonly T[]): void {
    this.#held -= tasks.length;
    for (const { bytes } of tasks) this.#heldBytes -= bytes;
    if (tasks.length > 0) this.#tell();
  }

  async #until(holds: () => boolean, signal: AbortSignal): Promise<void> {
    if (holds()) return;
    const stop = (): void => this.#tell();
    signal.addEventListener("abort", stop, { once: true });
    try {
      while (!holds() && !signal.aborted) await this.#changed.promise;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
