// How much a projector holds in memory at most.
//
//  M1  What is held counts from its arrival until its step was taken, or until it is dropped.
//  M2  `room` resolves only while less than the most is held, so that all of it is bounded by the most and one frame's event.
export class Budget {
  readonly #eventsMax: number;
  readonly #bytesMax: number;
  #events = 0;
  #bytes = 0;
  #freed = Promise.withResolvers<void>();

  constructor({ eventsMax, bytesMax }: { readonly eventsMax: number; readonly bytesMax: number }) {
    this.#eventsMax = eventsMax;
    this.#bytesMax = bytesMax;
  }

  hold(bytes: number): void {
    this.#events += 1;
    this.#bytes += bytes;
  }

  release(events: number, bytes: number): void {
    this.#events -= events;
    this.#bytes -= bytes;
    this.#freed.resolve();
    this.#freed = Promise.withResolvers();
  }

  /** Resolves when there is room for more; with the signal, whether there is or not. */
  async room(signal: AbortSignal): Promise<void> {
    if (this.#hasRoom) return;
    const { promise: aborted, resolve } = Promise.withResolvers<void>();
    const leave = (): void => resolve();
    signal.addEventListener("abort", leave, { once: true });
    if (signal.aborted) resolve();
    try {
      while (!this.#hasRoom && !signal.aborted) await Promise.race([this.#freed.promise, aborted]);
    } finally {
      signal.removeEventListener("abort", leave);
      resolve();
    }
  }

  get #hasRoom(): boolean {
    return this.#events < this.#eventsMax && this.#bytes < this.#bytesMax;
  }
}
