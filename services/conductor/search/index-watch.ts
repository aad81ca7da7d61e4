export interface IndexWatchOptions {
  /** How far the index is, of all modules. */
  readonly places: () => Promise<ReadonlyMap<string, number>>;
  /** Between two looks, when the index is kept by another process. In milliseconds. */
  readonly pollMs?: number;
}

const POLL_MS = 100;

/**
 * One look at the places of the index for all who wait for them.
 *
 * Purpose   many callers that wait must not be many queries.
 * Owner     main; whoever waits asks for the next look.
 *  W1  There is one look at a time; without anybody who waits there is none.
 *  W2  It comes after an interval, or as soon as the index was moved here. A move before the question is not missed: the look is at once.
 *  W3  A look begins after it was asked for: it shows what was there then.
 * Failure   a look that fails is told to all who wait for it; the next one is another.
 */
export class IndexWatch {
  readonly #options: IndexWatchOptions;
  #next: Promise<ReadonlyMap<string, number>> | undefined;
  #moved = Promise.withResolvers<void>();

  constructor(options: IndexWatchOptions) {
    this.#options = options;
  }

  /** The index was moved by this process. */
  readonly moved = (): void => this.#moved.resolve();

  /** The places at the next look. */
  next(): Promise<ReadonlyMap<string, number>> {
    if (this.#next === undefined) {
      this.#next = this.#look();
      // Those who wait may all have left.
      this.#next.catch(() => undefined);
    }
    return this.#next;
  }

  async #look(): Promise<ReadonlyMap<string, number>> {
    const timer = setTimeout(this.moved, this.#options.pollMs ?? POLL_MS);
    await this.#moved.promise;
    clearTimeout(timer);
    this.#moved = Promise.withResolvers();
    this.#next = undefined;
    return this.#options.places();
  }
}
