import type pg from "pg";
import { engineError, postgresUnavailable } from "#shared/postgres/engine-error.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";

export interface TransactionOptions {
  readonly signal?: AbortSignal | undefined;
  /** How long all of it may take, the wait for a connection included; 0: as long as the signal lets it. */
  readonly timeoutMs: number;
  /** How it begins. Default `begin`. */
  readonly begin?: "begin" | "begin isolation level repeatable read, read only";
}

/**
 * Runs `work` in a transaction: all of it is committed, or nothing.
 *
 * Owner      the call: it takes one connection and gives it back.
 *  T1  The caller hears in time, also of a server that is frozen: ENGINE_UNAVAILABLE, or the signal's reason.
 *  T2  A connection whose transaction was given up, or could not be rolled back, is closed; the server then rolls it back.
 *
 * Rejects as `work` does, with what the server says as `engineError` has it.
 */
export async function inTransaction<T>(
  postgres: Pick<Postgres, "pool">,
  options: TransactionOptions,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  const { signal, timeoutMs } = options;
  signal?.throwIfAborted();
  const given = Promise.withResolvers<never>();
  // Nobody listens any more once the work is done.
  given.promise.catch(() => undefined);
  const giveUp = () => given.reject(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const timer = timeoutMs === 0 ? undefined : setTimeout(() => given.reject(postgresUnavailable()), timeoutMs);
  try {
    return await run(postgres.pool, options.begin ?? "begin", work, given.promise);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    throw engineError(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

async function run<T>(
  pool: pg.Pool,
  begin: string,
  work: (client: pg.ClientBase) => Promise<T>,
  givenUp: Promise<never>,
): Promise<T> {
  const connecting = pool.connect();
  const client = await Promise.race([connecting, givenUp]).catch((error: unknown) => {
    void connecting.then(
      (late) => late.release(),
      () => undefined,
    );
    throw error;
  });
  let ended = false;
  const markEnded = (): void => {
    ended = true;
  };
  const transaction = commit(client, begin, work);
  transaction.then(markEnded, markEnded);
  try {
    const result = await Promise.race([transaction, givenUp]);
    client.release();
    return result;
  } catch (error) {
    client.release(!ended || !(await isRolledBack(client, givenUp)));
    throw error;
  }
}

async function commit<T>(
  client: pg.ClientBase,
  begin: string,
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  await client.query(begin);
  const result = await work(client);
  await client.query("commit");
  return result;
}

async function isRolledBack(client: pg.ClientBase, givenUp: Promise<never>): Promise<boolean> {
  try {
    await Promise.race([client.query("rollback"), givenUp]);
    return true;
  } catch {
    return false;
  }
}
