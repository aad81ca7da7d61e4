import type { Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import type { LedgerFilters } from "../commands/ledger.ts";
import { filterOf, timeRange } from "../options/build-filter.ts";
import type { Instant } from "../options/parse-instant.ts";
import { LINKED_TYPE, UNLINKED_TYPE } from "./row.ts";

/** The filters as the server takes them; `until` narrows down to what was recorded before. */
export function filterOfLedger(filters: LedgerFilters, until?: Instant): Filter {
  return filterOf(filters, {
    occurred: timeRange(filters.since, filters.until),
    recorded: timeRange(filters.recordedSince, earlier(filters.recordedUntil, until)),
  });
}

/** What is followed: whoever asks for links is also told when the reason of one is gone. `cos.*` asks for both. */
export function followingFilter(filters: LedgerFilters): Filter {
  const { type = [] } = filters;
  return filterOfLedger(
    type.includes(LINKED_TYPE) ? { ...filters, type: [...new Set([...type, UNLINKED_TYPE])] } : filters,
  );
}

function earlier(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.seconds < b.seconds || (a.seconds === b.seconds && a.nanos < b.nanos) ? a : b;
}
