import type { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { Search } from "../search/search-memories.ts";

export function searchMemories(search: Search): Handlers<typeof ConductorService>["searchMemories"] {
  return (request, call) => search(request, call);
}
