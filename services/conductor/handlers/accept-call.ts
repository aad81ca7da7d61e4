import { randomUUIDv7 } from "node:crypto";
import type { RecordMemoryRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { type AcceptOptions, acceptMemory } from "../domain/accept-memory.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";

/** A request of this call as the write path takes it, under a new id. Throws INVALID_FIELD. */
export function acceptCall(request: RecordMemoryRequest, call: CallContext, options?: AcceptOptions): AcceptedMemory {
  const { requestId, traceId, traceparent } = call;
  const recordedBy = call.access.principal.name;
  return acceptMemory(request, { id: randomUUIDv7(), requestId, recordedBy, traceId, traceparent }, options);
}
