import type { Duration } from "@bufbuild/protobuf/wkt";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";

const DAY_SECONDS = 86_400;

/** How long a new token lives, in seconds: what was asked, by default 90 days, an agent's 30. */
export function tokenLifetimeSeconds(kind: PrincipalKind, asked: Duration | undefined): number {
  if (asked !== undefined) return secondsOf(asked);
  return (kind === PrincipalKind.AGENT ? 30 : 90) * DAY_SECONDS;
}

/** A duration in seconds; none: 0. */
export function secondsOf(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) + duration.nanos / 1e9;
}
