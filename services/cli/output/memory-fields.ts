import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { formatInstant } from "./format-instant.ts";

/** A field as people read it; empty: it is unset. */
export type NamedField = readonly [name: string, value: string];

/** What is known of a memory beside what it says, in the order in which it is shown. */
export function memoryFields(memory: Memory): NamedField[] {
  return [
    ["id", memory.id],
    ["place", `${memory.module}/${memory.position}`],
    ["type", memory.eventType],
    ["source", memory.source],
    ["occurred", formatInstant(memory.occurredAt)],
    ["recorded", formatInstant(memory.recordedAt)],
    ["recorded by", memory.recordedBy],
    ["forgotten", formatInstant(memory.forgottenAt)],
    ["session", memory.sessionId],
    ["tags", memory.tags.join(", ")],
    ["cause", memory.causationId],
    ["payload type", memory.payloadType],
  ];
}
