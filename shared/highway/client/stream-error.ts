import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { type CursorFaults, CursorFaultsSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { ChainBroken } from "./chain.ts";
import { Silence } from "./next-within.ts";

/**
 * The server refuses the stream, and would refuse it again: what to do is the caller's decision.
 *
 * `cursorFaults` says where one can go on, when a cursor was the reason; the same request with its `resumeToken` in place
 * of cursors and token is accepted.
 */
export class StreamRefused extends Error {
  override readonly name = "StreamRefused";
  readonly code: Code;
  /** The stable reason, `CURSOR_PAST_FORK`; empty if none was given. */
  readonly reason: string;
  readonly cursorFaults: CursorFaults | undefined;

  constructor(error: ConnectError) {
    super(error.rawMessage, { cause: error });
    this.code = error.code;
    this.reason = error.findDetails(ErrorInfoSchema)[0]?.reason ?? "";
    this.cursorFaults = error.findDetails(CursorFaultsSchema)[0];
  }
}

const PASSING_CODES: ReadonlySet<Code> = new Set([
  Code.Unavailable,
  // Somewhere on the way a deadline was set for a stream that has none.
  Code.DeadlineExceeded,
  Code.Aborted,
  // A connection cut in the middle of a message comes as one of these, without a reason (see `passes`).
  Code.Internal,
  Code.Unknown,
  // Reset by the peer, not by us: our own cancelling is recognised before.
  Code.Canceled,
]);

/** Whether the stream may be asked for again, from the last proven place. */
export function passes(error: unknown): boolean {
  if (error instanceof ChainBroken || error instanceof Silence) return true;
  if (!(error instanceof ConnectError)) return false;
  const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
  if (error.code === Code.ResourceExhausted) return reason === "OVERLOADED" || reason === "RATE_LIMITED";
  return PASSING_CODES.has(error.code) && reason !== "INTERNAL";
}

/**
 * Whether the server gave up without saying of what: a connection that was cut, or one who stands between and always will.
 * The same again and again is the latter.
 */
export function isUnexplained(error: unknown): boolean {
  return error instanceof ConnectError && error.code === Code.Internal && passes(error);
}

/** How long the server asks to wait, in milliseconds; 0 if it does not say. */
export function retryAfterMs(error: unknown): number {
  if (!(error instanceof ConnectError)) return 0;
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  return delay === undefined ? 0 : durationMs(delay);
}
