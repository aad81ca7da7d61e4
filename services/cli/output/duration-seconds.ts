import type { Duration } from "@bufbuild/protobuf/wkt";

/** A duration of the contract in seconds; none: 0. */
export function durationSeconds(duration: Duration | undefined): number {
  return duration === undefined ? 0 : Number(duration.seconds) + duration.nanos / 1e9;
}
