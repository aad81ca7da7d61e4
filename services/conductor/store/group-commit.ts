import { setTimeout as sleep } from "node:timers/promises";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError, invalidField } from "#shared/errors/cos-error.ts";
import { classifyError } from "#shared/postgres/classify-error.ts";
import { engineError, postgresUnavailable } from "#shared/postgres/engine-error.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { announceBatch } from "./announce-batch.ts";
import { Deadlines } from "./deadlines.ts";
import { type CompleteOptions, type GroupCommitOptions, withDefaults } from "./group-commit-options.ts";
import { type RecordOutcome, recordBatch } from "./record-batch.ts";
import { RecordCall, type RecordCallOptions, type Recorded, type Sequence } from "./record-call.ts";
import { callFault } from "./record-fault.ts";
import { RecordQueue } from "./record-queue.ts";
import { recordedOf } from "./recorded-of.ts";
import { WriterConnection } from "./writer-connection.ts";

export type { Committed } from "./announce-committed.ts";
export type { GroupCommitOptions } from "./group-commit-options.ts";
export type { Recorded, Sequence } from "./record-call.ts";

/** When an overloaded caller may try again. */
const overloadedRetryAfterMs = 250;

/**
 * The write path: many callers, few commits.
 *
 * Purpose   a commit costs a flush to disk; callers who come while one is under way share the next. No timer makes anybody wait: a
 *           batch leaves as soon as a lane is free, with whatever is there.
 * Owner     the store. It owns the calls until they are answered, and one connection a lane.
 *  G1  Every call is answered once: recorded, refused, or after `answerTimeoutMs` ENGINE_UNAVAILABLE, in which case alone its outcome
 *      is unknown; or OVERLOADED, if it never had its turn although others were answered.
 *  G2  What is acknowledged is committed.
 *  G3  A batch is sent again, on a new connection, when its answer was lost, and says so (`again`): what the first attempt
 *      committed is found by its id, not recorded twice.
 *  G4  A value that PostgreSQL cannot store is found by halving the batch, and fails its own caller alone. Atomic calls are never
 *      divided.
 *  G5  Memories of one sequence keep their order (the queue's Q4).
 *  G6  What waits is bounded, in memories and bytes: beyond, OVERLOADED at once.
 *  G7  Calls of a sequence are never OVERLOADED: they wait for room outside of the bounds of G6, in their order, and then for their
 *      turn as long as others are answered. (Who gives them bounds them, by giving no more before it has heard of the first.)
 * Failure   PostgreSQL gone: calls wait for it within their time, then ENGINE_UNAVAILABLE. Killed: unanswered calls may be recorded.
 */
export class GroupCommit {
  readonly #options: CompleteOptions;
  readonly #queue: RecordQueue;
  readonly #deadlines: Deadlines<RecordCall>;
  readonly #idleLanes: WriterConnection[];
  readonly #allLanes: readonly WriterConnection[];
  readonly #waiting = { calls: 0, rows: 0, bytes: 0 };
  readonly #working = new Set<Promise<void>>();
  /** Calls of sequences for which there is no room yet (G7). */
  #roomless: RecordCall[] = [];
  /** How many batches have been answered. */
  #answers = 0;
  /** Why the last batch was not answered; undefined since one was. */
  #trouble: unknown;
  #scheduled = false;
  #closed = false;

  constructor(options: GroupCommitOptions) {
    this.#options = withDefaults(options);
    const { pool, lanes, lockTimeoutMs, batchRowsMax, batchBytesMax, answerTimeoutMs } = this.#options;
    this.#queue = new RecordQueue({ rowsMax: batchRowsMax, bytesMax: batchBytesMax });
    this.#deadlines = new Deadlines(answerTimeoutMs, (call) => this.#expire(call));
    this.#allLanes = Array.from({ length: lanes }, () => new WriterConnection(pool, lockTimeoutMs));
    this.#idleLanes = [...this.#allLanes];
  }

