import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { memorySize } from "#services/conductor/domain/memory-size.ts";

const strings = {
  id: fc.string(),
  module: fc.string(),
  eventType: fc.string(),
  source: fc.string(),
  text: fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 300 }),
    fc.constantFrom("x".repeat(20_000), "é".repeat(1_100_000)),
  ),
  sessionId: fc.string(),
  requestId: fc.string(),
  traceId: fc.string(),
  causationId: fc.string(),
  payloadType: fc.string({ unit: "grapheme" }),
  recordedBy: fc.string(),
  tags: fc.array(fc.string(), { maxLength: 8 }),
};

describe("the size of a memory", () => {
  test("is that of its bytes", () => {
    fc.assert(
      fc.property(fc.record(strings), (init) => {
        const memory = create(MemorySchema, init);
        expect(memorySize(memory)).toBe(toBinary(MemorySchema, memory).length);
      }),
    );
  });

  test("counts a time at its most: at least its bytes, and at most 19 more", () => {
    const time = {
      seconds: fc.bigInt(-62_135_596_800n, 253_402_300_799n),
      nanos: fc.integer({ min: 0, max: 999_999_999 }),
    };
    fc.assert(
      fc.property(fc.record({ ...strings, occurredAt: fc.record(time) }), (init) => {
        const memory = create(MemorySchema, init);
        const bytes = toBinary(MemorySchema, memory).length;
        expect(memorySize(memory)).toBeGreaterThanOrEqual(bytes);
        expect(memorySize(memory)).toBeLessThanOrEqual(bytes + 19);
      }),
    );
  });

  test("of a payload or a prompt trace is that of its bytes too", () => {
    for (const heavy of [{ payload: { mood: "good", n: [1, 2] } }, { promptTrace: { prompt: "why", tokenCount: 3 } }]) {
      const memory = create(MemorySchema, { text: "x", ...heavy });
      expect(memorySize(memory)).toBe(toBinary(MemorySchema, memory).length);
    }
  });
});
