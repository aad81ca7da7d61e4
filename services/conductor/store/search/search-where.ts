import type { SearchCall, SearchWhere } from "../../domain/search-index.ts";
import { filterConditions } from "../filter-conditions.ts";
import type { Parameters } from "../parameters.ts";
import { scopeParameter } from "../visibility.ts";

/** Passages as the alias `m`, with the column that filters ask for besides: what was forgotten has no passage. */
export const passagesAsM = "(select p.*, null::timestamptz as forgotten_at from mem0_cc.passage p) m";

/** The caller's scope, as a condition on a passage of the alias. */
export function inScope(alias: string, { scope }: SearchCall, parameters: Parameters): string {
  const visible = parameters.add(scopeParameter(scope));
  return `(${visible}::text[] is null or ${alias}.module = any (${visible}::text[]))`;
}

/**
 * Filter and strict parts of a query as one condition on a passage of the alias `m`, in a form that leads the planner to no index: which
 * one is used is decided by those who write the statement. What is strict is asked of the whole memory.
 */
export function isWanted({ filter, required, excluded }: SearchWhere, parameters: Parameters): string {
  const inMemory = (query: string): string => `exists (
      select from mem0_cc.passage s
      where s.module = m.module and s.position = m.position and (s.lex @@ ${parameters.add(query)}::tsquery) is true)`;
  const conditions = [
    ...filterConditions(filter, parameters).map((condition) => `(${condition}) is true`),
    ...required.map(inMemory),
    // One look for all of them.
    ...(excluded.length === 0 ? [] : [`not ${inMemory(excluded.map((query) => `(${query})`).join(" | "))}`]),
  ];
  return conditions.join(" and ") || "true";
}
