/** A stream that may be waiting for its peer. */
export interface Stallable {
  /** Since when the peer has taken nothing although something is there for it, in ms of `performance.now()`. */
  readonly waitingSinceMs: number | undefined;
  /** The peer has taken nothing for too long. Called again on each further check, until the stream leaves. */
  stall(): void;
}

/**
 * Finds streams whose peers take nothing.
 *
 * Purpose: a stalled subscriber would hold its unsent bytes for ever, since its connection still answers pings.
 *
 * Owner: the server, which closes it. Streams enter when they begin and leave when they end.
 *
 * 1. One timer for all streams, which runs only while there are any; a stall is found at most a quarter of the timeout
 *    late.
 * 2. The clock starts again whenever the peer takes anything: only one that makes no progress at all is cut.
 */
export class StallWatch {
  #streams = new Set<Stallable>();
  #timer: NodeJS.Timeout | undefined;
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  enter(stream: Stallable): void {
    this.#streams.add(stream);
    this.#timer ??= setInterval(() => this.#check(), Math.max(1, this.#timeoutMs / 4)).unref();
  }

  leave(stream: Stallable): void {
    this.#streams.delete(stream);
    if (this.#streams.size === 0) {
      this.close();
    }
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const limitMs = performance.now() - this.#timeoutMs;
    for (const stream of this.#streams) {
      if (stream.waitingSinceMs !== undefined && stream.waitingSinceMs <= limitMs) {
        stream.stall();
      }
    }
  }
}
