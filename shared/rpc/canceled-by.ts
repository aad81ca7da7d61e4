import { Code, ConnectError } from "@connectrpc/connect";

/** The error of a call whose caller gave up. */
export function canceledBy(signal: AbortSignal): ConnectError {
  const { reason } = signal;
  if (reason instanceof ConnectError) {
    return reason;
  }
  const isTimeout = reason instanceof Error && reason.name === "TimeoutError";
  const code = isTimeout ? Code.DeadlineExceeded : Code.Canceled;
  return new ConnectError("the call was aborted", code, undefined, undefined, reason);
}
