import type { RecordMemoryRequest } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { type AcceptOptions, acceptMemory } from "../domain/accept-memory.ts";
import type { AcceptedMemory } from "../domain/accepted-memory.ts";
import { marksOf } from "./marks-of.ts";

/** A request of this call as the write path takes it, under a new id. Throws INVALID_FIELD. */
export function acceptCall(request: RecordMemoryRequest, call: CallContext, options?: AcceptOptions): AcceptedMemory {
  return acceptMemory(request, marksOf(call), options);
}
