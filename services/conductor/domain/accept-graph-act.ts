import { clone, create, type JsonObject, toJson } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { RecordGraphActRequest } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import {
  EntitiesMergedSchema,
  EntitySplitSchema,
  type GraphChanged,
  GraphChangedSchema,
} from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { MemorySchema, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";
import { type CallMarks, defaultModule } from "./accept-memory.ts";
import type { AcceptedMemory } from "./accepted-memory.ts";
import { checkGraphAct } from "./check-graph-act.ts";
import { checkPayload } from "./check-payload.ts";
import { contentHash } from "./content-hash.ts";
import { memorySize } from "./memory-size.ts";

/** Who the log's own acts come from, whoever asked for them: that is `recorded_by`. */
const source = "cos";

/**
 * What stands before an act's key where keys are stored. A key of a caller's has at most 200 characters, and one of these always
 * more, so that the two never meet, whatever callers send.
 */
const keyPrefix = "cos.graph:".padEnd(201, ".");

/** What an act is, as the log says it. */
interface Told {
  readonly eventType: string;
  readonly payloadType: string;
  readonly payload: JsonObject;
}

/**
 * Decides whether an act upon the graph may be recorded, and makes it the memory that a replay applies again: the message as JSON,
 * ids in lower case. Throws INVALID_FIELD with every fault found.
 */
export function acceptGraphAct(request: RecordGraphActRequest, marks: CallMarks): AcceptedMemory {
  const { act } = request;
  const faults = checkGraphAct(request);
  if (faults.length > 0 || act.case === undefined) refuse(faults);
  const told = toldOf(act);
  const oversize = checkPayload(told.payload, act.case);
  if (oversize.length > 0) refuse(oversize);

  const { id, requestId, recordedBy, traceId, traceparent } = marks;
  const module = request.module === "" ? defaultModule : request.module;
  const memory = create(MemorySchema, { id, module, source, ...told, requestId, recordedBy, traceId });
  const isKeyed = request.idempotencyKey !== "";
  return {
    id,
    module,
    memory,
    idempotencyKey: isKeyed ? keyPrefix + request.idempotencyKey : "",
    contentHash: isKeyed ? contentHash(memory) : "",
    view: MemoryView.BASIC,
    traceparent,
    size: memorySize(memory),
  };
}

function refuse(fields: readonly FieldFault[]): never {
  const [first] = fields;
  throw new CosError(ErrorReason.INVALID_FIELD, `${first?.field}: ${first?.description}`, { fields });
}

function toldOf(act: Exclude<RecordGraphActRequest["act"], { case: undefined }>): Told {
  switch (act.case) {
    case "changed":
      return {
        eventType: "cos.graph.changed",
        payloadType: GraphChangedSchema.typeName,
        payload: asStored(toJson(GraphChangedSchema, inLowerCase(act.value))),
      };
    case "merged":
      return {
        eventType: "cos.entity.merged",
        payloadType: EntitiesMergedSchema.typeName,
        payload: asStored(toJson(EntitiesMergedSchema, act.value)),
      };
    case "split":
      return {
        eventType: "cos.entity.split",
        payloadType: EntitySplitSchema.typeName,
        payload: asStored(toJson(EntitySplitSchema, act.value)),
      };
  }
}

/** JSON has no negative zero, so that the log would answer otherwise than the event that went out first. */
function asStored(payload: unknown): JsonObject {
  return JSON.parse(JSON.stringify(payload)) as JsonObject;
}

/** Ids name nodes and relationships, which are the same in whatever case they are written. */
function inLowerCase(changed: GraphChanged): GraphChanged {
  const lower = clone(GraphChangedSchema, changed);
  for (const { change } of lower.changes) {
    if (change.value === undefined) continue;
    change.value.id = change.value.id.toLowerCase();
    if (change.case !== "relationshipWritten") continue;
    change.value.fromId = change.value.fromId.toLowerCase();
    change.value.toId = change.value.toId.toLowerCase();
  }
  return lower;
}
