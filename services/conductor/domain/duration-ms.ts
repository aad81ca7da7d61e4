import type { Duration } from "@bufbuild/protobuf/wkt";

/** A duration in whole milliseconds, what is over cut off; none: null. */
export function durationMs(duration: Duration | undefined): number | null {
  return duration === undefined ? null : Number(duration.seconds) * 1000 + Math.trunc(duration.nanos / 1e6);
}
