import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { SubscribeResponseSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { BatchSchema, CheckpointSchema, CursorSchema, EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { encodeBatch, encodeFrame } from "#shared/highway/frames.ts";
import {
  eventBytes,
  eventFacts,
  eventHint,
  INLINE_BYTES_MAX,
  shareEncoded,
  shareEvent,
  storedForm,
} from "#shared/highway/shared-event.ts";
import { events } from "./arbitraries.ts";

const position = fc.nat({ max: Number.MAX_SAFE_INTEGER });

describe("a frame", () => {
  test("around shared bytes is byte for byte what protobuf-es writes", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("", "cc", "m_1"),
        fc.constantFrom("", "e1x"),
        position,
        position,
        fc.array(events, { maxLength: 5 }),
        (module, epoch, after, through, list) => {
          const cursor = create(CursorSchema, { module, epoch, position: BigInt(through) });
          const value = create(BatchSchema, { cursor, after: BigInt(after), events: list });
          const expected = toBinary(
            SubscribeResponseSchema,
            create(SubscribeResponseSchema, { frame: { case: "batch", value } }),
          );
          const { encoded } = encodeBatch({ module, epoch, after, through, events: list.map(shareEvent) });
          expect(Buffer.from(encoded).equals(expected)).toBe(true);
        },
      ),
    );
  });

  test("of any other kind is a message of the stream", () => {
    const value = create(CheckpointSchema, { degraded: true });
    expect(encodeFrame({ case: "checkpoint", value }).encoded).toEqual(Uint8Array.from([26, 2, 32, 1]));
  });
});

describe("a shared event", () => {
  test("keeps the event's own bytes", () => {
    fc.assert(
      fc.property(events, (event) => {
        const bytes = toBinary(EventSchema, event);
        expect(Buffer.from(eventBytes(shareEvent(event))).equals(bytes)).toBe(true);
        expect(Buffer.from(eventBytes(shareEncoded(1, bytes))).equals(bytes)).toBe(true);
      }),
    );
  });

  test("shows filters everything but text, payload and prompt trace, whether it was decoded or not", () => {
    const memory = create(MemorySchema, {
      position: 3n,
      eventType: "note",
      text: "secret",
      tags: ["a"],
      payload: { a: 1 },
    });
    const event = create(EventSchema, { body: { case: "memory", value: memory } });
    const expected = create(MemorySchema, { position: 3n, eventType: "note", tags: ["a"] });
    expect(eventFacts(shareEvent(event))).toEqual(expected);
    expect(eventFacts(shareEncoded(3, toBinary(EventSchema, event)))).toEqual(expected);
    expect(eventFacts(shareEncoded(4, new Uint8Array())).position).toBe(4n);
  });

  test("over 64 KiB stands in Redis as a reference: the BASIC view of the same event", () => {
    const value = create(MemorySchema, { position: 1n, module: "cc", text: "x".repeat(INLINE_BYTES_MAX + 1) });
    const large = shareEvent(create(EventSchema, { body: { case: "memory", value }, traceparent: "tp" }));
    const { field, bytes } = storedForm(large);
    const basic = create(EventSchema, { body: { case: "memory", value: { ...value, text: "" } }, traceparent: "tp" });
    expect(field).toBe("r");
    expect(bytes.equals(toBinary(EventSchema, basic))).toBe(true);
    expect(JSON.parse(eventHint(large))).toEqual({ memory: { module: "cc", position: "1" }, traceparent: "tp" });
    const empty = shareEncoded(1, Buffer.alloc(INLINE_BYTES_MAX + 10));
    expect(() => storedForm(empty)).toThrow();
  });

  test("needs a memory with its position", () => {
    expect(() => shareEvent(create(EventSchema))).toThrow(TypeError);
    expect(() => shareEvent(create(EventSchema, { body: { case: "memory", value: create(MemorySchema) } }))).toThrow(
      TypeError,
    );
  });
});
