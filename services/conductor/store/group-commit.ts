import { setTimeout as sleep } from "node:timers/promises";
import type pg from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { CosError, invalidField } from "#shared/errors/cos-error.ts";
import type { Log } from "#shared/log/open-log.ts";
import { classifyError } from "#shared/postgres/classify-error.ts";
import { engineError, postgresUnavailable } from "#shared/postgres/engine-error.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { Deadlines } from "./deadlines.ts";
import { eventOf } from "./memory-rows.ts";
import { type RecordOutcome, recordBatch } from "./record-batch.ts";
import { RecordCall, type RecordCallOptions, type Recorded } from "./record-call.ts";
import { callFault } from "./record-fault.ts";
import { RecordQueue } from "./record-queue.ts";
import { recordedOf } from "./recorded-of.ts";
import { WriterConnection } from "./writer-connection.ts";

export type { Recorded } from "./record-call.ts";

/** An event with its position, newly committed. */
export interface Committed {
  readonly position: number;
  readonly event: Event;
}

export interface GroupCommitOptions {
  readonly pool: pg.Pool;
  readonly log: Log;
  /** The epoch in which a connection records. */
  readonly epochOf: (client: pg.ClientBase) => string;
  /** Reads what stands at these places, in any order. */
  readonly readPlaces: (places: readonly Place[]) => Promise<Memory[]>;
  /** Hears once of each batch and module what was newly recorded, in the order of positions, before the callers do. */
  readonly onCommitted?: (module: string, events: readonly Committed[]) => void;
  /** Batches in flight at most. Default 2: one travels while the other is flushed to disk. */
  readonly lanes?: number;
  /** Memories in a batch at most. Default 256. */
  readonly batchRowsMax?: number;
  /** Bytes in a batch at most. Default 1 MiB. */
  readonly batchBytesMax?: number;
  /** Memories that may wait for their answer; beyond, OVERLOADED. Default 20,000. */
  readonly waitingRowsMax?: number;
  /** Their bytes; beyond, OVERLOADED. Default 64 MiB. */
  readonly waitingBytesMax?: number;
  /** When a caller is told that PostgreSQL does not answer. Default 1,800: callers hear within 2 s. */
  readonly answerTimeoutMs?: number;
  /** When an attempt's connection is given up. Default 1,000. */
  readonly attemptTimeoutMs?: number;
  /** How long a batch waits for a head that somebody else holds. Default 250. */
  readonly lockTimeoutMs?: number;
  /** Between two attempts. Default 50. */
  readonly retryDelayMs?: number;
}

export interface Place {
  readonly module: string;
  readonly position: number;
}

/** When an overloaded caller may try again. */
const overloadedRetryAfterMs = 250;

/**
 * The write path: many callers, few commits.
 *
 * Purpose   a commit costs a flush to disk; callers who come while one is under way share the next. No timer makes anybody wait: a
 *           batch leaves as soon as a lane is free, with whatever is there.
 * Owner     the store. It owns the calls until they are answered, and one connection a lane.
 *  G1  Every call is answered once: recorded, refused, or after `answerTimeoutMs` ENGINE_UNAVAILABLE, in which case alone its outcome
 *      is unknown; or OVERLOADED, if it was never sent although others were answered.
 *  G2  What is acknowledged is committed.
 *  G3  A batch is sent again, on a new connection, when its answer was lost, and says so (`again`): what the first attempt
 *      committed is found by its id, not recorded twice.
 *  G4  A value that PostgreSQL cannot store is found by halving the batch, and fails its own caller alone. Atomic calls are never
 *      divided.
 *  G5  Memories of one sequence keep their order (the queue's Q4).
 *  G6  What waits is bounded, in memories and bytes: beyond, OVERLOADED at once.
 * Failure   PostgreSQL gone: calls wait for it within their time, then ENGINE_UNAVAILABLE. Killed: unanswered calls may be recorded.
 */
