import type { Access } from "./access.ts";
import type { Scope } from "./scope.ts";

/** What every handler is told about the call it serves: who calls, under which ids, and how long it may take. */
export interface CallContext {
  /** The caller's `x-request-id`, else one given here; in every answer, log line and row. */
  readonly requestId: string;
  /** The trace id of the caller's `traceparent`: 32 hexadecimal digits; empty: none. */
  readonly traceId: string;
  /** The caller's `traceparent` (W3C Trace Context) if it is sampled; else empty. */
  readonly traceparent: string;
  /** Who calls, and with which rights; it may change, or end, while a stream is open. */
  readonly access: Access;
  /** What the caller may see, at this moment. */
  readonly scope: Scope;
  /** Fires when the caller cancels, the deadline passes, the access ends, or the process must stop. */
  readonly signal: AbortSignal;
  /** When the answer is due, in milliseconds of the epoch; Infinity: never. */
  readonly deadlineMs: number;
}
