import { create } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { type Filter, FilterSchema, type TimeRange } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { compileFilter } from "#shared/highway/filter.ts";
import { filters, memories } from "./arbitraries.ts";

const nanos = (at: Timestamp): bigint => at.seconds * 1_000_000_000n + BigInt(at.nanos);

function inRange(range: TimeRange | undefined, at: Timestamp | undefined): boolean {
  if (!range?.since && !range?.until) return true;
  if (!at) return false;
  return (!range.since || nanos(at) >= nanos(range.since)) && (!range.until || nanos(at) < nanos(range.until));
}

/** The contract's own words, one after another. */
function model(filter: Filter, memory: Memory): boolean {
  if (memory.eventType === "cos.memory.forgotten") return true;
  const typeWanted = filter.eventTypes.some((type) =>
    type.endsWith(".*") ? memory.eventType.startsWith(type.slice(0, -1)) : type === memory.eventType,
  );
  return (
    (filter.eventTypes.length === 0 || typeWanted) &&
    (filter.sources.length === 0 || filter.sources.includes(memory.source)) &&
    (filter.sessionIds.length === 0 || filter.sessionIds.includes(memory.sessionId)) &&
    (filter.tags.length === 0 || filter.tags.some((tag) => memory.tags.includes(tag))) &&
    inRange(filter.occurred, memory.occurredAt) &&
    inRange(filter.recorded, memory.recordedAt)
  );
}

describe("a filter", () => {
  test("wants what the contract says", () => {
    fc.assert(
      fc.property(filters, memories, (filter, memory) => {
        expect((compileFilter(filter) ?? (() => true))(memory)).toBe(model(filter, memory));
      }),
      { numRuns: 1_000 },
    );
  });

  test("that is unset or empty costs nothing", () => {
    expect(compileFilter(undefined)).toBeUndefined();
    expect(compileFilter(create(FilterSchema, { occurred: {} }))).toBeUndefined();
  });

  test("holds a time range to the nanosecond", () => {
    const since = timestampFromMs(1_000);
    const until = timestampFromMs(2_000);
    const wanted = compileFilter(create(FilterSchema, { occurred: { since, until } }));
    const at = (seconds: bigint, nanos: number): Memory => create(MemorySchema, { occurredAt: { seconds, nanos } });
    expect([at(0n, 999_999_999), at(1n, 0), at(1n, 999_999_999), at(2n, 0)].map((memory) => wanted?.(memory))).toEqual([
      false,
      true,
      true,
      false,
    ]);
  });
});
