import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Filter, TimeRange } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";

/** Passes every filter, so that nobody who was told something is not told that it is forgotten. */
export const FORGOTTEN_TYPE = "cos.memory.forgotten";

export type Wanted = (memory: Memory) => boolean;

/** What the filter wants, as a function; undefined: everything. Text, payload and prompt trace are never looked at. */
export function compileFilter(filter: Filter | undefined): Wanted | undefined {
  if (filter === undefined) {
    return undefined;
  }
  const tests = [
    eventTypeTest(filter.eventTypes),
    memberTest(filter.sources, (memory) => memory.source),
    memberTest(filter.sessionIds, (memory) => memory.sessionId),
    tagTest(filter.tags),
    rangeTest(filter.occurred, (memory) => memory.occurredAt),
    rangeTest(filter.recorded, (memory) => memory.recordedAt),
  ].filter((test) => test !== undefined);
  if (tests.length === 0) {
    return undefined;
  }
  return (memory) => memory.eventType === FORGOTTEN_TYPE || tests.every((test) => test(memory));
}

function eventTypeTest(types: readonly string[]): Wanted | undefined {
  if (types.length === 0) {
    return undefined;
  }
  const exact = new Set(types.filter((type) => !type.endsWith(".*")));
  const prefixes = types.filter((type) => type.endsWith(".*")).map((type) => type.slice(0, -1));
  return ({ eventType }) => exact.has(eventType) || prefixes.some((prefix) => eventType.startsWith(prefix));
}

function memberTest(values: readonly string[], field: (memory: Memory) => string): Wanted | undefined {
  const wanted = new Set(values);
  return wanted.size === 0 ? undefined : (memory) => wanted.has(field(memory));
}

function tagTest(tags: readonly string[]): Wanted | undefined {
  const wanted = new Set(tags);
  return wanted.size === 0 ? undefined : (memory) => memory.tags.some((tag) => wanted.has(tag));
}

function rangeTest(range: TimeRange | undefined, field: (memory: Memory) => Timestamp | undefined): Wanted | undefined {
  if (range === undefined || (range.since === undefined && range.until === undefined)) {
    return undefined;
  }
  const { since, until } = range;
  return (memory) => {
    const at = field(memory);
    return (
      at !== undefined &&
      (since === undefined || compare(at, since) >= 0) &&
      (until === undefined || compare(at, until) < 0)
    );
  };
}

function compare(left: Timestamp, right: Timestamp): number {
  return left.seconds === right.seconds ? left.nanos - right.nanos : left.seconds < right.seconds ? -1 : 1;
}
