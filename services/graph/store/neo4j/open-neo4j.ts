// The connection to Neo4j: everything that is asked of it goes through here.
//
// Purpose: Neo4j may be killed, frozen, wiped or change its password at any time; callers hear of it soon, and nobody has to do anything
// when it is back.
// Owner: the store, which closes it.
//
//  N1  A read is rejected with ENGINE_UNAVAILABLE within 2 s of the server's falling silent. While it lives, a read may take
//      `readTimeoutMs`: a large graph takes longer to count than a dead server to be known as such.
//  N2  A transaction that writes may take long. While it runs the server is asked again and again whether it lives; one that does not say
//      so within `silenceMs` rejects it, and what it would still have sent is not sent.
//  N3  Failures in a row open the breaker, and calls are refused at once. Answers are no failures, neither are callers who go away, nor is a
//      server that is late but lives.
//  N4  When the breaker opens the driver is replaced: connections to a frozen server never end by themselves. Files are read anew.
//  N5  The schema is ensured before the first use of each driver, since a server that comes back may be another one. While a server that
//      lives is being prepared calls are rejected as in N1, but the breaker does not count them.
//  N6  A statement that was late is planned in the background, without anybody waiting: a server that has just started may take longer for a
//      plan than a caller waits, and would never come to the end of it. What is usually asked is planned before anybody asks: `onPrepared`.
//
// Failure: what was sent when the server was lost may have been done. Writes carry their place, so a repetition is recognised.
import type { Driver, ManagedTransaction, QueryResult } from "neo4j-driver";
import type { Log } from "#shared/log/open-log.ts";
import { type Breaker, openBreaker } from "#shared/redis/open-breaker.ts";
import { driverOf, type Neo4jAddress } from "./driver-of.ts";
import { ensureSchema } from "./ensure-schema.ts";
import { engineError, isAnswer, isLate, neo4jUnavailable, ServerBusyError } from "./neo4j-error.ts";

export interface Neo4jOptions extends Neo4jAddress {
  /** Default `neo4j`. */
  readonly database?: string | undefined;
  readonly log: Log;
  /** Default 10,000; the server gives up a little before. */
  readonly readTimeoutMs?: number;
  /** Of a transaction that writes. Default 30,000. */
  readonly writeTimeoutMs?: number;
  /** Default 1,600. */
  readonly silenceMs?: number;
  /** How long after it opened the breaker lets a call through. Default 30,000. */
  readonly probeAfterMs?: number;
  /** Called once a server is prepared, again for each that comes after it was away. */
  readonly onPrepared?: () => void;
}

/** Runs one statement; its rows, by the names that it returns. */
export type Run = <Row extends object>(text: string, parameters?: object) => Promise<Row[]>;

