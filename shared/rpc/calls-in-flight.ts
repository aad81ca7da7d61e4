/** What the count keeps of a call: ways to end it. */
export interface Endable {
  /** Takes nothing more from the caller, but answers what it has. */
  drain(): void;
  abort(reason: Error): void;
}

/**
 * The calls that a server is answering.
 *
 * Purpose: the drain waits for them, because grpc-js's own `tryShutdown` does not wait for connections that were
 * injected into it.
 *
 * Owner: the server. Each call enters once before its handler runs and leaves once when its handler is done, whatever
 * became of the connection.
 *
 * Invariant: `drained()` resolves when, and only when, the last call has left.
 */
export class CallsInFlight {
  #calls = new Set<Endable>();
  #waiting: (() => void)[] = [];
  #draining = false;

  get count(): number {
    return this.#calls.size;
  }

  /** Whether new calls are to be refused. */
  get draining(): boolean {
    return this.#draining;
  }

  /** From now on new calls are refused, and those in flight take nothing more from their callers. */
  drain(): void {
    this.#draining = true;
    for (const call of [...this.#calls]) {
      call.drain();
    }
  }

  enter(call: Endable): void {
    this.#calls.add(call);
  }

  leave(call: Endable): void {
    if (this.#calls.delete(call) && this.#calls.size === 0) {
      for (const wake of this.#waiting.splice(0)) {
        wake();
      }
    }
  }

  /** Resolves when no call is left. */
  drained(): Promise<void> {
    if (this.#calls.size === 0) {
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Ends what is left; each call answers with `reason`. */
  abortAll(reason: Error): void {
    for (const call of [...this.#calls]) {
      call.abort(reason);
    }
  }
}
