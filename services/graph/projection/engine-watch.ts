import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { isRetryable } from "#shared/errors/reasons.ts";
import type { Log } from "#shared/log/open-log.ts";

/** Whether an error says that the engine is away, rather than that it minds what it was given. */
export function isEngineAway(error: unknown): boolean {
  return error instanceof CosError && (error.reason === ErrorReason.ENGINE_UNAVAILABLE || isRetryable(error.reason));
}

/** By SQLSTATE, and by the codes of Neo4j. */
const GAVE_UP: readonly RegExp[] = [
  /^57014$/, // query_canceled: statement_timeout passed
  /^25P03$/, // idle_in_transaction_session_timeout: we took too long between two statements
  /^Neo\.(Client|Transient)Error\.Transaction\.TransactionTimedOut/,
  /^Neo\.TransientError\.General\.(TransactionOutOfMemoryError|MemoryPoolOutOfMemoryError|TransactionMemoryLimit|OutOfMemoryError)$/,
];

/** Whether an error says, or one that caused it, that the engine is there and gave a transaction up for its time or its size. */
export function gaveUp(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as { code?: unknown };
    if (typeof code === "string" && GAVE_UP.some((each) => each.test(code))) return true;
  }
  return false;
}

/** Says once that the engine is away, and once that it is back, however many notice. */
export class EngineWatch {
  readonly #log: Log;
  #isAway = false;

  constructor(log: Log) {
    this.#log = log;
  }

  away(err: unknown): void {
    if (!this.#isAway) this.#log.warn({ err }, "the graph's engine does not take steps; the projection waits");
    this.#isAway = true;
  }

  back(): void {
    if (this.#isAway) this.#log.info("the graph's engine takes steps again");
    this.#isAway = false;
  }
}
