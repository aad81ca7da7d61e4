import { create } from "@bufbuild/protobuf";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type SharedEvent, shareEvent } from "#shared/highway/shared-event.ts";

/** An event at a position, with about so many bytes of text. */
export function eventAt(position: number, textBytes = 10): SharedEvent {
  const value = create(MemorySchema, {
    module: "cc",
    position: BigInt(position),
    eventType: "note",
    text: "x".repeat(textBytes),
  });
  return shareEvent(create(EventSchema, { body: { case: "memory", value } }));
}
