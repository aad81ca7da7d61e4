import type { Log } from "#shared/log/open-log.ts";

/**
 * Bounds the log lines about callers that were not let in.
 *
 * Purpose: whoever has no token can be refused as often as the network carries it, and must not be able to fill a disk with that.
 * Owner: the edge of one listener, for both stacks; it closes it.
 *
 *  1. At most `linesMax` lines within `intervalMs`, counted from the first of them; calls beyond have none.
 *  2. At the end of such an interval one more line says how many those were. Nothing is lost but who was refused for what.
 *  3. Lines about callers that were let in, and about faults of ours, do not pass here.
 */
export class StrangerLines {
  readonly #log: Log;
  readonly #linesMax: number;
  readonly #intervalMs: number;
  #lines = 0;
  #untold = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log, linesMax: number, intervalMs: number) {
    this.#log = log;
    this.#linesMax = linesMax;
    this.#intervalMs = intervalMs;
  }

  /** Whether one more call may have its line. */
  take(): boolean {
    this.#timer ??= setTimeout(() => this.close(), this.#intervalMs).unref();
    if (this.#lines < this.#linesMax) {
      this.#lines += 1;
      return true;
    }
    this.#untold += 1;
    return false;
  }

  /** Ends the interval. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#untold > 0) this.#log.info({ calls: this.#untold }, "more callers were not let in");
    this.#lines = 0;
    this.#untold = 0;
  }
}
