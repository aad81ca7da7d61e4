import { create, type JsonObject } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { RecordMemoryRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { type Memory, MemorySchema, type PromptTrace } from "#gen/cos/memory/v1/memory_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";
import type { AcceptedMemory } from "./accepted-memory.ts";
import { checkPayload } from "./check-payload.ts";
import { contentHash } from "./content-hash.ts";
import { checkInstant, cutToMicroseconds } from "./instant.ts";
import { memorySize } from "./memory-size.ts";

/** The module of memories that name none. */
export const defaultModule = "cc";

/** What the call itself adds to a memory. */
export interface CallMarks {
  readonly id: string;
  readonly requestId: string;
  /** The name of the principal that calls. */
  readonly recordedBy: string;
  /** Empty: none. */
  readonly traceId: string;
  /** Empty unless sampled. */
  readonly traceparent: string;
}

export interface AcceptOptions {
  /** Where the request stands in what the caller sent, with the dot: `requests[17].`. Default: nothing. */
  readonly path?: string;
  /** The rules of the contract, for requests that nobody has validated yet; fields are paths within the request. */
  readonly validate?: (request: RecordMemoryRequest) => readonly FieldFault[];
}

/**
 * Decides whether a memory may be recorded, and brings it into the form in which it is kept: the default module filled in, repeated
 * tags collapsed, `occurred_at` cut to the microsecond, uuids in lower case, everything that is output only set by us.
 *
 * Checks what the contract's annotations cannot say; the rest has been validated before, or `validate` does it.
 * Throws INVALID_FIELD with every fault found.
 */
export function acceptMemory(
  request: RecordMemoryRequest,
  marks: CallMarks,
  options: AcceptOptions = {},
): AcceptedMemory {
  const { path = "", validate } = options;
  const { memory: given, idempotencyKey } = request;
  const broken = validate?.(request) ?? [];
  const faults = broken.length > 0 || given === undefined ? broken : faultsOf(given, idempotencyKey);
  if (given === undefined && faults.length === 0) refuse([{ field: "memory", description: "is required" }], path);
  if (faults.length > 0 || given === undefined) refuse(faults, path);

  const content = normalise(given);
  const { id, requestId, recordedBy, traceId, traceparent } = marks;
  const memory = create(MemorySchema, { ...content, id, requestId, recordedBy, traceId });
  return {
    id,
    module: memory.module,
    memory,
    idempotencyKey,
    contentHash: idempotencyKey === "" ? "" : contentHash(memory),
    view: request.view,
    traceparent,
    size: memorySize(memory),
  };
}

function refuse(faults: readonly FieldFault[], path: string): never {
  const fields = faults.map(({ field, description }) => ({ field: path + field, description }));
  const [first] = fields;
  throw new CosError(ErrorReason.INVALID_FIELD, `${first?.field}: ${first?.description}`, { fields });
}

function faultsOf(memory: Memory, idempotencyKey: string): FieldFault[] {
  const faults: FieldFault[] = [];
  const say = (field: string, description: string | undefined) => {
    if (description !== undefined) faults.push({ field, description });
  };
  if (isEmpty(memory)) say("memory.text", "a memory needs a text, a payload or a prompt trace");
  // `cos` alone, and `cosmos.x`, are the caller's: the log's own types all have the dot.
  if (memory.eventType.startsWith("cos.")) say("memory.event_type", "types that begin with `cos.` are the log's own");
  say("memory.source", textFault(memory.source));
  say("memory.text", textFault(memory.text));
  say("memory.session_id", textFault(memory.sessionId));
  memory.tags.forEach((tag, n) => {
    say(`memory.tags[${n}]`, textFault(tag));
  });
  if (memory.occurredAt !== undefined) say("memory.occurred_at", checkInstant(memory.occurredAt));
  if (memory.payload !== undefined) faults.push(...checkPayload(memory.payload, "memory.payload"));
  if (memory.promptTrace !== undefined) {
    say("memory.prompt_trace.prompt", textFault(memory.promptTrace.prompt));
    say("memory.prompt_trace.response", textFault(memory.promptTrace.response));
    say("memory.prompt_trace.model", textFault(memory.promptTrace.model));
  }
  say("idempotency_key", textFault(idempotencyKey));
  return faults;
}

/** An empty object says as little as none, and a prompt trace of counts alone traces no prompt. */
function isEmpty({ text, payload, promptTrace }: Memory): boolean {
  const saysPayload = payload !== undefined && Object.keys(payload).length > 0;
  const saysTrace = promptTrace !== undefined && (promptTrace.prompt !== "" || promptTrace.response !== "");
  return text === "" && !saysPayload && !saysTrace;
}

/** What the caller set, and nothing else: fields that are output only, or unknown to this build, are left behind. */
function normalise(given: Memory) {
  return {
    module: given.module === "" ? defaultModule : given.module,
    eventType: given.eventType,
    source: given.source,
    text: given.text,
    sessionId: given.sessionId,
    tags: [...new Set(given.tags)],
    payloadType: given.payloadType,
    causationId: given.causationId.toLowerCase(),
    ...(given.occurredAt === undefined ? {} : { occurredAt: cutToMicroseconds(given.occurredAt) }),
    ...(given.payload === undefined ? {} : { payload: asStored(given.payload) }),
    ...(given.promptTrace === undefined || isBlank(given.promptTrace) ? {} : { promptTrace: given.promptTrace }),
  };
}

/** JSON has no negative zero, so that the log would answer otherwise than the event that went out first. */
function asStored(payload: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(payload)) as JsonObject;
}

/** A prompt trace in which nothing is set is none: PostgreSQL keeps no difference. */
function isBlank(trace: PromptTrace): boolean {
  const texts = trace.prompt + trace.response + trace.model;
  return (
    texts === "" &&
    trace.executionTimeMs === 0 &&
    trace.tokenCount === 0 &&
    trace.promptTokenCount === 0 &&
    trace.responseTokenCount === 0
  );
}
