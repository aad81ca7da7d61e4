/** What takes room while it is held. */
interface Weighed {
  readonly bytes: number;
}

/**
 * A queue between one who adds, one who sends and one who answers: items stay in it from being added until they are
 * answered, and may be sent again meanwhile.
 */
export class Held<T extends Weighed> {
  readonly #itemsMax: number;
  readonly #bytesMax: number;
  #items: T[] = [];
  #bytes = 0;
  /** How many from the front the present stream has been sent. */
  #sent = 0;
  #answered = 0;
  #ended = false;
  /** Wakes whoever waits for anything to change; each looks for itself. */
  #changed = Promise.withResolvers<void>();

  constructor(itemsMax: number, bytesMax: number) {
    this.#itemsMax = itemsMax;
    this.#bytesMax = bytesMax;
  }

  /** Answers so far. */
  get answered(): number {
    return this.#answered;
  }

  /** Nothing is held and nothing more will come. */
  get isDone(): boolean {
    return this.#ended && this.#items.length === 0;
  }

  get first(): T | undefined {
    return this.#items[0];
  }

  add(item: T): void {
    this.#items.push(item);
    this.#bytes += item.bytes;
    this.#wake();
  }

  /** Nothing more will be added. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** Resolves when there is room for more. */
  async room(): Promise<void> {
    while (this.#items.length >= this.#itemsMax || this.#bytes >= this.#bytesMax) await this.#changed.promise;
  }

  /** Whether there is something to send; waits until that is known. */
  async some(): Promise<boolean> {
    while (this.#items.length === 0 && !this.#ended) await this.#changed.promise;
    return this.#items.length > 0;
  }

  /** The next items to send, at least one; undefined when all has been sent or the stream is over. */
  async next(itemsMax: number, bytesMax: number, signal: AbortSignal): Promise<readonly T[] | undefined> {
    const wake = (): void => this.#wake();
    signal.addEventListener("abort", wake, { once: true });
    try {
      while (this.#sent === this.#items.length && !this.#ended && !signal.aborted) await this.#changed.promise;
    } finally {
      signal.removeEventListener("abort", wake);
    }
    if (signal.aborted || this.#sent === this.#items.length) return undefined;
    const batch = this.#batch(itemsMax, bytesMax);
    this.#sent += batch.length;
    return batch;
  }

  /** The front item has its answer. */
  answer(): T {
    if (this.#sent === 0) throw new Error("an answer came to what was not sent");
    const item = this.#items.shift()!;
    this.#bytes -= item.bytes;
    this.#sent -= 1;
    this.#answered += 1;
    this.#wake();
    return item;
  }

  /** A new stream begins: all that is held is to be sent again. */
  rewind(): void {
    this.#sent = 0;
  }

  #batch(itemsMax: number, bytesMax: number): T[] {
    let bytes = 0;
    let end = this.#sent;
    while (end < this.#items.length && end - this.#sent < itemsMax && (end === this.#sent || bytes < bytesMax)) {
      bytes += this.#items[end]!.bytes;
      end += 1;
    }
    return this.#items.slice(this.#sent, end);
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}
