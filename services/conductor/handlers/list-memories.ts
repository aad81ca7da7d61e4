import type { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import { checkFilter } from "../domain/check-filter.ts";
import type { Store } from "../store/open-store.ts";

export function listMemories(store: Pick<Store, "listMemories">): Handlers<typeof ConductorService>["listMemories"] {
  return async (request, call) => {
    checkFilter(request.filter);
    return store.listMemories(call.scope, request, call.signal);
  };
}
