import type { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Store } from "../store/open-store.ts";

export function getMemory(store: Pick<Store, "getMemory">): Handlers<typeof ConductorService>["getMemory"] {
  return async (request, call) => ({ memory: await store.getMemory(call.scope, request, call.signal) });
}