export class GroupCommit {
  readonly #options: Required<Omit<GroupCommitOptions, "onCommitted">> & Pick<GroupCommitOptions, "onCommitted">;
  readonly #queue: RecordQueue;
  readonly #deadlines: Deadlines<RecordCall>;
  readonly #idleLanes: WriterConnection[];
  readonly #allLanes: readonly WriterConnection[];
  readonly #waiting = { calls: 0, rows: 0, bytes: 0 };
  readonly #working = new Set<Promise<void>>();
  /** Why the last batch was not answered; undefined since one was. */
  #trouble: unknown;
  #scheduled = false;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    this.#options = {
      lanes: 2,
      batchRowsMax: 256,
      batchBytesMax: 1024 * 1024,
      waitingRowsMax: 20_000,
      waitingBytesMax: 64 * 1024 * 1024,
      answerTimeoutMs: 1800,
      attemptTimeoutMs: 1000,
      lockTimeoutMs: 250,
      retryDelayMs: 50,
      ...options,
    };
    const { pool, lanes, lockTimeoutMs, batchRowsMax, batchBytesMax, answerTimeoutMs } = this.#options;
    this.#queue = new RecordQueue({ rowsMax: batchRowsMax, bytesMax: batchBytesMax });
    this.#deadlines = new Deadlines(answerTimeoutMs, (call) => call.reject(this.#lateFault(call)));
    this.#allLanes = Array.from({ length: lanes }, () => new WriterConnection(pool, lockTimeoutMs));
    this.#idleLanes = [...this.#allLanes];
  }

  /**
   * Records one memory; answers after its commit. Memories given with the same `sequence` are recorded in the order in which they
   * were given.
   */
  async record(accepted: AcceptedMemory, sequence?: object): Promise<Recorded> {
    const [recorded] = await this.#submit([accepted], { atomic: false, sequence });
    return recorded!;
  }

  /** Records all or none; answers in their order. A fault's field names the item: `requests[17].memory.module`. */
  recordAtomic(accepted: readonly AcceptedMemory[]): Promise<Recorded[]> {
    return this.#submit(accepted, { atomic: true });
  }

  /** Takes no more, waits until every call is answered, then closes its connections. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#working.size > 0 || this.#waiting.calls > 0) {
      await Promise.race([...this.#working, sleep(this.#options.retryDelayMs)]);
    }
    for (const lane of this.#allLanes) lane.drop();
    this.#deadlines.close();
  }

  #submit(memories: readonly AcceptedMemory[], options: RecordCallOptions): Promise<Recorded[]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    const call = new RecordCall(memories, options, (settled) => {
      this.#deadlines.delete(settled);
      this.#count(settled, -1);
    });
    this.#count(call, 1);
    this.#deadlines.add(call);
    this.#queue.push(call);
    this.#schedule();
    return call.answer;
  }

  #refusal(): CosError | undefined {
    if (this.#closed) return new CosError(ErrorReason.DRAINING, "this process is going away: call again");
    const { waitingRowsMax, waitingBytesMax } = this.#options;
    if (this.#waiting.rows < waitingRowsMax && this.#waiting.bytes < waitingBytesMax) return undefined;
    return overloaded();
  }

  /** Why a call was not answered in time. One that was never sent, while others were answered, had too many before it. */
  #lateFault(call: RecordCall): Error {
    if (this.#trouble !== undefined) return engineError(this.#trouble);
    return call.sent ? postgresUnavailable() : overloaded();
  }

  #count(call: RecordCall, sign: 1 | -1): void {
    this.#waiting.calls += sign;
    this.#waiting.rows += sign * call.memories.length;
    this.#waiting.bytes += sign * call.bytes;
  }

  /** Everything that arrives in one turn of the event loop goes into one batch. */
  #schedule(): void {
    if (this.#scheduled || this.#idleLanes.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#fillLanes();
    });
  }

  #fillLanes(): void {
    for (;;) {
      const lane = this.#idleLanes.at(-1);
      const calls = lane === undefined ? [] : this.#queue.take();
      if (lane === undefined || calls.length === 0) return;
      this.#idleLanes.pop();
      const work = this.#work(lane, calls).finally(() => {
        this.#queue.arrived(calls);
        this.#working.delete(work);
        this.#idleLanes.push(lane);
        this.#schedule();
      });
      this.#working.add(work);
    }
  }

  async #work(lane: WriterConnection, calls: readonly RecordCall[]): Promise<void> {
    try {
      await this.#commit(lane, calls);
    } catch (error) {
      // Nothing below is known to throw; but no caller may be left waiting, nor a lane be lost.
      this.#options.log.error({ err: error }, "batch failed unexpectedly");
      for (const call of calls) call.reject(engineError(error));
    }
  }

  /** Commits the calls that still wait, until they are answered one way or the other (G1). */
  async #commit(lane: WriterConnection, calls: readonly RecordCall[]): Promise<void> {
    const waiting = calls.filter((call) => !call.settled);
    if (waiting.length === 0) return this.#queue.release(calls);
    try {
      await this.#attempt(lane, waiting);
      this.#queue.release(calls);
    } catch (error) {
      await this.#recover(lane, waiting, error);
    }
  }

  async #attempt(lane: WriterConnection, calls: readonly RecordCall[]): Promise<void> {
    const memories = calls.flatMap((call) => call.memories);
    const client = await lane.use();
    for (const call of calls) call.sent = true;
    const atomic = calls[0]?.atomic === true;
    const { attemptTimeoutMs, answerTimeoutMs } = this.#options;
    const outcomes = await recordBatch(client, memories, {
      atomic,
      again: calls.some((call) => call.again),
      // A thousand memories cannot be sent in smaller parts, so they get all the time that their caller has.
      timeoutMs: atomic ? answerTimeoutMs : attemptTimeoutMs,
    });
    this.#trouble = undefined;
    this.#answer(calls, memories, outcomes, this.#options.epochOf(client));
  }

  async #recover(lane: WriterConnection, calls: readonly RecordCall[], error: unknown): Promise<void> {
    const { log, retryDelayMs } = this.#options;
    switch (classifyError(error)) {
      case "retry":
        log.debug({ err: error, count: calls.length }, "a head is held: batch put back");
        this.#queue.putBack(calls);
        await sleep(retryDelayMs);
        return;
      case "unavailable":
      case "cancelled":
      case "outdated":
        log.debug({ err: error, count: calls.length }, "batch unanswered: sent again");
        lane.drop();
        for (const call of calls) call.again = true;
        this.#trouble = error;
        await sleep(retryDelayMs);
        return this.#commit(lane, calls);
      case "value":
        return this.#divide(lane, calls, error);
      default:
        log.error({ err: error, count: calls.length }, "batch refused");
        for (const call of calls) call.reject(engineError(error));
        this.#queue.release(calls);
    }
  }

  /** G4. An id that is there already is our own, from an attempt that was believed lost: then the batch is good. */
  async #divide(lane: WriterConnection, calls: readonly RecordCall[], error: unknown): Promise<void> {
    const isOurs = (error as { constraint?: unknown }).constraint === "memory_module_id";
    if (isOurs && calls.some((call) => !call.again)) {
      for (const call of calls) call.again = true;
      return this.#commit(lane, calls);
    }
    if (calls.length > 1) {
      const middle = calls.length >> 1;
      await this.#commit(lane, calls.slice(0, middle));
      return this.#commit(lane, calls.slice(middle));
    }
    this.#options.log.warn({ err: error }, "memory refused by PostgreSQL");
    for (const call of calls)
      call.reject(invalidField("memory", "has a value that cannot be stored", { cause: error }));
    this.#queue.release(calls);
  }

  #answer(
    calls: readonly RecordCall[],
    memories: readonly AcceptedMemory[],
    outcomes: readonly RecordOutcome[],
    epoch: string,
  ): void {
    const recorded = memories.map((accepted, n) => recordedOf(accepted, outcomes[n]!, epoch));
    this.#announce(memories, recorded, outcomes);
    const repeats: Repeat[] = [];
    let first = 0;
    for (const call of calls) {
      const range = [first, first + call.memories.length] as const;
      first = range[1];
      const fault = callFault(call, outcomes.slice(...range));
      if (fault !== undefined) call.reject(fault);
      else if (outcomes.slice(...range).some(({ outcome }) => outcome === "duplicate")) {
        repeats.push({ call, recorded: recorded.slice(...range) });
      } else call.resolve(recorded.slice(...range));
    }
    if (repeats.length > 0) void this.#answerRepeats(repeats);
  }

  /** A repeat is answered with what the log has, which may be less than what was sent: it may have been forgotten. */
  async #answerRepeats(repeats: readonly Repeat[]): Promise<void> {
    try {
      const places = repeats.flatMap(({ recorded }) => recorded.filter(({ deduplicated }) => deduplicated));
      const memories = await this.#options.readPlaces(places);
      const stored = new Map(memories.map((memory) => [`${memory.module} ${memory.position}`, memory]));
      for (const { call, recorded } of repeats) {
        call.resolve(
          recorded.map((one) => ({ ...one, memory: stored.get(`${one.module} ${one.position}`) ?? one.memory })),
        );
      }
    } catch (error) {
      for (const { call } of repeats) call.reject(engineError(error));
    }
  }

  #announce(
    memories: readonly AcceptedMemory[],
    recorded: readonly Recorded[],
    outcomes: readonly RecordOutcome[],
  ): void {
    const { onCommitted, log } = this.#options;
    if (onCommitted === undefined) return;
    const fresh = recorded.flatMap((one, n) =>
      outcomes[n]?.outcome === "recorded"
        ? [{ module: one.module, position: one.position, event: eventOf(one.memory, memories[n]!.traceparent) }]
        : [],
    );
    for (const [module, events] of Map.groupBy(fresh, (one) => one.module)) {
      events.sort((a, b) => a.position - b.position);
      try {
        onCommitted(module, events);
      } catch (error) {
        // The commit stands, and the sweeper brings what was not announced.
        log.error({ err: error, module }, "committed events not announced");
      }
    }
  }
}

function overloaded(): CosError {
  return new CosError(ErrorReason.OVERLOADED, "too many memories wait to be recorded", {
    retryAfterMs: overloadedRetryAfterMs,
  });
}

interface Repeat {
  readonly call: RecordCall;
  readonly recorded: readonly Recorded[];
}
