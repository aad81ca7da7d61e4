// Does something to the graph by hand: has it recorded, waits until the graph has applied it, and looks whether it came to something.
//
//  W1  What is to be done is recorded in the log first, or not done at all. Nothing is written here.
//  W2  The answer comes when the graph that is read has applied the act: whoever made it sees it.
//  W3  An act that lost a race came to nothing, wholly, and its caller is told why.
//  W4  What would be refused by now, but has an idempotency key, may have been done before: then the log is asked, and nothing is recorded.
//      A repetition is answered with the act that was recorded at first, and all else is refused.
//
// Failure: UNAVAILABLE where the conductor is away, with nothing recorded as far as it could be told; PROJECTION_BEHIND where the graph
// does not get so far in time: then the act is recorded, and will be applied.
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  type RecordGraphActRequest,
  RecordGraphActRequestSchema,
  type RecordGraphActResponse,
} from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import { type GraphChange, GraphChangeSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { type Cursor, CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import { actParked, actRefused } from "../domain/refusals.ts";
import type { AwaitPlace } from "../projection/await-place.ts";

/** Has the conductor record an act on behalf of the caller. Rejects as the conductor refuses, or with ENGINE_UNAVAILABLE. */
export type RecordAct = (request: RecordGraphActRequest, call: CallContext) => Promise<RecordGraphActResponse>;

/** What the writes of the graph are made of. */
export interface GraphWriteNeeds {
  readonly store: GraphReader;
  readonly awaitPlace: AwaitPlace;
  readonly recordAct: RecordAct;
}

export interface ActOptions {
  /** Where the caller has named the module, for refusals. Unset: `module`. */
  readonly moduleField?: string;
  /** Why the act is refused unless it was recorded before (W4). */
  readonly refusal?: CosError | undefined;
}

/** The act's place in the log. */
export async function performAct(
  { store, awaitPlace, recordAct }: GraphWriteNeeds,
  call: CallContext,
  request: MessageInitShape<typeof RecordGraphActRequestSchema>,
  { moduleField = "module", refusal }: ActOptions = {},
): Promise<Cursor> {
  const isKeyed = (request.idempotencyKey ?? "") !== "";
  if (refusal !== undefined && !isKeyed) throw refusal;
  const act = create(RecordGraphActRequestSchema, { ...request, recordedOnly: refusal !== undefined });
  const { cursor = create(CursorSchema) } = await recordAct(act, call).catch((error: unknown) => {
    if (refusal !== undefined && isNothingRecorded(error)) throw refusal;
    throw namingModuleAs(error, moduleField);
  });
  await awaitPlace(cursor, call);
  const fault = await store.faultAt(call.scope, cursor.module, Number(cursor.position), call.signal);
  if (fault?.kind === "refused") throw actRefused(fault.error);
  if (fault?.kind === "parked") throw actParked();
  return cursor;
}

function isNothingRecorded(error: unknown): boolean {
  return error instanceof CosError && error.reason === ErrorReason.MEMORY_NOT_FOUND;
}

/** The conductor's refusals name the field of the act; what the caller is told is the caller's own. */
function namingModuleAs(error: unknown, field: string): unknown {
  if (!(error instanceof CosError) || !error.fields.some((fault) => fault.field === "module")) return error;
  const { reason, message, cause, resource, retryAfterMs, details } = error;
  return new CosError(reason, message, {
    cause,
    fields: error.fields.map((fault) => (fault.field === "module" ? { ...fault, field } : fault)),
    ...(resource && { resource }),
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    details,
  });
}

/** One change as an act. */
export function changeOf(change: MessageInitShape<typeof GraphChangeSchema>["change"]): GraphChange {
  return create(GraphChangeSchema, { change: change as GraphChange["change"] });
}

/** Changes as the act of a request. */
export function changedBy(changes: readonly GraphChange[]): { case: "changed"; value: { changes: GraphChange[] } } {
  return { case: "changed", value: { changes: [...changes] } };
}
