import { create } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type SubscribeRequest, SubscribeRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import type { TailOptions } from "../commands/tail.ts";
import { EXIT } from "../exit-codes.ts";
import { filterOf } from "../options/build-filter.ts";

/** What the options ask of the server; the place to resume from is added with each connection. */
export function subscribeRequest(options: TailOptions): SubscribeRequest {
  const modules = [...new Set(options.module ?? [])];
  if (options.from !== undefined && (options.all === true || modules.length > 1)) {
    throw new CliFailure(EXIT.usage, "--from needs a single module: each has positions of its own");
  }
  return create(SubscribeRequestSchema, {
    modules,
    allModules: options.all === true,
    start: startOf(options),
    filter: filterOf(options),
  });
}

function startOf({ from, fromBeginning, since }: TailOptions): SubscribeRequest["start"] {
  // The contract starts above a position; people start at one.
  if (from !== undefined) return { case: "fromPosition", value: BigInt(from) - 1n };
  if (fromBeginning === true) return { case: "fromBeginning", value: true };
  return since === undefined ? { case: undefined } : { case: "fromTime", value: create(TimestampSchema, since) };
}
