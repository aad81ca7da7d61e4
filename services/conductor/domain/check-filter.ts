import type { Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";

/**
 * Checks of a filter what the contract's annotations cannot say: a string that could not be kept would, on its way to PostgreSQL,
 * silently become another one. `path` is where the request has the filter. Throws INVALID_FIELD for the first: `filter.sources[0]`.
 */
export function checkFilter(filter: Filter | undefined, path = "filter"): void {
  if (filter === undefined) return;
  checkStrings(`${path}.sources`, filter.sources);
  checkStrings(`${path}.session_ids`, filter.sessionIds);
  checkStrings(`${path}.tags`, filter.tags);
}

function checkStrings(field: string, values: readonly string[]): void {
  for (const [n, value] of values.entries()) {
    const fault = textFault(value);
    if (fault !== undefined) throw invalidField(`${field}[${n}]`, fault);
  }
}