  /**
   * Records one memory; answers after its commit. Memories given with the same `sequence` are recorded in the order in which they
   * were given, and wait for room instead of being OVERLOADED.
   */
  async record(accepted: AcceptedMemory, sequence?: Sequence): Promise<Recorded> {
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
    while (this.#working.size > 0 || this.#waiting.calls > 0 || this.#roomless.length > 0) {
      await Promise.race([...this.#working, sleep(this.#options.retryDelayMs)]);
    }
    for (const lane of this.#allLanes) lane.close();
    this.#deadlines.close();
  }

  #submit(memories: readonly AcceptedMemory[], options: RecordCallOptions): Promise<Recorded[]> {
    if (this.#closed) {
      return Promise.reject(new CosError(ErrorReason.DRAINING, "this process is going away: call again"));
    }
    if (options.sequence === undefined && !this.#hasRoom()) return Promise.reject(overloaded());
    const call = new RecordCall(memories, options, (settled) => {
      this.#deadlines.delete(settled);
      this.#count(settled, -1);
      if (this.#roomless.length > 0) this.#schedule();
    });
    if (options.sequence !== undefined && (this.#roomless.length > 0 || !this.#hasRoom())) this.#roomless.push(call);
    else this.#admit(call);
    return call.answer;
  }

  #hasRoom(): boolean {
    const { waitingRowsMax, waitingBytesMax } = this.#options;
    return this.#waiting.rows < waitingRowsMax && this.#waiting.bytes < waitingBytesMax;
  }

  #admit(call: RecordCall): void {
    this.#count(call, 1);
    this.#beginWait(call);
    this.#queue.push(call);
    this.#schedule();
  }

  /** G7: those who wait for room get what there is, first come first served. */
  #admitRoomless(): void {
    let admitted = 0;
    for (const call of this.#roomless) {
      if (!this.#hasRoom()) break;
      admitted += 1;
      this.#admit(call);
      // Admitted nevertheless, so that it is counted in before it is counted out.
      if (call.sequence?.signal?.aborted === true) call.reject(overloaded());
    }
    if (admitted > 0) this.#roomless = this.#roomless.slice(admitted);
  }

  #beginWait(call: RecordCall): void {
    call.answersBefore = this.#answers;
    this.#deadlines.add(call);
  }

  #expire(call: RecordCall): void {
    const fault = this.#lateFault(call);
    if (fault !== undefined) call.reject(fault);
    else if (call.sequence === undefined || call.sequence.signal?.aborted === true) call.reject(overloaded());
    else this.#beginWait(call);
  }

  /** The engine's fault in a call's lateness. Undefined: it never had its turn while others were answered: too many were before it. */
  #lateFault(call: RecordCall): Error | undefined {
    if (this.#trouble !== undefined) return engineError(this.#trouble);
    return call.sent || call.answersBefore === this.#answers ? postgresUnavailable() : undefined;
  }

  #count(call: RecordCall, sign: 1 | -1): void {
    this.#waiting.calls += sign;
    this.#waiting.rows += sign * call.memories.length;
    this.#waiting.bytes += sign * call.bytes;
  }

  /** Everything that arrives in one turn of the event loop goes into one batch. */
  #schedule(): void {
    if (this.#scheduled || (this.#idleLanes.length === 0 && this.#roomless.length === 0)) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#admitRoomless();
      this.#fillLanes();
    });
  }

  #fillLanes(): void {
    for (;;) {
      const lane = this.#idleLanes.at(-1);
      const calls = lane === undefined ? [] : this.#queue.take();
      if (lane === undefined || calls.length === 0) return;
      this.#idleLanes.pop();
      this.#beginTurn(calls);
      const work = this.#work(lane, calls).finally(() => {
        this.#queue.arrived(calls);
        this.#working.delete(work);
        this.#idleLanes.push(lane);
        this.#schedule();
      });
      this.#working.add(work);
    }
  }

  /** The time of a call that was patient (G7) counts from its turn: however long it waited, its outcome can still be told. */
  #beginTurn(calls: readonly RecordCall[]): void {
    for (const call of calls) {
      if (call.sequence !== undefined && !call.sent) {
        this.#deadlines.delete(call);
        this.#beginWait(call);
      }
      call.sent = true;
    }
  }

  async #work(lane: WriterConnection, calls: readonly RecordCall[]): Promise<void> {
    try {
      const held = await this.#commit(lane, calls);
      // Released first: the mark of a head that is held must outlast what got through beside it.
      this.#queue.release(calls);
      if (held.length === 0) return;
      this.#queue.putBack(held);
      await sleep(this.#options.retryDelayMs);
    } catch (error) {
      // Nothing above is known to throw; but no caller may be left waiting, nor a lane be lost.
      this.#options.log.error({ err: error }, "batch failed unexpectedly");
      for (const call of calls) call.reject(engineError(error));
      this.#queue.release(calls);
    }
  }

  /**
   * Commits the calls that still wait, until they are answered one way or the other (G1); but for those it returns, in their order:
   * they met a head that is held, or stood behind one that did, and are to be put back.
   */
  async #commit(lane: WriterConnection, calls: readonly RecordCall[]): Promise<readonly RecordCall[]> {
    const waiting = calls.filter((call) => !call.settled);
    if (waiting.length === 0) return [];
    try {
      await this.#attempt(lane, waiting);
      return [];
    } catch (error) {
      return this.#recover(lane, waiting, error);
    }
  }

  async #attempt(lane: WriterConnection, calls: readonly RecordCall[]): Promise<void> {
    const memories = calls.flatMap((call) => call.memories);
    const { attemptTimeoutMs, answerTimeoutMs } = this.#options;
    const client = await lane.use(attemptTimeoutMs);
    const atomic = calls[0]?.atomic === true;
    const outcomes = await recordBatch(client, memories, {
      atomic,
      again: calls.some((call) => call.again),
      // A thousand memories cannot be sent in smaller parts, so they get all the time that their caller has.
      timeoutMs: atomic ? answerTimeoutMs : attemptTimeoutMs,
    });
    this.#trouble = undefined;
    this.#answers += 1;
    this.#answer(calls, memories, outcomes, this.#options.epochOf(client));
  }

  async #recover(lane: WriterConnection, calls: readonly RecordCall[], error: unknown): Promise<readonly RecordCall[]> {
    const { log, retryDelayMs } = this.#options;
    switch (classifyError(error)) {
      case "retry":
        log.debug({ err: error, count: calls.length }, "a head is held: batch put back");
        return calls;
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
        return [];
    }
  }

  /** G4. An id that is there already is our own, from an attempt that was believed lost: then the batch is good. */
  async #divide(lane: WriterConnection, calls: readonly RecordCall[], error: unknown): Promise<readonly RecordCall[]> {
    const isOurs = (error as { constraint?: unknown }).constraint === "memory_module_id";
    if (isOurs && calls.some((call) => !call.again)) {
      for (const call of calls) call.again = true;
      return this.#commit(lane, calls);
    }
    if (calls.length > 1) {
      const middle = calls.length >> 1;
      const held = await this.#commit(lane, calls.slice(0, middle));
      // G5: the second half must not get through before what is left of the first.
      if (held.length > 0) return [...held, ...calls.slice(middle)];
      return this.#commit(lane, calls.slice(middle));
    }
    this.#options.log.warn({ err: error }, "memory refused by PostgreSQL");
    for (const call of calls)
      call.reject(invalidField("memory", "has a value that cannot be stored", { cause: error }));
    return [];
  }

  #answer(
    calls: readonly RecordCall[],
    memories: readonly AcceptedMemory[],
    outcomes: readonly RecordOutcome[],
    epoch: string,
  ): void {
    const recorded = memories.map((accepted, n) => recordedOf(accepted, outcomes[n]!, epoch));
    const { onCommitted, log } = this.#options;
    if (onCommitted !== undefined) announceBatch({ memories, recorded, outcomes }, onCommitted, log);
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
