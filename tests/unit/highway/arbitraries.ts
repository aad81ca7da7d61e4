import { create, type JsonObject } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { type Event, EventSchema, type Filter, FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema, PromptTraceSchema } from "#gen/cos/memory/v1/memory_pb.ts";

const words = ["", "note", "diary.entry", "diary", "diary.entry.late", "cos.memory.forgotten"];
const text = fc.string({ unit: "grapheme", maxLength: 40 });
const few = fc.constantFrom("", "a", "b", "c");

export const timestamps = fc
  .record({
    seconds: fc.bigInt({ min: -62135596800n, max: 253402300799n }),
    nanos: fc.oneof(
      fc.constant(0),
      fc.integer({ min: 0, max: 999 }).map((ms) => ms * 1_000_000),
      fc.integer({ min: 0, max: 999_999 }).map((us) => us * 1_000),
      fc.integer({ min: 0, max: 999_999_999 }),
    ),
  })
  .map((init) => create(TimestampSchema, init));

const traces = fc
  .record({
    prompt: text,
    response: text,
    model: text,
    executionTimeMs: fc.nat(),
    tokenCount: fc.nat(),
    promptTokenCount: fc.nat(),
    responseTokenCount: fc.nat(),
  })
  .map((init) => create(PromptTraceSchema, init));

export const memories = fc
  .record(
    {
      id: text,
      module: few,
      position: fc.bigInt({ min: 1n, max: BigInt(Number.MAX_SAFE_INTEGER) }),
      eventType: fc.constantFrom(...words),
      source: few,
      text,
      occurredAt: timestamps,
      recordedAt: timestamps,
      sessionId: few,
      tags: fc.array(few, { maxLength: 4 }),
      payload: fc.dictionary(fc.string(), fc.jsonValue({ noUnicodeString: false })) as fc.Arbitrary<JsonObject>,
      requestId: text,
      traceId: text,
      causationId: text,
      recordedBy: text,
      promptTrace: traces,
      payloadType: text,
      forgottenAt: timestamps,
    },
    { requiredKeys: ["position"] },
  )
  .map((init) => create(MemorySchema, init as Parameters<typeof create<typeof MemorySchema>>[1]));

export const events: fc.Arbitrary<Event> = fc
  .record({ memory: memories, traceparent: text })
  .map(({ memory, traceparent }) => create(EventSchema, { body: { case: "memory", value: memory }, traceparent }));

const ranges = fc.record({ since: timestamps, until: timestamps }, { requiredKeys: [] });

export const filters: fc.Arbitrary<Filter> = fc
  .record(
    {
      eventTypes: fc.array(fc.constantFrom("note", "diary", "diary.*", "diary.entry", "cos.*"), { maxLength: 3 }),
      sources: fc.array(few, { maxLength: 3 }),
      sessionIds: fc.array(few, { maxLength: 3 }),
      tags: fc.array(few, { maxLength: 3 }),
      occurred: ranges,
      recorded: ranges,
    },
    { requiredKeys: [] },
  )
  .map((init) => create(FilterSchema, init as Parameters<typeof create<typeof FilterSchema>>[1]));
