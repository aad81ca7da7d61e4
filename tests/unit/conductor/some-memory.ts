import { randomUUIDv7 } from "node:crypto";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type RecordMemoryRequest, RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { acceptMemory } from "#services/conductor/domain/accept-memory.ts";
import type { AcceptedMemory } from "#services/conductor/domain/accepted-memory.ts";

type MemoryInit = Exclude<MessageInitShape<typeof MemorySchema>, { $typeName: string }>;

/** A request for a short note, with whatever the test cares about. */
export function someRequest(memory: MemoryInit = {}, idempotencyKey = ""): RecordMemoryRequest {
  const note = { eventType: "note", source: "test", text: "up betimes", ...memory };
  return create(RecordMemoryRequestSchema, { memory: note, idempotencyKey });
}

/** The same, accepted under a new id. */
export function someMemory(memory: MemoryInit = {}, idempotencyKey = ""): AcceptedMemory {
  const marks = { id: randomUUIDv7(), requestId: "request 1", recordedBy: "editor", traceId: "", traceparent: "" };
  return acceptMemory(someRequest(memory, idempotencyKey), marks);
}
