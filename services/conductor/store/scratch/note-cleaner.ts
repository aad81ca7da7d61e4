import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "#shared/log/open-log.ts";

export interface NoteCleanerOptions {
  /** Cleans away a batch of what has expired, and answers with how many notes that were. */
  readonly clean: () => Promise<number>;
  /** How long it rests when there was nothing to clean away. */
  readonly intervalMs: number;
  /** How long it rests between two batches. */
  readonly pauseMs: number;
  readonly log: Log;
}

/**
 * Cleans away notes whose time has come.
 *
 * Purpose   they take room on the disk. They are gone for everybody already: no answer depends on this loop.
 * Owner     main; every process that serves ScratchService runs one. `close` ends it, after the batch that is under way.
 *  K1  One process cleans at a time (an advisory lock, in clean_notes); the others come back later.
 *  K2  A batch is small, and one transaction; after each it rests, so that whoever writes notes gets its turn.
 *  K3  While there is something to clean away the rest is short; otherwise long.
 * Failure   told once in the log, then tried again after each rest, and told when it is over. Nothing but room is lost meanwhile.
 */
export class NoteCleaner {
  readonly #options: NoteCleanerOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #failing = false;

  constructor(options: NoteCleanerOptions) {
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
      const cleaned = await this.#cleanOnce();
      // It rejects when it is stopped, and only then.
      await delay(cleaned > 0 ? pauseMs : intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #cleanOnce(): Promise<number> {
    const { clean, log } = this.#options;
    try {
      const cleaned = await clean();
      if (this.#failing) log.info("notes that have expired are cleaned away again");
      this.#failing = false;
      return cleaned;
    } catch (err) {
      if (!this.#failing) log.warn({ err }, "notes that have expired could not be cleaned away; trying again");
      this.#failing = true;
      return 0;
    }
  }
}
