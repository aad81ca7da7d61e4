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
 * Failure   when the connection dies, idle or at work, the next `use` takes a new one.
 */
export class WriterConnection {
  readonly #pool: pg.Pool;
  readonly #lockTimeoutMs: number;
  #client: pg.PoolClient | undefined;

  /** `lockTimeoutMs`: how long a statement may wait for the head of a module. */
  constructor(pool: pg.Pool, lockTimeoutMs: number) {
    this.#pool = pool;
    this.#lockTimeoutMs = lockTimeoutMs;
  }

  async use(): Promise<pg.PoolClient> {
    if (this.#client !== undefined) return this.#client;
    const client = await this.#pool.connect();
    this.#client = client;
    client.once("end", () => this.#forget(client));
    await client.query(prepareSession, [`${this.#lockTimeoutMs}ms`]);
    return client;
  }

  /** Closes the connection: its state, or that of a statement on it, is no longer known. */
  drop(): void {
    if (this.#client !== undefined) this.#forget(this.#client);
  }

  #forget(client: pg.PoolClient): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    client.release(true);
  }
}
