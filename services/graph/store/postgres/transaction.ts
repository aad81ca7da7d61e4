import type pg from "pg";
import { engineError } from "#shared/postgres/engine-error.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";

/** How long a statement may take by our own clock: a server that is well has given it up by then (statement_timeout). */
const defaultTimeoutMs = 6000;

/** Runs one statement of a transaction; prepared, if it has a name. */
export type Query = <Row extends pg.QueryResultRow>(
  text: string,
  values?: readonly unknown[],
  name?: string,
) => Promise<Row[]>;

/**
 * Runs `work` in a transaction: all of it is committed, or nothing.
 *
 * Owner      the call: it takes one connection and gives it back.
 *  W1  Every statement is answered in time, also by a server that is frozen: ENGINE_UNAVAILABLE.
 *  W2  A connection that failed, or whose transaction could not be rolled back, is closed; the server then rolls it back.
 *  W3  What `work` throws of its own is thrown as it is; what the server says, as `engineError` has it.
 */
export async function inTransaction<T>(
  postgres: Pick<Postgres, "pool">,
  begin: string,
  work: (query: Query) => Promise<T>,
  timeoutMs = defaultTimeoutMs,
): Promise<T> {
  const client = await postgres.pool.connect().catch((error: unknown) => {
    throw engineError(error);
  });
  let isLost = false;
  const query: Query = async <Row extends pg.QueryResultRow>(
    text: string,
    values: readonly unknown[] = [],
    name?: string,
  ) => {
    const given = { text, values: [...values], query_timeout: timeoutMs, ...(name !== undefined && { name }) };
    try {
      return (await client.query<Row>(given)).rows;
    } catch (error) {
      isLost ||= !isAnswer(error);
      throw engineError(error);
    }
  };
  try {
    await query(begin);
    const result = await work(query);
    await query("commit");
    client.release();
    return result;
  } catch (error) {
    if (!isLost) await query("rollback").catch(() => undefined);
    client.release(isLost);
    throw error;
  }
}

/** An SQLSTATE comes from a server that is well; after FATAL ones, and without a code, the connection is gone. */
function isAnswer(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code === "string" && code.length === 5 && severity !== "FATAL";
}
