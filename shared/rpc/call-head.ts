import { randomUUIDv7 } from "node:crypto";

/** What a call's metadata say about the call itself. */
export interface CallHead {
  readonly requestId: string;
  /** The caller's `traceparent`, if it is well-formed; else empty. */
  readonly traceparent: string;
  /** How long the caller waits, in milliseconds; undefined: the caller did not say. */
  readonly timeoutMs: number | undefined;
}

const REQUEST_ID = /^[\x20-\x7e]{1,128}$/;
/** W3C Trace Context, level 1: https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/** The caller's `x-request-id` if it is 1 to 128 printable ASCII characters; else a new UUIDv7. */
export function readRequestId(given: string | undefined): string {
  return given !== undefined && REQUEST_ID.test(given) ? given : randomUUIDv7();
}

/** The caller's `traceparent` if it is well-formed, else empty. Version 00 has exactly four parts. */
export function readTraceparent(given: string | undefined): string {
  if (given === undefined || given.length > 512 || !TRACEPARENT.test(given)) {
    return "";
  }
  return given.startsWith("00-") && given.length !== 55 ? "" : given;
}

/** The trace id of a well-formed `traceparent`: 32 hexadecimal digits. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/** Whether the caller records the trace: bit 0 of the flags. */
export function isSampled(traceparent: string): boolean {
  return traceparent !== "" && (Number.parseInt(traceparent.slice(53, 55), 16) & 1) === 1;
}

/** A `connect-timeout-ms`; undefined if it is malformed (at most 10 digits). */
export function readConnectTimeout(given: string): number | undefined {
  return /^\d{1,10}$/.test(given) ? Number(given) : undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 0.001, n: 0.000_001 };

/**
 * A `grpc-timeout` in milliseconds, rounded up; undefined if it is malformed (gRPC over HTTP/2: at most 8 digits and a
 * unit).
 */
export function readGrpcTimeout(given: string): number | undefined {
  const match = /^(\d{1,8})([HMSmun])$/.exec(given);
  return match === null ? undefined : Math.ceil(Number(match[1]) * (UNIT_MS[match[2]!] as number));
}
