import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";

/** The first second of year 1 and the last of year 9999, UTC, proleptic Gregorian. */
const firstSecond = -62_135_596_800n;
const lastSecond = 253_402_300_799n;

/** Why an instant is none, if it is none. */
export function checkInstant({ seconds, nanos }: Timestamp): string | undefined {
  if (nanos < 0 || nanos > 999_999_999) return "nanos must be from 0 to 999999999";
  if (seconds < firstSecond || seconds > lastSecond) return "must lie from year 1 to 9999";
  return undefined;
}

/** The instant in the resolution of PostgreSQL, cut rather than rounded: no instant may move into the next year. */
export function cutToMicroseconds({ seconds, nanos }: Timestamp): Timestamp {
  return create(TimestampSchema, { seconds, nanos: nanos - (nanos % 1000) });
}
