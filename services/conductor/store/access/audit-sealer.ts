import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "#shared/log/open-log.ts";

export interface AuditSealerOptions {
  /** Seals what waits, up to a batch, and answers with how many entries that were. */
  readonly seal: () => Promise<number>;
  /** How long it rests when nothing waited. */
  readonly intervalMs: number;
  readonly log: Log;
}

/**
 * Seals the audit, behind those who write it.
 *
 * Purpose   an entry is written within the transaction of its effect; chaining it there would make all effects wait for each other.
 * Owner     main; every process that serves AuthService runs one. `close` ends it, after the batch that is under way.
 *  A1  One process seals at a time (an advisory lock), so that the chain has no branches; the others come back later.
 *  A2  A batch is one transaction: its seals, and that its entries no longer wait. A crash leaves all of it or nothing.
 *  A3  Entries that are committed after higher numbers are sealed later than those: every entry waits until it has its seal.
 *  A4  While entries wait it goes on without a rest, and otherwise rests between any two looks.
 * Failure   told once in the log, then tried again after each rest, and told when it is over. Entries wait meanwhile, and nothing is lost.
 */
export class AuditSealer {
  readonly #options: AuditSealerOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #failing = false;

  constructor(options: AuditSealerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      const sealed = await this.#sealOnce();
      if (sealed > 0) continue;
      // It rejects when it is stopped, and only then.
      await delay(this.#options.intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #sealOnce(): Promise<number> {
    const { seal, log } = this.#options;
    try {
      const sealed = await seal();
      if (this.#failing) log.info("the audit is sealed again");
      this.#failing = false;
      return sealed;
    } catch (err) {
      if (!this.#failing) log.warn({ err }, "the audit could not be sealed; trying again");
      this.#failing = true;
      return 0;
    }
  }
}
