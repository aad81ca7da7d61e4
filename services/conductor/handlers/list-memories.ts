import type { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Store } from "../store/open-store.ts";

export function listMemories(store: Pick<Store, "listMemories">): Handlers<typeof ConductorService>["listMemories"] {
  return (request, call) => store.listMemories(call.scope, request, call.signal);
}
