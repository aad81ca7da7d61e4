import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { accessChanged } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";

/** How a stream ends of the hub's accord: the last frame, and the status that follows it. */
export interface Ending {
  readonly reason: GoAway_Reason;
  readonly error: CosError;
  /** How long to wait before one comes back. Unset: not at all. */
  readonly retryAfterMs: number | undefined;
}

/** This process goes away; another one answers. */
export function draining(retryAfterMs?: number): Ending {
  return endingOf(GoAway_Reason.DRAINING, "the process is going away; resume elsewhere", retryAfterMs);
}

/** The connection is old enough; a new one finds its fair place. */
export function tooOld(): Ending {
  return endingOf(GoAway_Reason.CONNECTION_AGE, "the stream is old enough; resume it on a new connection");
}

/** Resuming says what the new epoch means for each cursor. */
export function epochChanged(): Ending {
  return endingOf(GoAway_Reason.EPOCH_CHANGED, "the log has begun a new epoch; resume to learn what that means");
}

/** The caller's access has ended, for this reason: with a new token the stream can be resumed. */
export function accessEnded(error: CosError): Ending {
  return { reason: GoAway_Reason.ACCESS_CHANGED, error, retryAfterMs: undefined };
}

/** Something that the stream carries may not be read any more. */
export function accessTaken(): Ending {
  return accessEnded(accessChanged());
}

/** UNAVAILABLE, whatever the reason: the very same request, resumed, goes on. */
function endingOf(reason: GoAway_Reason, message: string, retryAfterMs?: number): Ending {
  const error = new CosError(ErrorReason.DRAINING, message, retryAfterMs === undefined ? {} : { retryAfterMs });
  return { reason, error, retryAfterMs };
}
