import type pg from "pg";
import { engineError, postgresUnavailable } from "./engine-error.ts";
import type { Postgres } from "./open-postgres.ts";

export interface AbortableQuery {
  readonly text: string;
  readonly values?: readonly unknown[];
  /** Prepares the statement once for each connection. */
  readonly name?: string;
  readonly signal?: AbortSignal | undefined;
  /** How long all of it may take, the wait for a connection included. Default 1,900: callers hear within 2 s. */
  readonly timeoutMs?: number;
}

/** How long a statement that was given up may take to end before its connection is closed under it. */
const graceMs = 1000;

/**
 * Runs one statement and returns its rows. When the signal fires, or the time is up, the caller hears at once and the
 * statement is cancelled on the server.
 *
 * Owner      the call: it takes one connection and gives it back.
 *  Q1  A connection goes back to the pool only when its statement has ended and no cancellation is on its way: a late one would hit
 *      whatever runs there next. It is closed instead if the two may have missed each other.
 *  Q2  The caller never waits for the server to notice: a frozen one answers nobody.
 *
 * Rejects with the signal's reason, ENGINE_UNAVAILABLE, or INTERNAL when the server refuses the statement.
 */
export async function queryAbortably<Row extends pg.QueryResultRow>(
  postgres: Pick<Postgres, "pool" | "cancelBackend">,
  query: AbortableQuery,
): Promise<Row[]> {
  const { signal, timeoutMs = 1900 } = query;
  signal?.throwIfAborted();
  const given = Promise.withResolvers<never>();
  // Nobody listens any more once the statement has won the race.
  given.promise.catch(() => undefined);
  const giveUp = () => given.reject(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const timer = setTimeout(() => given.reject(postgresUnavailable()), timeoutMs);
  try {
    return await run<Row>(postgres, query, given.promise);
  } catch (error) {
    if (signal?.aborted && error === signal.reason) throw error;
    throw engineError(error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

async function run<Row extends pg.QueryResultRow>(
  postgres: Pick<Postgres, "pool" | "cancelBackend">,
  { text, values, name }: AbortableQuery,
  givenUp: Promise<never>,
): Promise<Row[]> {
  const connecting = postgres.pool.connect();
  const client = await Promise.race([connecting, givenUp]).catch((error: unknown) => {
    void connecting.then(
      (late) => late.release(),
      () => undefined,
    );
    throw error;
  });
  const statement = client.query<Row>({ text, values: [...(values ?? [])], ...(name === undefined ? {} : { name }) });
  let ended = false;
  statement.then(
    () => {
      ended = true;
    },
    () => {
      ended = true;
    },
  );
  try {
    const { rows } = await Promise.race([statement, givenUp]);
    client.release();
    return rows;
  } catch (error) {
    if (ended) client.release(isConnectionFault(error));
    else void cancel(postgres, client, statement);
    throw error;
  }
}

/** Q1: the connection comes back when the statement says that the cancellation has reached it, and is closed otherwise. */
async function cancel(
  postgres: Pick<Postgres, "cancelBackend">,
  client: pg.PoolClient,
  statement: Promise<unknown>,
): Promise<void> {
  const closing = setTimeout(() => void client.end().catch(() => undefined), graceMs);
  const [sent, outcome] = await Promise.allSettled([postgres.cancelBackend(backendOf(client)), statement]);
  clearTimeout(closing);
  const reached =
    sent.status === "fulfilled" &&
    outcome.status === "rejected" &&
    (outcome.reason as { code?: unknown }).code === "57014";
  client.release(!reached);
}

/** An SQLSTATE comes from a server that is well; after FATAL ones, and without a code, the connection is gone. */
function isConnectionFault(error: unknown): boolean {
  const { code, severity } = error as { code?: unknown; severity?: unknown };
  return typeof code !== "string" || code.length !== 5 || severity === "FATAL";
}

function backendOf(client: pg.PoolClient): number {
  return (client as unknown as { processID: number }).processID;
}
