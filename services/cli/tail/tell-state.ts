import { ConnectError } from "@connectrpc/connect";
import { FellBehind_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import type { FollowState } from "#shared/highway/client/followed.ts";
import type { Output } from "../output/output.ts";

/** What a person who watches a stream should know of it; undefined where nothing is new. */
export function describeState(state: FollowState): string | undefined {
  switch (state.kind) {
    case "connected":
      return state.resumed ? "connected again: going on without a gap" : undefined;
    case "lost":
      // Said once: the attempts after the first are the same trouble.
      return state.attempt === 1 ? `connection lost (${causeOf(state.cause)}): trying again` : undefined;
    case "degraded":
      return state.degraded
        ? "the highway is degraded: events come from the log, complete but up to a second late"
        : "the highway serves again";
    case "fell_behind":
      return state.reason === FellBehind_Reason.SLOW_SUBSCRIBER
        ? `${state.module}: reading slower than it is recorded, catching up from the log`
        : `${state.module}: the highway is being rebuilt, catching up from the log`;
    case "caught_up":
      return undefined;
  }
}

/** What a stream was lost of, in words. */
export function causeOf(cause: unknown): string {
  if (cause === undefined) return "the server ended the stream";
  if (cause instanceof ConnectError) return cause.rawMessage;
  return cause instanceof Error ? cause.message : "for a reason that was not told";
}

/** Says it on the error stream, dimmed, so that standard output stays what was recorded. */
export function tellState(err: Output, state: FollowState): void {
  const text = describeState(state);
  if (text !== undefined) err.line(err.style("dim", `cos: ${text}`)).catch(() => undefined);
}
