import { randomUUIDv7 } from "node:crypto";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { CallMarks } from "../domain/accept-memory.ts";

/** What a call itself adds to a memory that it records, under a new id. */
export function marksOf({ requestId, traceId, traceparent, access }: CallContext): CallMarks {
  return { id: randomUUIDv7(), requestId, recordedBy: access.principal.name, traceId, traceparent };
}
