/**
 * A circuit breaker around an engine that may be gone.
 *
 * Purpose: an engine that does not answer costs its callers nothing, and is not hammered while it recovers.
 * Owner: whoever opened it; `close` stops its timer.
 *
 *  B1. `failuresMax` failures in a row (3) open it. A success in between starts the count again.
 *  B2. While it is open every call is refused at once with `BreakerOpenError`; the action is not started.
 *  B3. `probeAfterMs` (30 s) after it opened it probes: one call at a time is let through, the others are refused.
 *  B4. `successesMin` successes in a row (2) close it; one failure while probing opens it again.
 *  B5. A business error is an answer: it proves that the engine works.
 *
 * Built on opossum, which counts percentages and closes after a single success: its percentages are switched off, its
 * timer and its half-open state are used, counting is done here.
 */

import CircuitBreaker from "opossum";
import type { Log } from "#shared/log/open-log.ts";

export type BreakerState = "closed" | "open" | "probing";

/** The action was not started, because the engine is taken to be gone. */
export class BreakerOpenError extends Error {
  override readonly name = "BreakerOpenError";
}

export interface BreakerOptions {
  /** The engine, for logs and mesh health: `redis`. */
  readonly name: string;
  readonly log: Log;
  readonly failuresMax?: number;
  readonly probeAfterMs?: number;
  readonly successesMin?: number;
  /** Whether an error is the engine's answer rather than its failure. Unset: none is. */
  readonly isBusinessError?: (error: unknown) => boolean;
  /** Hears of every change, after it. */
  readonly onChange?: (state: BreakerState) => void;
}

export interface Breaker {
  readonly name: string;
  readonly state: BreakerState;
  /** How often it has opened since the start. */
  readonly openedCount: number;
  /** Calls refused without a try since the start. */
  readonly refusedCount: number;
  /** Runs the action, or refuses it (BreakerOpenError). Rejects with the action's own error. */
  fire<T>(action: () => Promise<T>): Promise<T>;
  close(): void;
}

export function openBreaker(options: BreakerOptions): Breaker {
  return new ConsecutiveBreaker(options);
}

type Action = () => Promise<unknown>;

class ConsecutiveBreaker implements Breaker {
  readonly name: string;
  openedCount = 0;
  refusedCount = 0;
  #state: BreakerState = "closed";
  #inARow = 0;
  #probeInFlight = false;
  readonly #failuresMax: number;
  readonly #successesMin: number;
  readonly #circuit: CircuitBreaker<[Action], unknown>;
  readonly #options: BreakerOptions;

  constructor(options: BreakerOptions) {
    this.name = options.name;
    this.#options = options;
    this.#failuresMax = options.failuresMax ?? 3;
    this.#successesMin = options.successesMin ?? 2;
    this.#circuit = new CircuitBreaker<[Action], unknown>((action) => action(), {
      name: options.name,
      // Each engine's client has its own timeouts, which also take the command back.
      timeout: false,
      resetTimeout: options.probeAfterMs ?? 30_000,
      errorThresholdPercentage: 101,
      rollingCountTimeout: 60_000,
      rollingCountBuckets: 1,
      rollingPercentilesEnabled: false,
      enableSnapshots: false,
      errorFilter: (error: unknown) => options.isBusinessError?.(error) ?? false,
    });
    this.#circuit.on("success", () => this.#succeeded());
    this.#circuit.on("failure", () => this.#failed());
    this.#circuit.on("halfOpen", () => this.#enter("probing"));
  }

  get state(): BreakerState {
    return this.#state;
  }

  async fire<T>(action: () => Promise<T>): Promise<T> {
    if (this.#state === "closed") {
      return (await this.#circuit.fire(action)) as T;
    }
    if (this.#state === "open" || this.#probeInFlight) {
      this.refusedCount += 1;
      throw new BreakerOpenError(`${this.name} does not answer; the next try is due within half a minute`);
    }
    this.#probeInFlight = true;
    try {
      return (await this.#circuit.fire(action)) as T;
    } finally {
      this.#probeInFlight = false;
    }
  }

  close(): void {
    this.#circuit.shutdown();
  }

  #succeeded(): void {
    if (this.#state === "closed") {
      this.#inARow = 0;
      return;
    }
    // A call that began before it opened may end after: only a probe's success counts.
    if (this.#state === "probing") {
      this.#inARow += 1;
      if (this.#inARow >= this.#successesMin) {
        this.#enter("closed");
      }
    }
  }

  #failed(): void {
    if (this.#state === "open") {
      return;
    }
    this.#inARow += 1;
    if (this.#state === "probing" || this.#inARow >= this.#failuresMax) {
      this.openedCount += 1;
      this.#enter("open");
      this.#circuit.open();
    }
  }

  #enter(state: BreakerState): void {
    this.#state = state;
    this.#inARow = 0;
    const { log, onChange } = this.#options;
    log[state === "closed" ? "info" : "warn"]({ engine: this.name, state }, "breaker changed state");
    onChange?.(state);
  }
}
