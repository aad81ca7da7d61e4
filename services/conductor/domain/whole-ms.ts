import type { Duration } from "@bufbuild/protobuf/wkt";

/** A duration in whole milliseconds, rounded up; undefined stays so. */
export function wholeMs(duration: Duration | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1000 + Math.ceil(duration.nanos / 1e6);
}
