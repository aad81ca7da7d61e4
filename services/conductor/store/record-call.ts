import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";

/** What became of a memory. */
export interface Recorded {
  /** As the log has it, in full; BASIC is the handler's to cut. */
  readonly memory: Memory;
  readonly module: string;
  readonly position: number;
  /** The epoch that the position belongs to. */
  readonly epoch: string;
  /** Whether an earlier call with the same key had recorded it. */
  readonly deduplicated: boolean;
}

/** Calls that one sender gives without waiting for the answers: they are recorded in their order, and wait for room. */
export interface Sequence {
  /** Fires when the sender has left, and what still waits for room need not be recorded. Unset: never. */
  readonly signal?: AbortSignal | undefined;
}

export interface RecordCallOptions {
  /** All or nothing. */
  readonly atomic: boolean;
  readonly sequence?: Sequence | undefined;
}

/** One caller who waits: for a memory, or for several that are recorded together or not at all. */
export class RecordCall {
  readonly memories: readonly AcceptedMemory[];
  readonly atomic: boolean;
  /** Undefined: of none. */
  readonly sequence: Sequence | undefined;
  readonly bytes: number;
  readonly answer: Promise<Recorded[]>;
  /** It has had its turn: it is, or has been, on its way to PostgreSQL. */
  sent = false;
  /** How many batches had been answered when it began to wait for its turn: more by now have been answered meanwhile. */
  answersBefore = 0;
  /** An attempt may have committed it, although its answer was lost. */
  again = false;
  readonly #resolve: (recorded: Recorded[]) => void;
  readonly #reject: (error: Error) => void;
  readonly #onSettled: (call: RecordCall) => void;
  #settled = false;

  constructor(memories: readonly AcceptedMemory[], options: RecordCallOptions, onSettled: (call: RecordCall) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<Recorded[]>();
    this.memories = memories;
    this.atomic = options.atomic;
    this.sequence = options.sequence;
    this.bytes = memories.reduce((sum, { size }) => sum + size, 0);
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onSettled = onSettled;
  }

  /** Answered already, or given up. */
  get settled(): boolean {
    return this.#settled;
  }

  resolve(recorded: Recorded[]): void {
    if (this.#settle()) this.#resolve(recorded);
  }

  reject(error: Error): void {
    if (this.#settle()) this.#reject(error);
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#onSettled(this);
    return true;
  }
}
