import type { SearchCall } from "../../domain/search-index.ts";

/** How long the next statement of a search may take, in milliseconds: all of them share one time. */
export function timeLeftMs({ endMs }: Pick<SearchCall, "endMs">): number {
  return Math.max(1, endMs - Date.now());
}
