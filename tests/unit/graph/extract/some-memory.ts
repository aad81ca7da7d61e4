import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { extractMentions } from "#services/graph/domain/extract/extract-mentions.ts";

type MemoryInit = Exclude<MessageInitShape<typeof MemorySchema>, { $typeName: string }>;

/** A memory of Samuel Pepys, with whatever the test cares about. */
export function someMemory(init: MemoryInit): Memory {
  return create(MemorySchema, { source: "Samuel Pepys", eventType: "note", ...init });
}

/** What a text names: `person anna karlsson` and so on, in order. */
export function namesIn(text: string, init: MemoryInit = {}): string[] {
  return extractMentions(someMemory({ text, ...init })).map(({ kind, key }) => `${kind} ${key}`);
}
