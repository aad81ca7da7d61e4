import { create, type JsonObject, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { LinkMemoriesRequest } from "#gen/cos/conductor/v1/links_pb.ts";
import {
  LinkedSchema,
  LinkType,
  type Memory,
  MemorySchema,
  MemoryView,
  UnlinkedSchema,
} from "#gen/cos/memory/v1/memory_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";
import type { CallMarks } from "./accept-memory.ts";
import type { AcceptedMemory } from "./accepted-memory.ts";
import { contentHash } from "./content-hash.ts";
import { memorySize } from "./memory-size.ts";

/** The two memories of a link, as the log has them. */
export interface LinkEnds {
  readonly from: Memory;
  readonly to: Memory;
}

/** Who the log's own acts come from, whoever asked for them: that is `recorded_by`. */
const source = "cos";

/** As acts upon the graph have one (accept-graph-act.ts): longer than any key of a caller's, so that the two never meet. */
const keyPrefix = "cos.link:".padEnd(201, ".");

/**
 * Decides whether two memories may be linked, and makes the link the event of the log. Throws INVALID_FIELD with every fault found, or
 * MEMORY_NOT_FOUND where one of them was forgotten.
 */
export function acceptLink(request: LinkMemoriesRequest, ends: LinkEnds, marks: CallMarks): AcceptedMemory {
  const { rationale, idempotencyKey } = request;
  refuseFaults([
    ...endFaults(ends),
    ...textFaults("rationale", rationale),
    ...textFaults("idempotency_key", idempotencyKey),
  ]);
  // The answer to a repeated call is what it was at first, whatever became of the two since.
  if (idempotencyKey === "") refuseForgotten(ends);
  const payload = toJson(LinkedSchema, {
    ...create(LinkedSchema, { fromMemory: endOf(ends.from), toMemory: endOf(ends.to), rationale }),
    type: linkTypeOf(request.type),
  }) as JsonObject;
  const act = { eventType: "cos.memory.linked", payloadType: LinkedSchema.typeName, payload };
  const memory = actOf(ends.from.module, act, marks);
  const isKeyed = idempotencyKey !== "";
  return {
    id: marks.id,
    module: memory.module,
    memory,
    idempotencyKey: isKeyed ? keyPrefix + idempotencyKey : "",
    contentHash: isKeyed ? contentHash(memory) : "",
    view: MemoryView.FULL,
    traceparent: marks.traceparent,
    size: memorySize(memory),
  };
}

/** The event of a link that is taken back; what it tells is added where the link is found. */
export function acceptUnlink(module: string, marks: CallMarks): AcceptedMemory {
  const act = { eventType: "cos.memory.unlinked", payloadType: UnlinkedSchema.typeName };
  const memory = actOf(module, act, marks);
  const { id, traceparent } = marks;
  const rest = { idempotencyKey: "", contentHash: "", view: MemoryView.FULL, traceparent };
  return { id, module, memory, ...rest, size: memorySize(memory) + toldBytes };
}

/** What the payload of one link that has ended takes, at most. */
const toldBytes = 1024;

/** The type that is meant: unset is RELATES_TO. */
export function linkTypeOf(type: LinkType): LinkType {
  return type === LinkType.UNSPECIFIED ? LinkType.RELATES_TO : type;
}

/** Throws MEMORY_NOT_FOUND for the first of the two that was forgotten. */
export function refuseForgotten({ from, to }: LinkEnds): void {
  if (from.forgottenAt !== undefined) throw wasForgotten(from, "from_memory");
  if (to.forgottenAt !== undefined) throw wasForgotten(to, "to_memory");
}

/** What is told of a memory that cannot be linked any more. */
export function wasForgotten({ module, position }: Pick<Memory, "module" | "position">, field: string): CosError {
  const name = `${module}/${position}`;
  return new CosError(ErrorReason.MEMORY_NOT_FOUND, `memory ${name} was forgotten: nothing is left to link`, {
    resource: { type: "memory", name },
    fields: [{ field, description: "must be a memory that is not forgotten" }],
  });
}

function actOf(module: string, act: MessageInitShape<typeof MemorySchema>, marks: CallMarks): Memory {
  const { id, requestId, recordedBy, traceId } = marks;
  return create(MemorySchema, { id, module, source, ...act, requestId, recordedBy, traceId });
}

function endOf({ id, module, position }: Memory) {
  return { id, module, position };
}

function endFaults({ from, to }: LinkEnds): FieldFault[] {
  const isAct = { description: "must be a memory, not an act of the log" };
  const faults: FieldFault[] = [];
  if (from.eventType.startsWith("cos.")) faults.push({ field: "from_memory", ...isAct });
  if (to.eventType.startsWith("cos.")) faults.push({ field: "to_memory", ...isAct });
  if (from.id === to.id)
    faults.push({ field: "to_memory", description: "must be another memory: nothing is linked to itself" });
  return faults;
}

function textFaults(field: string, text: string): FieldFault[] {
  const description = textFault(text);
  return description === undefined ? [] : [{ field, description }];
}

function refuseFaults(fields: readonly FieldFault[]): void {
  const [first] = fields;
  if (first === undefined) return;
  throw new CosError(ErrorReason.INVALID_FIELD, `${first.field}: ${first.description}`, { fields });
}
