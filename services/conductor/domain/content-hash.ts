import { createHash } from "node:crypto";
import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Memory, PromptTraceSchema } from "#gen/cos/memory/v1/memory_pb.ts";

/**
 * SHA-256, in hexadecimal digits, of what the caller set in a memory that is in its normal form: two calls with one idempotency key mean
 * the same if it is equal. Request and trace ids are the call's, not the content's.
 *
 * The form is stored for ever: a change of it would turn honest retries into reuses. A field that joins the contract is added
 * only where it is set.
 */
export function contentHash(memory: Memory): string {
  const { occurredAt, payload, promptTrace } = memory;
  const content: JsonValue = [
    memory.module,
    memory.eventType,
    memory.source,
    memory.text,
    // Unset stays unset: the time of recording that fills it in differs from call to call.
    occurredAt === undefined ? null : [occurredAt.seconds.toString(), occurredAt.nanos],
    memory.sessionId,
    memory.tags,
    payload === undefined ? null : sorted(payload),
    memory.payloadType,
    memory.causationId,
    promptTrace === undefined ? null : sorted(toJson(PromptTraceSchema, promptTrace)),
  ];
  return createHash("sha256").update(JSON.stringify(content)).digest("hex");
}

/** The same value with the keys of its objects in code unit order: a Struct has none of its own. */
function sorted(value: JsonValue): JsonValue {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  // A list of pairs, as an object would put integer-like keys first; within an object, to be told from a list of the caller's.
  const keys = Object.keys(value).sort();
  return { object: keys.map((key) => [key, sorted(value[key] ?? null)]) };
}
