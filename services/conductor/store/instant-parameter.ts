import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { isoOf } from "./memory-rows.ts";

const lastMicrosecond = { seconds: 253_402_300_799n, nanos: 999_999_000 };

/**
 * An instant to compare stored ones with. What is stored has microseconds: nanoseconds beyond them are rounded up, which leaves both
 * `>=` and `<` as they would be with all nine digits.
 */
export function instantParameter({ seconds, nanos }: Timestamp): string {
  if (seconds === lastMicrosecond.seconds && nanos > lastMicrosecond.nanos) return "infinity";
  const up = Math.ceil(nanos / 1000) * 1000;
  return isoOf({ seconds: seconds + (up === 1e9 ? 1n : 0n), nanos: up % 1e9 });
}
