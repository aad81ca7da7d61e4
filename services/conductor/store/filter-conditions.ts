import type { Filter, TimeRange } from "#gen/cos/highway/v1/highway_pb.ts";
import { instantParameter } from "./instant-parameter.ts";
import type { Parameters } from "./parameters.ts";

/**
 * A filter as SQL conditions on a memory of the alias `m`; all must hold. What was forgotten keeps its event type and its place, and
 * matches nothing else.
 */
export function filterConditions(filter: Filter | undefined, parameters: Parameters): string[] {
  if (filter === undefined) return [];
  const oneOf = (column: string, wanted: readonly string[]) =>
    wanted.length === 0 ? [] : [`m.${column} = any(${parameters.add(wanted)}::text[])`];
  return [
    ...eventTypeConditions(filter.eventTypes, parameters),
    ...oneOf("source", filter.sources),
    ...oneOf("session_id", filter.sessionIds),
    ...(filter.tags.length === 0 ? [] : [`m.tags && ${parameters.add(filter.tags)}::text[]`]),
    ...rangeConditions("recorded_at", filter.recorded, parameters),
    ...occurredConditions(filter.occurred, parameters),
  ];
}

/** The column's time within a range: from `since` on, before `until`. */
export function rangeConditions(
  column: "occurred_at" | "recorded_at",
  range: TimeRange | undefined,
  parameters: Parameters,
): string[] {
  const bound = (operator: string, at: TimeRange["since"]) =>
    at === undefined ? [] : [`m.${column} ${operator} ${parameters.add(instantParameter(at))}::timestamptz`];
  return [...bound(">=", range?.since), ...bound("<", range?.until)];
}

function occurredConditions(range: TimeRange | undefined, parameters: Parameters): string[] {
  const conditions = rangeConditions("occurred_at", range, parameters);
  return conditions.length === 0 ? [] : [...conditions, "m.forgotten_at is null"];
}

/** `diary.*` is everything that begins with `diary.`; the rest is letter for letter. */
function eventTypeConditions(patterns: readonly string[], parameters: Parameters): string[] {
  if (patterns.length === 0) return [];
  const prefixes = patterns.filter((pattern) => pattern.endsWith(".*")).map((pattern) => pattern.slice(0, -1));
  const exact = patterns.filter((pattern) => !pattern.endsWith(".*"));
  const either = [
    ...(exact.length === 0 ? [] : [`m.event_type = any(${parameters.add(exact)}::text[])`]),
    ...(prefixes.length === 0 ? [] : [`m.event_type ^@ any(${parameters.add(prefixes)}::text[])`]),
  ];
  return [`(${either.join(" or ")})`];
}
