import { create } from "@bufbuild/protobuf";
import { type Duration, DurationSchema } from "@bufbuild/protobuf/wkt";

/** Seconds as the contract has them. */
export function durationOf(seconds: number): Duration {
  return create(DurationSchema, { seconds: BigInt(seconds) });
}
