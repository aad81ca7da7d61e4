import type { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Store } from "../store/open-store.ts";
import { acceptCall } from "./accept-call.ts";
import { answerRecorded } from "./answer-recorded.ts";

export function batchRecordMemories(
  store: Pick<Store, "recordAtomic">,
): Handlers<typeof ConductorService>["batchRecordMemories"] {
  return async ({ requests }, call) => {
    const accepted = requests.map((request, n) => acceptCall(request, call, { path: `requests[${n}].` }));
    const recorded = await store.recordAtomic(call.scope, accepted);
    return { responses: recorded.map((one, n) => answerRecorded(one, accepted[n]!.view, MemoryView.BASIC)) };
  };
}
