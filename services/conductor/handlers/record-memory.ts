import type { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Store } from "../store/open-store.ts";
import { acceptCall } from "./accept-call.ts";
import { answerRecorded } from "./answer-recorded.ts";

export function recordMemory(store: Pick<Store, "record">): Handlers<typeof ConductorService>["recordMemory"] {
  return async (request, call) => {
    const recorded = await store.record(call.scope, acceptCall(request, call));
    return answerRecorded(recorded, request.view, MemoryView.FULL);
  };
}
