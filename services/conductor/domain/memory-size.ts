import { toBinary } from "@bufbuild/protobuf";
import { type Memory, MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";

/** Tag, length and content of a Timestamp, at most: its seconds may be negative, which take ten bytes. */
const TIME_BYTES_MAX = 19;

/**
 * Bytes of an accepted memory in protobuf: exact, but for a time of its own, which counts at its most.
 *
 * Nearly every memory is a handful of strings. Adding up their lengths takes a fifteenth of what encoding them would, and makes
 * nothing for the collector to take away.
 */
export function memorySize(memory: Memory): number {
  if (memory.payload !== undefined || memory.promptTrace !== undefined) return toBinary(MemorySchema, memory).length;
  const {
    id,
    module,
    eventType,
    source,
    text,
    sessionId,
    requestId,
    traceId,
    causationId,
    payloadType,
    recordedBy,
    tags,
  } = memory;
  let size = memory.occurredAt === undefined ? 0 : TIME_BYTES_MAX;
  // Field numbers up to 15 have a tag of one byte; payload_type is number 17.
  for (const value of [id, module, eventType, source, text, sessionId, requestId, traceId, causationId, recordedBy]) {
    size += value === "" ? 0 : 1 + delimitedSize(value);
  }
  if (payloadType !== "") size += 2 + delimitedSize(payloadType);
  for (const tag of tags) size += 1 + delimitedSize(tag);
  return size;
}

function delimitedSize(value: string): number {
  const bytes = Buffer.byteLength(value);
  return varintSize(bytes) + bytes;
}

function varintSize(value: number): number {
  return value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : value < 1 << 21 ? 3 : 4;
}
