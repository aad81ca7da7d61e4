import { setTimeout as delay } from "node:timers/promises";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Log } from "#shared/log/open-log.ts";
import type { IndexStep, StepLimits } from "../domain/index-step.ts";
import { StepFailed } from "../domain/step-failed.ts";

export interface IndexerOptions {
  readonly index: {
    isBehind(signal: AbortSignal): Promise<boolean>;
    step(limits: StepLimits): Promise<IndexStep>;
  };
  readonly log: Log;
  /** The index was moved on. */
  readonly onMoved?: () => void;
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

/** What is done with a module that a step has failed at. */
interface Care {
  readonly memoriesMax: number;
  /** How often in a row it could not take in a lone memory, for a reason of that memory. */
  readonly loneFailures: number;
}

type Outcome = "full" | "some" | "nothing" | "failed";

/**
 * Keeps the index of SearchMemories behind the log.
 *
 * Purpose   recording must not wait for the work that searching needs.
 * Owner     main; every conductor runs one. `close` ends it, after the step that is under way.
 *  X1  One process indexes at a time; the others look again after each interval, and take over when it is gone or frozen.
 *  X4  It never rests while something is behind, and otherwise wakes when something is recorded here, and at each interval for what
 *      was recorded elsewhere: one query for all modules.
 *  X5  A step that fails at a module is tried again with a quarter of it, after the modules that wait. A lone memory that the server cannot
 *      index, three times, is passed over, if the server then indexes a word in its place promptly: it is not found, GetIngestStatus
 *      says so, and those behind it are found. An engine that is away, or slow, is waited for, however long.
 * Failure   told once in the log, then tried again after each interval, whatever is recorded meanwhile, and told when it is over.
 *           Searches go on, and say how far the index is. Where a step ends nothing is half done: place and effect are one transaction
 *           (X2).
 */
export class Indexer {
  readonly #options: IndexerOptions;
  readonly #times: IndexerTimes;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  readonly #care = new Map<string, Care>();
  /** Modules that are failing; empty: the engine. */
  readonly #failing = new Set<string>();
  #woken = Promise.withResolvers<void>();

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
    while (!this.#stop.signal.aborted) {
      const outcome = await this.#stepOnce();
      if (outcome === "full") continue;
      await this.#pause(outcome === "failed" ? this.#intervalMs() : this.#times.gatherMs);
      if (outcome === "nothing") await this.#rest();
    }
  }

  /** It ends early when it is closed, and only then. */
  async #pause(ms: number): Promise<void> {
    await delay(ms, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }

  /** Until it is woken, or for an interval. */
  async #rest(): Promise<void> {
    const timer = setTimeout(this.wake, this.#intervalMs());
    await this.#woken.promise;
    clearTimeout(timer);
    if (!this.#stop.signal.aborted) this.#woken = Promise.withResolvers();
  }

  /** Not the same for all processes. */
  #intervalMs(): number {
    const { random = Math.random } = this.#options;
    return this.#times.intervalMs * (0.75 + random() / 2);
  }

  async #stepOnce(): Promise<Outcome> {
    const { index, onMoved } = this.#options;
    try {
      if (!(await index.isBehind(this.#stop.signal))) return "nothing";
      const step = await index.step({ memoriesMax: MEMORIES_MAX, bytesMax: BYTES_MAX, careful: this.#careful() });
      if (step.isElsewhere) return "nothing";
      this.#succeeded(step);
      onMoved?.();
      if (step.passed >= MEMORIES_MAX) return "full";
      return step.passed === 0 ? "nothing" : "some";
    } catch (error) {
      if (this.#stop.signal.aborted) return "nothing";
      this.#failed(error);
      return "failed";
    }
  }

  #careful(): StepLimits["careful"] & {} {
    return new Map(
      Array.from(this.#care, ([module, { memoriesMax, loneFailures }]) => [
        module,
        { memoriesMax, skipText: loneFailures >= LONE_ATTEMPTS_MAX },
      ]),
    );
  }

  #succeeded({ modules, passedOver }: IndexStep): void {
    const { log } = this.#options;
    for (const place of passedOver) log.warn(place, "a memory could not be indexed for search, and is passed over");
    for (const module of modules) {
      const memoriesMax = 2 * (this.#care.get(module)?.memoriesMax ?? MEMORIES_MAX);
      if (memoriesMax < MEMORIES_MAX) this.#care.set(module, { memoriesMax, loneFailures: 0 });
      else this.#care.delete(module);
    }
    for (const module of ["", ...modules]) {
      if (this.#failing.delete(module)) log.info("memories are indexed for search again");
    }
  }

  #failed(error: unknown): void {
    const [module, err] = error instanceof StepFailed ? [error.module, error.cause] : ["", error];
    if (!this.#failing.has(module)) {
      this.#options.log.warn({ module, err }, "memories could not be indexed for search; trying again");
      this.#failing.add(module);
    }
    if (module === "") return;
    const { memoriesMax, loneFailures } = this.#care.get(module) ?? { memoriesMax: MEMORIES_MAX, loneFailures: 0 };
    // Where it could not be passed over either, the fault is not its own: its text is tried again.
    const isItsOwn = memoriesMax === 1 && loneFailures < LONE_ATTEMPTS_MAX && isOfTheMemory(err);
    this.#care.set(module, {
      memoriesMax: Math.max(1, Math.floor(memoriesMax / 4)),
      loneFailures: isItsOwn ? loneFailures + 1 : loneFailures % LONE_ATTEMPTS_MAX,
    });
  }
}

/** The server stopped it: a statement took too long, or we did between two of them. */
const TOO_SLOW: ReadonlySet<unknown> = new Set(["57014", "25P03"]);

/** Whether the server has refused what it was given, or could not do it in its time, rather than being away. */
function isOfTheMemory(error: unknown): boolean {
  if (!(error instanceof CosError) || error.reason === ErrorReason.INTERNAL) return true;
  return TOO_SLOW.has((error.cause as { code?: unknown } | undefined)?.code);
}
