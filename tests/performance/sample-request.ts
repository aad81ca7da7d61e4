import { create, toBinary } from "@bufbuild/protobuf";
import { type RecordMemoryRequest, RecordMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";

/** 400 bytes, the same for COS and for its floors: a short note. */
export const SAMPLE_TEXT = "Up betimes and to my office, where all the morning busy. ".repeat(8).slice(0, 400);

/** A memory as most are: a text, and little else. */
export function sampleRequest(memory: { module?: string; text?: string } = {}): RecordMemoryRequest {
  return create(RecordMemoryRequestSchema, {
    memory: { module: "cc", eventType: "note", source: "bench", text: SAMPLE_TEXT, ...memory },
  });
}

/** The bytes of `sampleRequest()`. */
export function sampleRequestBytes(): Uint8Array {
  return toBinary(RecordMemoryRequestSchema, sampleRequest());
}
