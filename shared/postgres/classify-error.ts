import { SchemaOutdatedError } from "./schema-outdated-error.ts";

/**
 * What an error of PostgreSQL, of its driver or of the socket below means for whoever sent the statement:
 *
 * - `retry`: nothing was done, and the same statement on the same connection may well succeed;
 * - `unavailable`: the server or the connection to it is gone or refuses; whether the statement was done is unknown;
 * - `cancelled`: the statement was stopped, by us or by its timeout; nothing was done;
 * - `value`: a value that was given cannot be stored;
 * - `outdated`: the schema is older than the code: `cos migrate` has not run;
 * - `defect`: anything else, which is a fault of ours.
 */
export type PostgresTrouble = "retry" | "unavailable" | "cancelled" | "value" | "outdated" | "defect";

/** Exact codes first. https://www.postgresql.org/docs/current/errcodes-appendix.html */
const CODES: Readonly<Record<string, PostgresTrouble>> = {
  // Somebody else holds what we need; it is over soon.
  "40001": "retry", // serialization_failure
  "40P01": "retry", // deadlock_detected
  "55P03": "retry", // lock_not_available: lock_timeout passed
  "55006": "retry", // object_in_use

  // The statement was stopped by cancellation or by statement_timeout.
  "57014": "cancelled", // query_canceled

  // The server goes, comes, or sent us away.
  "57P01": "unavailable", // admin_shutdown, pg_terminate_backend
  "57P02": "unavailable", // crash_shutdown
  "57P03": "unavailable", // cannot_connect_now: starting up, or a standby that does not serve yet
  "57P04": "unavailable", // database_dropped
  "57P05": "unavailable", // idle_session_timeout
  "25P02": "unavailable", // in_failed_sql_transaction: a transaction that failed was left open on this connection; another has none
  "25P03": "unavailable", // idle_in_transaction_session_timeout closed the connection
  "25006": "unavailable", // read_only_sql_transaction: we talk to a standby; another connection may find the primary
  "55000": "unavailable", // object_not_in_prerequisite_state: recovery is in progress

  // Set up wrongly, or not yet: waiting for whoever runs the server is all that helps.
  "3D000": "unavailable", // invalid_catalog_name: no such database
  "28000": "unavailable", // invalid_authorization_specification
  "28P01": "unavailable", // invalid_password

  // What the migrations bring is not there.
  "3F000": "outdated", // invalid_schema_name
  "42P01": "outdated", // undefined_table
  "42703": "outdated", // undefined_column
  "42883": "outdated", // undefined_function

  // The socket. https://nodejs.org/api/errors.html#common-system-errors
  ECONNREFUSED: "unavailable",
  ECONNRESET: "unavailable",
  EHOSTUNREACH: "unavailable",
  ENETUNREACH: "unavailable",
  ENOENT: "unavailable", // a Unix socket that is not there
  ENOTFOUND: "unavailable",
  EAI_AGAIN: "unavailable",
  EPIPE: "unavailable",
  ETIMEDOUT: "unavailable",
  ERR_SOCKET_CLOSED: "unavailable",
};

/** Then classes, by the first two characters of an SQLSTATE. */
const CLASSES: Readonly<Record<string, PostgresTrouble>> = {
  "08": "unavailable", // connection exception
  "22": "value", // data exception: a NUL, a number out of range, text that is no JSON
  "23": "value", // integrity constraint violation
  "53": "unavailable", // insufficient resources: disk full, out of memory, too many connections
  "58": "unavailable", // system error: input or output failed
  F0: "unavailable", // configuration file error
  XX: "unavailable", // internal error: the server's own data is damaged
};

/** pg reports these without a code. (pg 8.23, pg-pool 3.14: client.js, index.js; held by a test.) */
const MESSAGES = [
  /^Connection terminated/,
  /^timeout exceeded when trying to connect$/,
  /^Query read timeout$/,
  /^Client has encountered a connection error and is not queryable$/,
  /^Client was closed and is not queryable$/,
  /^Cannot use a pool after calling end on the pool$/,
  /^The server does not support SSL connections$/,
];

/** Looks an error of PostgreSQL up in the table above. */
export function classifyError(error: unknown): PostgresTrouble {
  if (!(error instanceof Error)) return "defect";
  if (error instanceof SchemaOutdatedError) return "outdated";
  const code = (error as { code?: unknown }).code;
  if (typeof code === "string") return CODES[code] ?? CLASSES[code.slice(0, 2)] ?? "defect";
  if (error instanceof AggregateError && error.errors.length > 0) return classifyError(error.errors[0]);
  return MESSAGES.some((message) => message.test(error.message)) ? "unavailable" : "defect";
}
