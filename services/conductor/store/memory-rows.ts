import { create, fromJson, type JsonObject, type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { type Event, EventSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Memory, MemorySchema, MemoryView, PromptTraceSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";

/**
 * The one place where rows of `mem0_cc.memory` become messages and the other way round.
 *
 * Times travel as microseconds of the Unix epoch in text, or as ISO 8601 with six digits: a JavaScript Date has milliseconds, and
 * microseconds of year 1 do not fit into a double.
 */
export interface MemoryRow {
  readonly module: string;
  readonly position: string;
  readonly id: string;
  readonly event_type: string;
  readonly source: string;
  readonly text?: string;
  readonly occurred_us: string;
  readonly recorded_us: string;
  readonly session_id: string | null;
  readonly tags: string[];
  readonly payload?: JsonObject | null;
  readonly payload_type: string | null;
  readonly request_id: string;
  readonly trace_id: string | null;
  readonly traceparent: string | null;
  readonly causation_id: string | null;
  readonly recorded_by: string | null;
  readonly prompt_trace?: JsonValue | null;
  readonly forgotten_us: string | null;
}

const micros = (column: string) => `(extract(epoch from m.${column}) * 1000000)::bigint`;

const basicColumns = [
  "m.module, m.position, m.id, m.event_type, m.source, m.session_id, m.tags, m.payload_type, m.request_id",
  "m.trace_id, m.traceparent, m.causation_id, m.recorded_by",
  `${micros("occurred_at")} as occurred_us, ${micros("recorded_at")} as recorded_us, ${micros("forgotten_at")} as forgotten_us`,
].join(", ");

/** The select list for a memory of the alias `m`. BASIC leaves the large columns where they are stored. */
export function memoryColumns(view: MemoryView): string {
  return view === MemoryView.BASIC ? basicColumns : `${basicColumns}, m.text, m.payload, m.prompt_trace`;
}

/** The memory of a row; of a forgotten one, what is left. */
export function memoryOf(row: MemoryRow): Memory {
  const left = {
    id: row.id,
    module: row.module,
    position: BigInt(row.position),
    eventType: row.event_type,
    recordedAt: timestampOf(row.recorded_us),
  };
  if (row.forgotten_us !== null) {
    return create(MemorySchema, { ...left, forgottenAt: timestampOf(row.forgotten_us) });
  }
  return create(MemorySchema, {
    ...left,
    source: row.source,
    text: row.text ?? "",
    occurredAt: timestampOf(row.occurred_us),
    sessionId: row.session_id ?? "",
    tags: row.tags,
    payloadType: row.payload_type ?? "",
    requestId: row.request_id,
    traceId: row.trace_id ?? "",
    causationId: row.causation_id ?? "",
    recordedBy: row.recorded_by ?? "",
    ...(row.payload ? { payload: row.payload } : {}),
    ...(row.prompt_trace
      ? { promptTrace: fromJson(PromptTraceSchema, row.prompt_trace, { ignoreUnknownFields: true }) }
      : {}),
  });
}

/** The event of a memory: the same for every subscriber. */
export function eventOf(memory: Memory, traceparent: string): Event {
  return create(EventSchema, { body: { case: "memory", value: memory }, traceparent });
}

/** A new memory with its place. What happened at no time given happened when it was recorded. */
export function placed(memory: Memory, position: number, recordedUs: string): Memory {
  const recordedAt = timestampOf(recordedUs);
  return { ...memory, position: BigInt(position), recordedAt, occurredAt: memory.occurredAt ?? recordedAt };
}

/** The row that `record_batch` takes for a memory; fields that are unset are left out. */
export function recordRowOf(accepted: AcceptedMemory, n: number): JsonObject {
  const { memory } = accepted;
  const row: JsonObject = {
    n,
    id: accepted.id,
    module: accepted.module,
    event_type: memory.eventType,
    source: memory.source,
    text: memory.text,
    request_id: memory.requestId,
    size: accepted.size + placeBytes,
  };
  if (memory.occurredAt !== undefined) row.occurred_at = isoOf(memory.occurredAt);
  if (memory.sessionId !== "") row.session_id = memory.sessionId;
  if (memory.tags.length > 0) row.tags = memory.tags;
  if (memory.payload !== undefined) row.payload = memory.payload;
  if (memory.payloadType !== "") row.payload_type = memory.payloadType;
  if (memory.traceId !== "") row.trace_id = memory.traceId;
  if (accepted.traceparent !== "") row.traceparent = accepted.traceparent;
  if (memory.causationId !== "") row.causation_id = memory.causationId;
  if (memory.recordedBy !== "") row.recorded_by = memory.recordedBy;
  if (memory.promptTrace !== undefined) row.prompt_trace = toJson(PromptTraceSchema, memory.promptTrace);
  if (accepted.idempotencyKey !== "") {
    row.idempotency_key = accepted.idempotencyKey;
    row.content_hash = accepted.contentHash;
  }
  return row;
}

/** What position, times and the event's frame add to a memory, at most. */
const placeBytes = 128;

/** Microseconds of the Unix epoch, in text, as a timestamp. */
export function timestampOf(us: string): Timestamp {
  const all = BigInt(us);
  const rest = ((all % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return create(TimestampSchema, { seconds: (all - rest) / 1_000_000n, nanos: Number(rest) * 1000 });
}

/** A timestamp as PostgreSQL reads it: `1660-01-01T00:00:00.000000Z`. */
export function isoOf({ seconds, nanos }: Pick<Timestamp, "seconds" | "nanos">): string {
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  return `${whole}.${String(Math.trunc(nanos / 1000)).padStart(6, "0")}Z`;
}
