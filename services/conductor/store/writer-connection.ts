import type pg from "pg";

/** A role or database whose commits do not wait for the disk would make every acknowledgement untrue. */
const prepareSession = `
  select set_config('lock_timeout', $1, false),
         case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', false) end`;

/**
 * A connection that the write path keeps for itself.
 *
 * Owner     one lane of the group commit. It is taken from the pool once, so that reads, however many, never keep a write
 *           waiting for a connection; and its prepared statement stays.
 *  W1  `use` answers within its time, whatever the server does. A connection that is late is kept for the next `use`: a server that
 *      takes longer than one attempt is reached by the second.
 *  W2  A connection that was never settled is closed.
 * Failure   when the connection dies, idle or at work, the next `use` takes a new one.
 */
export class WriterConnection {
  readonly #pool: pg.Pool;
  readonly #lockTimeoutMs: number;
  #client: pg.PoolClient | undefined;
  #opening: Promise<pg.PoolClient> | undefined;
  #closed = false;

  /** `lockTimeoutMs`: how long a statement may wait for the head of a module. */
  constructor(pool: pg.Pool, lockTimeoutMs: number) {
    this.#pool = pool;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  /** The connection, opened if there is none; rejects with ETIMEDOUT when that takes longer than `timeoutMs`. */
  async use(timeoutMs: number): Promise<pg.PoolClient> {
    if (this.#client !== undefined) return this.#client;
    this.#opening ??= this.#open(timeoutMs).finally(() => {
      this.#opening = undefined;
    });
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => late.reject(connectionLate()), timeoutMs);
    try {
      return await Promise.race([this.#opening, late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the connection: its state, or that of a statement on it, is no longer known. */
  drop(): void {
    if (this.#client !== undefined) this.#forget(this.#client);
  }

  /** As `drop`, and for good: a connection that is being opened is closed when it comes. */
  close(): void {
    this.#closed = true;
    this.drop();
  }

  async #open(timeoutMs: number): Promise<pg.PoolClient> {
    const client = await this.#pool.connect();
    try {
      const query = { text: prepareSession, values: [`${this.#lockTimeoutMs}ms`], query_timeout: timeoutMs };
      await client.query(query);
    } catch (error) {
      client.release(true);
      throw error;
    }
    this.#client = client;
    client.once("end", () => this.#forget(client));
    if (this.#closed) this.drop();
    return client;
  }

  #forget(client: pg.PoolClient): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    client.release(true);
  }
}

function connectionLate(): Error {
  return Object.assign(new Error("no connection to PostgreSQL in time"), { code: "ETIMEDOUT" });
}
