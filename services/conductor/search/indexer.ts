import { setTimeout as delay } from "node:timers/promises";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Log } from "#shared/log/open-log.ts";

/** How much a step may take in. */
interface StepLimits {
  readonly memoriesMax: number;
  readonly bytesMax: number;
  readonly skipText?: boolean;
}

export interface IndexerOptions {
  readonly index: {
    isBehind(signal: AbortSignal): Promise<boolean>;
    step(limits: StepLimits): Promise<{ readonly isElsewhere: boolean; readonly passed: number }>;
  };
  readonly log: Log;
  readonly times?: Partial<IndexerTimes>;
  readonly random?: () => number;
}

/** All in milliseconds. */
export interface IndexerTimes {
  /** Between two looks at the log, when nobody says that something was recorded here. */
  readonly intervalMs: number;
  /** What is recorded meanwhile goes into one step. */
  readonly gatherMs: number;
}

const TIMES: IndexerTimes = { intervalMs: 200, gatherMs: 20 };
const MEMORIES_MAX = 256;
const BYTES_MAX = 1024 * 1024;
/** How often a lone memory is tried before it is passed over. */
const LONE_ATTEMPTS_MAX = 3;

/**
 * Keeps the index of SearchMemories behind the log.
 *
 * Purpose   recording must not wait for the work that searching needs.
 * Owner     main; every conductor runs one. `close` ends it, after the step that is under way.
 *  X1  One process indexes at a time; the others look again after each interval, and take over when it is gone or frozen.
 *  X4  It never rests while something is behind, and otherwise wakes when something is recorded here, and at each interval for what
 *      was recorded elsewhere: one query for all modules.
 *  X5  A step that fails is tried again with a quarter of it. A lone memory that the server cannot index, three times, is passed over:
 *      it is not found, and those behind it are. An engine that is away is waited for, however long.
 * Failure   told once in the log, then tried again after each interval, and told when it is over. Searches go on, and say how far
 *           the index is. Where a step ends nothing is half done: place and effect are one transaction (X2).
 */
export class Indexer {
  readonly #options: IndexerOptions;
  readonly #times: IndexerTimes;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #woken = Promise.withResolvers<void>();
  #memoriesMax = MEMORIES_MAX;
  #loneFailures = 0;
  #failing = false;

  constructor(options: IndexerOptions) {
    this.#options = options;
    this.#times = { ...TIMES, ...options.times };
    this.#running = this.#run();
  }

  /** Something was recorded here. */
  readonly wake = (): void => this.#woken.resolve();

  async close(): Promise<void> {
    this.#stop.abort();
    this.wake();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const passed = await this.#stepOnce();
      if (passed >= this.#memoriesMax) continue;
      // It rejects when it is stopped, and only then.
      await delay(this.#times.gatherMs, undefined, { signal }).catch(() => undefined);
      if (passed === 0) await this.#rest();
    }
  }

  /** Until it is woken, or for an interval; not all processes at once. */
  async #rest(): Promise<void> {
    const { random = Math.random } = this.#options;
    const timer = setTimeout(this.wake, this.#times.intervalMs * (0.75 + random() / 2));
    await this.#woken.promise;
    clearTimeout(timer);
    if (!this.#stop.signal.aborted) this.#woken = Promise.withResolvers();
  }

  async #stepOnce(): Promise<number> {
    const { index, log } = this.#options;
    const skipText = this.#loneFailures >= LONE_ATTEMPTS_MAX;
    try {
      if (!(await index.isBehind(this.#stop.signal))) return 0;
      const limits = { memoriesMax: this.#memoriesMax, bytesMax: BYTES_MAX };
      const { isElsewhere, passed } = await index.step(skipText ? { ...limits, skipText } : limits);
      if (isElsewhere) return 0;
      if (skipText) log.warn("a memory could not be indexed for search, and is passed over");
      if (this.#failing) log.info("memories are indexed for search again");
      this.#failing = false;
      this.#loneFailures = 0;
      const isFull = passed >= this.#memoriesMax;
      this.#memoriesMax = Math.min(MEMORIES_MAX, this.#memoriesMax * 2);
      return isFull ? this.#memoriesMax : passed;
    } catch (err) {
      if (this.#stop.signal.aborted) return 0;
      if (!this.#failing) log.warn({ err }, "memories could not be indexed for search; trying again");
      this.#failing = true;
      if (this.#memoriesMax === 1 && isOfTheMemory(err)) this.#loneFailures += 1;
      this.#memoriesMax = Math.max(1, Math.floor(this.#memoriesMax / 4));
      return 0;
    }
  }
}

/** Whether the server has refused what it was given, or could not do it in its time, rather than being away. */
function isOfTheMemory(error: unknown): boolean {
  if (!(error instanceof CosError)) return true;
  return error.reason === ErrorReason.INTERNAL || (error.cause as { code?: unknown } | undefined)?.code === "57014";
}
