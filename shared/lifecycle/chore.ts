import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "#shared/log/open-log.ts";

export interface ChoreOptions {
  /** Does a batch, and answers with how much that was; 0: there was nothing to do, or another process is at it. */
  readonly batch: () => Promise<number>;
  /** How long it rests when there was nothing to do. */
  readonly intervalMs: number;
  /** How long it rests between two batches. Unset: not at all. */
  readonly pauseMs?: number;
  /** What the log says when it fails, and when it does not any more. */
  readonly words: { readonly failed: string; readonly again: string };
  readonly log: Log;
}

/**
 * What is done behind everybody's back, batch by batch.
 *
 * Purpose   nobody waits for it, and no answer depends on it.
 * Owner     main. `close` ends it, after the batch that is under way.
 *  K1  That one process does it at a time is the batch's own affair: a lock of the database, which the others do not wait for.
 *  K2  While there is something to do it goes on, resting `pauseMs` between two batches.
 *  K3  When there was nothing to do, or it failed, it rests for the interval.
 * Failure   told once in the log, then tried again after each rest, and told when it is over.
 */
export class Chore {
  readonly #options: ChoreOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #failing = false;

  constructor(options: ChoreOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { intervalMs, pauseMs } = this.#options;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const restMs = (await this.#once()) > 0 ? pauseMs : intervalMs;
      // It rejects when it is stopped, and only then.
      if (restMs !== undefined) await delay(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #once(): Promise<number> {
    const { batch, words, log } = this.#options;
    try {
      const done = await batch();
      if (this.#failing) log.info(words.again);
      this.#failing = false;
      return done;
    } catch (err) {
      if (!this.#failing) log.warn({ err }, words.failed);
      this.#failing = true;
      return 0;
    }
  }
}
