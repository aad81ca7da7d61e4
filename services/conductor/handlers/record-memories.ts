import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  type ConductorService,
  type RecordFaultSchema,
  type RecordMemoriesRequest,
  type RecordMemoriesResponse,
  RecordMemoriesResponseSchema,
  type RecordMemoryRequest,
  type RecordResultSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Store } from "../store/open-store.ts";
import { acceptCall } from "./accept-call.ts";
import { answerInOrder } from "./answer-in-order.ts";
import { answerRecorded } from "./answer-recorded.ts";

/** Twice what one message may hold: one is being committed while the next is read. */
const ITEMS_IN_HAND_MAX = 2000;
const BYTES_IN_HAND_MAX = 8 * 1024 * 1024;

type Result = MessageInitShape<typeof RecordResultSchema>;

interface Needs {
  readonly store: Pick<Store, "record">;
  /** The rules of the contract: items of this stream are judged one by one. */
  readonly validate: (request: RecordMemoryRequest) => readonly FieldFault[];
  /** Hears of faults that are ours, whose inside the caller is not told. */
  readonly onFault: (call: CallContext, error: unknown) => void;
}

export function recordMemories(needs: Needs): Handlers<typeof ConductorService>["recordMemories"] {
  return (messages, call) => {
    let taken = 0;
    const work = async ({ requests }: RecordMemoriesRequest): Promise<RecordMemoriesResponse> => {
      const firstIndex = taken;
      taken += requests.length;
      const results = await Promise.all(requests.map((request) => recordOne(needs, request, call)));
      return create(RecordMemoriesResponseSchema, { firstIndex: BigInt(firstIndex), results });
    };
    return answerInOrder(messages, work, {
      weightMax: 1,
      weigh: ({ requests }) => Math.max(requests.length / ITEMS_IN_HAND_MAX, bytesOf(requests) / BYTES_IN_HAND_MAX),
    });
  };
}

/** About what the requests take: their fields of any length, which nobody has judged yet. */
function bytesOf(requests: readonly RecordMemoryRequest[]): number {
  let bytes = 0;
  for (const { memory } of requests) {
    if (memory === undefined) continue;
    const { text, payload, promptTrace } = memory;
    bytes += Buffer.byteLength(text);
    if (promptTrace !== undefined) bytes += Buffer.byteLength(promptTrace.prompt + promptTrace.response);
    if (payload !== undefined) bytes += JSON.stringify(payload).length;
  }
  return bytes;
}

/**
 * The call itself is the sequence: what one stream sends is recorded in its order, and waits for room in the store, while what the
 * sender has not sent yet is held by flow control.
 */
async function recordOne(
  { store, validate, onFault }: Needs,
  request: RecordMemoryRequest,
  call: CallContext,
): Promise<Result> {
  try {
    const recorded = await store.record(call.scope, acceptCall(request, call, { validate }), call);
    return { outcome: { case: "recorded", value: answerRecorded(recorded, request.view, MemoryView.BASIC) } };
  } catch (error) {
    if (!(error instanceof CosError)) onFault(call, error);
    return { outcome: { case: "fault", value: faultOf(error, call) } };
  }
}

/** Of a fault that is ours the sender learns no more than the request id. */
function faultOf(error: unknown, { requestId }: CallContext): MessageInitShape<typeof RecordFaultSchema> {
  const told =
    error instanceof CosError ? error : new CosError(ErrorReason.INTERNAL, `internal error; request id ${requestId}`);
  const { code, reasonName: reason, message, fields, retryAfterMs } = told;
  const field = fields[0]?.field ?? "";
  return { code, reason, message, field, ...(retryAfterMs && { retryAfter: durationFromMs(retryAfterMs) }) };
}