export interface Neo4j {
  /** Ensures the schema now; rejects after that time, while it goes on. */
  prepare(timeoutMs: number): Promise<void>;
  readonly breaker: Pick<Breaker, "state" | "openedCount" | "refusedCount">;
  /** Runs statements in one transaction, which travel together; the rows of all of them, in their order. */
  read<Row extends object>(
    texts: string | readonly string[],
    parameters: object,
    options?: ReadOptions,
  ): Promise<Row[]>;
  /** Has the server plan statements, one after the other; rejects when one cannot be planned. */
  plan(texts: readonly string[], parameters: object): Promise<void>;
  /** All statements of one transaction. `work` is called again after a deadlock. What it throws is told as it is. `timeoutMs`:
   * default `writeTimeoutMs`. */
  write<Result>(work: (run: Run) => Promise<Result>, timeoutMs?: number): Promise<Result>;
  close(): Promise<void>;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Default `readTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** Opens it without connecting: the server may come later. Throws where a file cannot be read. */
export function openNeo4j(options: Neo4jOptions): Neo4j {
  return new Neo4jConnection(options);
}

/** By how much the server gives a read up sooner than we do, so that what is only slow is not taken for dead. */
const SERVER_MARGIN_MS = 300;

const WATCH_MS = 300;
const PLAN_TIMEOUT_MS = 60_000;
/**
 * A graph that grows would have its statements planned anew again and again, while a reader waits. They say which index they use, so that
 * the plan of an empty graph is that of a large one.
 */
const KEEP_PLAN = "CYPHER replan=skip ";
/** A server that has just started is slow at first, and nobody waits for the schema alone. */
const SCHEMA_SILENCE_MS = 10_000;

class Neo4jConnection implements Neo4j {
  readonly breaker: Breaker;
  readonly #options: Neo4jOptions;
  readonly #readTimeoutMs: number;
  readonly #silenceMs: number;
  #driver: Driver;
  #schema: Promise<void> | undefined;
  #closed = false;
  readonly #planning = new Set<string>();

  constructor(options: Neo4jOptions) {
    this.#options = options;
    this.#readTimeoutMs = options.readTimeoutMs ?? 10_000;
    this.#silenceMs = options.silenceMs ?? 1600;
    this.#driver = driverOf(options);
    this.breaker = openBreaker({
      name: "neo4j",
      log: options.log,
      isBusinessError: isAnswer,
      onChange: (state) => {
        if (state === "open") this.#replaceDriver();
      },
      ...(options.probeAfterMs === undefined ? {} : { probeAfterMs: options.probeAfterMs }),
    });
  }

  async prepare(timeoutMs: number): Promise<void> {
    const late = () => new ServerBusyError("the schema is still being made");
    await this.#fire(() => withinTime(this.#ensured(), { signal: undefined, timeoutMs }, late));
  }

  async read<Row extends object>(
    texts: string | readonly string[],
    parameters: object,
    options: ReadOptions = {},
  ): Promise<Row[]> {
    const { signal, timeoutMs = this.#readTimeoutMs } = options;
    signal?.throwIfAborted();
    return this.#fire(() => this.#readInTime<Row>([texts].flat(), parameters, { signal, timeoutMs }));
  }

  async write<Result>(work: (run: Run) => Promise<Result>, timeoutMs?: number): Promise<Result> {
    // A probe is to be short: while it runs everybody else is refused.
    while (this.breaker.state !== "closed") await this.#fire(() => this.#ping(this.#silenceMs));
    return this.#fire(() => this.#writeWatched(work, timeoutMs ?? this.#options.writeTimeoutMs ?? 30_000));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.breaker.close();
    await this.#driver.close();
  }

  async #fire<Result>(action: () => Promise<Result>): Promise<Result> {
    try {
      return await this.breaker.fire(action);
    } catch (error) {
      throw engineError(error);
    }
  }

  /** N4. */
  #replaceDriver(): void {
    if (this.#closed) return;
    const { log } = this.#options;
    try {
      const old = this.#driver;
      this.#driver = driverOf(this.#options);
      this.#schema = undefined;
      old.close().catch((err: unknown) => log.debug({ err }, "neo4j driver did not close"));
    } catch (err) {
      log.warn({ err }, "neo4j driver not replaced");
    }
  }

  /** N5. */
  #ensured(): Promise<void> {
    this.#schema ??= this.#ensure();
    const ensured = this.#schema;
    ensured.catch(() => {
      if (this.#schema === ensured) this.#schema = undefined;
    });
    return ensured;
  }

  async #ensure(): Promise<void> {
    const session = this.#driver.session({ database: this.#database, defaultAccessMode: "WRITE" });
    const over = new AbortController();
    try {
      await Promise.race([ensureSchema(session), this.#watch(over.signal, SCHEMA_SILENCE_MS)]);
      this.#options.onPrepared?.();
    } finally {
      over.abort();
      void session.close().catch(() => undefined);
    }
  }

  get #database(): string {
    return this.#options.database ?? "neo4j";
  }

  /** N1. */
  async #readInTime<Row extends object>(
    texts: readonly string[],
    parameters: object,
    { signal, timeoutMs }: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
  ): Promise<Row[]> {
    const session = this.#driver.session({ database: this.#database, defaultAccessMode: "READ" });
    const timeout = Math.max(1, timeoutMs - SERVER_MARGIN_MS);
    let lives = false;
    const over = new AbortController();
    // N1, N3: whether a server that is late is slow or gone, is told by questions that cost it nothing.
    const silence = this.#watch(over.signal, this.#silenceMs, () => {
      lives = true;
    });
    silence.catch(() => undefined);
    const reading = this.#ensured().then(() =>
      session.executeRead(
        (transaction) => Promise.all(texts.map((text) => transaction.run(KEEP_PLAN + text, parameters))),
        { timeout },
      ),
    );
    try {
      const late = () => (lives ? new ServerBusyError("it lives, but is late") : neo4jUnavailable());
      const results = await withinTime(Promise.race([reading, silence]), { signal, timeoutMs }, late);
      return results.flatMap((result) => rowsOf<Row>(result));
    } catch (error) {
      if (isLate(error)) this.plan(texts, parameters).catch(() => undefined);
      throw error;
    } finally {
      over.abort();
      // It stops what still runs; with a server that does not answer it never ends.
      void session.close().catch(() => undefined);
    }
  }

  /** N6. */
  async plan(texts: readonly string[], parameters: object): Promise<void> {
    for (const text of texts) if (!this.#planning.has(text)) await this.#planOne(text, parameters);
  }

  async #planOne(text: string, parameters: object): Promise<void> {
    this.#planning.add(text);
    const session = this.#driver.session({ database: this.#database, defaultAccessMode: "READ" });
    try {
      await session.run(`EXPLAIN ${KEEP_PLAN}${text}`, parameters, { timeout: PLAN_TIMEOUT_MS });
    } finally {
      this.#planning.delete(text);
      void session.close().catch(() => undefined);
    }
  }

  /** N2. */
  async #writeWatched<Result>(work: (run: Run) => Promise<Result>, timeout: number): Promise<Result> {
    const session = this.#driver.session({ database: this.#database, defaultAccessMode: "WRITE" });
    const over = new AbortController();
    const writing = this.#ensured().then(() =>
      session.executeWrite((transaction) => work(runOf(transaction, over.signal)), { timeout }),
    );
    try {
      return await Promise.race([writing, this.#watch(over.signal, this.#silenceMs)]);
    } finally {
      over.abort(neo4jUnavailable());
      void session.close().catch(() => undefined);
    }
  }

  /** Rejects when the server does not answer any more; until the signal fires. */
  async #watch(over: AbortSignal, silenceMs: number, onAnswer?: () => void): Promise<never> {
    for (;;) {
      await pause(WATCH_MS, over);
      await this.#ping(silenceMs);
      onAnswer?.();
    }
  }

  async #ping(silenceMs: number): Promise<void> {
    const session = this.#driver.session({ database: this.#database, defaultAccessMode: "READ" });
    try {
      const asked = session.executeRead((transaction) => transaction.run("RETURN 1"));
      await withinTime(asked, { signal: undefined, timeoutMs: silenceMs }, neo4jUnavailable);
    } finally {
      void session.close().catch(() => undefined);
    }
  }
}

function runOf(transaction: ManagedTransaction, over: AbortSignal): Run {
  return async <Row extends object>(text: string, parameters: object = {}) => {
    over.throwIfAborted();
    return rowsOf<Row>(await transaction.run(text, parameters));
  };
}

function rowsOf<Row extends object>({ records }: Pick<QueryResult, "records">): Row[] {
  return records.map((record) => record.toObject() as Row);
}

/** Rejects with the signal's reason when it fires, and with `late()` after that time. */
async function withinTime<Result>(
  result: Promise<Result>,
  { signal, timeoutMs }: { readonly signal: AbortSignal | undefined; readonly timeoutMs: number },
  late: () => Error,
): Promise<Result> {
  const given = Promise.withResolvers<never>();
  const giveUp = () => given.reject(signal?.reason);
  signal?.addEventListener("abort", giveUp, { once: true });
  const timer = setTimeout(() => given.reject(late()), timeoutMs);
  try {
    return await Promise.race([result, given.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}

/** After that time; never, once the signal has fired. */
function pause(ms: number, over: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    over.addEventListener("abort", () => clearTimeout(timer), { once: true });
  });
}
