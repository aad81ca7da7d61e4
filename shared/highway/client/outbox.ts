/** Messages on their way into a stream: whoever sends puts them in, and the call takes them out at its pace. */
export class Outbox<M> implements AsyncIterable<M> {
  readonly #messages: M[] = [];
  #isEnded = false;
  #news = Promise.withResolvers<void>();

  push(message: M): void {
    if (this.#isEnded) return;
    this.#messages.push(message);
    this.#news.resolve();
  }

  /** Nothing more will be said. */
  end(): void {
    this.#isEnded = true;
    this.#news.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<M, void, undefined> {
    for (;;) {
      yield* this.#messages.splice(0);
      if (this.#messages.length > 0) continue;
      if (this.#isEnded) return;
      this.#news = Promise.withResolvers();
      await this.#news.promise;
    }
  }
}
