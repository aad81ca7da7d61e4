import { create } from "@bufbuild/protobuf";
import { type Filter, FilterSchema, type TimeRange, TimeRangeSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { FilterOptions } from "./filter-options.ts";
import type { Instant } from "./parse-instant.ts";

/** A range of time with what was given of it; undefined if nothing was. */
export function timeRange(since: Instant | undefined, until: Instant | undefined): TimeRange | undefined {
  if (since === undefined && until === undefined) return undefined;
  return create(TimeRangeSchema, { ...(since && { since }), ...(until && { until }) });
}

export function filterOf(
  options: FilterOptions,
  ranges: { occurred?: TimeRange | undefined; recorded?: TimeRange | undefined } = {},
): Filter {
  const { occurred, recorded } = ranges;
  return create(FilterSchema, {
    eventTypes: options.type ?? [],
    sources: options.source ?? [],
    sessionIds: options.session ?? [],
    tags: options.tag ?? [],
    ...(occurred && { occurred }),
    ...(recorded && { recorded }),
  });
}
