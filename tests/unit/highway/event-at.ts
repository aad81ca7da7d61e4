import { create } from "@bufbuild/protobuf";
import { EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { type SharedEvent, shareEvent } from "#shared/highway/shared-event.ts";

/** An event at a position, with about so many bytes of text; of a note, if nothing else is said. */
export function eventAt(position: number, textBytes = 10, eventType = "note"): SharedEvent {
  const value = create(MemorySchema, {
    module: "cc",
    position: BigInt(position),
    eventType,
    text: "x".repeat(textBytes),
  });
  return shareEvent(create(EventSchema, { body: { case: "memory", value } }));
}
