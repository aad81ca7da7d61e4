import type { JsonObject } from "@bufbuild/protobuf";
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Memory, PromptTrace } from "#gen/cos/memory/v1/memory_pb.ts";

/**
 * An event in its protobuf JSON form, as a string: what `toJsonString(EventSchema, event)` gives, at a fraction of its
 * cost, because every recorded event is written so. A test compares the two over every field of the contract.
 */
export function eventJson(event: Event): string {
  const json: JsonObject = {};
  if (event.body.case === "memory") {
    json.memory = memoryJson(event.body.value);
  }
  put(json, "traceparent", event.traceparent);
  return JSON.stringify(json);
}

function memoryJson(memory: Memory): JsonObject {
  const json: JsonObject = {};
  put(json, "id", memory.id);
  put(json, "module", memory.module);
  put(json, "position", memory.position === 0n ? "" : String(memory.position));
  put(json, "eventType", memory.eventType);
  put(json, "source", memory.source);
  put(json, "text", memory.text);
  put(json, "occurredAt", timestampJson(memory.occurredAt));
  put(json, "recordedAt", timestampJson(memory.recordedAt));
  put(json, "sessionId", memory.sessionId);
  if (memory.tags.length > 0) {
    json.tags = memory.tags;
  }
  if (memory.payload !== undefined) {
    json.payload = memory.payload;
  }
  put(json, "requestId", memory.requestId);
  put(json, "traceId", memory.traceId);
  put(json, "causationId", memory.causationId);
  put(json, "recordedBy", memory.recordedBy);
  if (memory.promptTrace !== undefined) {
    json.promptTrace = promptTraceJson(memory.promptTrace);
  }
  put(json, "payloadType", memory.payloadType);
  put(json, "forgottenAt", timestampJson(memory.forgottenAt));
  return json;
}

function promptTraceJson(trace: PromptTrace): JsonObject {
  const json: JsonObject = {};
  put(json, "prompt", trace.prompt);
  put(json, "response", trace.response);
  put(json, "model", trace.model);
  put(json, "executionTimeMs", trace.executionTimeMs);
  put(json, "tokenCount", trace.tokenCount);
  put(json, "promptTokenCount", trace.promptTokenCount);
  put(json, "responseTokenCount", trace.responseTokenCount);
  return json;
}

/** Unset fields do not appear in protobuf JSON. */
function put(json: JsonObject, name: string, value: string | number): void {
  if (value !== "" && value !== 0) {
    json[name] = value;
  }
}

/** The second that was written last, which is the next one's too, nearly always: what is recorded together, happened together. */
let lastSecond = { seconds: 0n, text: "1970-01-01T00:00:00" };

/** RFC 3339 with 0, 3, 6 or 9 digits of a second, as protobuf's JSON mapping has it; empty: unset. */
function timestampJson(timestamp: Timestamp | undefined): string {
  if (timestamp === undefined) {
    return "";
  }
  const { seconds, nanos } = timestamp;
  if (seconds !== lastSecond.seconds) {
    lastSecond = { seconds, text: new Date(Number(seconds) * 1000).toISOString().slice(0, 19) };
  }
  if (nanos === 0) {
    return `${lastSecond.text}Z`;
  }
  const digits = nanos % 1_000_000 === 0 ? 3 : nanos % 1_000 === 0 ? 6 : 9;
  return `${lastSecond.text}.${String(nanos).padStart(9, "0").slice(0, digits)}Z`;
}
