/** How long after its due time something may expire, in milliseconds: one timer wakes for all that are due by then. */
const slackMs = 10;

/**
 * Expires things that were not done in time; all have the same time.
 *
 * Purpose   thousands of callers a second wait, and next to none of them in vain: a timer for each would cost more than the rest.
 * Owner     the group commit.
 *  D1  Entries stand in the order in which they are due, since they all have the same time: the first is the next.
 *  D2  There is one timer at most, and none while nothing waits.
 *  D3  What expires may be added again, for another time.
 */
export class Deadlines<T> {
  readonly #timeoutMs: number;
  readonly #expire: (entry: T) => void;
  readonly #due = new Map<T, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number, expire: (entry: T) => void) {
    this.#timeoutMs = timeoutMs;
    this.#expire = expire;
  }

  add(entry: T): void {
    this.#due.set(entry, performance.now() + this.#timeoutMs);
    this.#timer ??= setTimeout(() => this.#wake(), this.#timeoutMs);
  }

  /** Done in time. The timer is left: the next entry will most often need it. */
  delete(entry: T): void {
    this.#due.delete(entry);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due.clear();
  }

  #wake(): void {
    this.#timer = undefined;
    const now = performance.now() + slackMs;
    const expired: T[] = [];
    for (const [entry, dueMs] of this.#due) {
      if (dueMs > now) {
        this.#timer = setTimeout(() => this.#wake(), dueMs - now + slackMs);
        break;
      }
      expired.push(entry);
    }
    for (const entry of expired) if (this.#due.delete(entry)) this.#expire(entry);
  }
}
