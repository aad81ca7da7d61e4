import { Neo4jError } from "neo4j-driver";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { BreakerOpenError } from "#shared/redis/open-breaker.ts";

/**
 * What an error of Neo4j, of its driver or of the socket below means:
 *
 * - `unavailable`: the server or the way to it is gone, refuses us, or is broken; whether something was done is unknown;
 * - `stopped`: the server is well, and gave a transaction up: for its time, for its size, for a lock, for somebody who waits for us;
 * - `defect`: the server refused a statement, which is a fault of ours.
 */
export type Neo4jTrouble = "unavailable" | "stopped" | "defect";

/** By the beginning of the code; the first that fits. https://neo4j.com/docs/status-codes/current/errors/all-errors/ */
const CODES: readonly (readonly [prefix: string, trouble: Neo4jTrouble])[] = [
  // A wrong password, or one that was changed: waiting for whoever runs the server is all that helps.
  ["Neo.ClientError.Security.", "unavailable"],
  ["Neo.ClientError.Database.", "unavailable"],
  // A follower of a cluster, or a database that was set to be read only.
  ["Neo.ClientError.Cluster.", "unavailable"],
  ["Neo.ClientError.General.ForbiddenOnReadOnlyDatabase", "unavailable"],
  ["Neo.ClientError.Transaction.", "stopped"],
  ["Neo.TransientError.Transaction.", "stopped"],
  // One transaction was too large; the next one may be taken.
  ["Neo.TransientError.General.TransactionOutOfMemoryError", "stopped"],
  ["Neo.TransientError.General.MemoryPoolOutOfMemoryError", "stopped"],
  ["Neo.TransientError.General.TransactionMemoryLimit", "stopped"],
  ["Neo.ClientError.", "defect"],
];

/** The server lives, but did not do in time what it was asked, or is being made ready for its first use. */
export class ServerBusyError extends Error {
  override readonly name = "ServerBusyError";
}

/** Whether a statement was given up for its time, by us or by the server. */
export function isLate(error: unknown): boolean {
  return error instanceof ServerBusyError || (error instanceof Neo4jError && classifyError(error) === "stopped");
}

/** When it makes sense to ask again. */
const RETRY_AFTER_MS = 1000;

export function classifyError(error: Neo4jError): Neo4jTrouble {
  return CODES.find(([prefix]) => error.code.startsWith(prefix))?.[1] ?? "unavailable";
}

/** Whether the server has answered, so that the breaker need not count it. What is no error of Neo4j's is none of its failures. */
export function isAnswer(error: unknown): boolean {
  if (error instanceof CosError) return error.reason !== ErrorReason.ENGINE_UNAVAILABLE;
  return !(error instanceof Neo4jError) || classifyError(error) !== "unavailable";
}

/** ENGINE_UNAVAILABLE for Neo4j, with RetryInfo. */
export function neo4jUnavailable(cause?: unknown): CosError {
  return new CosError(ErrorReason.ENGINE_UNAVAILABLE, "Neo4j does not answer", { cause, retryAfterMs: RETRY_AFTER_MS });
}

/** The error that a caller is told. What did not come from Neo4j is told as it is. */
export function engineError(error: unknown): unknown {
  if (error instanceof BreakerOpenError || error instanceof ServerBusyError) return neo4jUnavailable(error);
  if (!(error instanceof Neo4jError)) return error;
  if (classifyError(error) !== "defect") return neo4jUnavailable(error);
  return new CosError(ErrorReason.INTERNAL, "Neo4j refused a statement of ours", { cause: error });
}
