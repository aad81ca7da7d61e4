import type { ListLinksRequest } from "#gen/cos/conductor/v1/links_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import type { AcceptedMemory } from "../../domain/accepted-memory.ts";
import { type LinkPage, listLinks } from "./list-links.ts";
import {
  type LinkKey,
  type LinkOutcome,
  type LinkPlace,
  type LinkStore,
  linkMemories,
  unlinkMemories,
} from "./write-links.ts";

/** Links between memories. That the caller may record in the module of the first was judged before, and that it sees both. */
export interface LinkRecords {
  link(key: LinkKey, accepted: AcceptedMemory): Promise<LinkOutcome>;
  unlink(key: LinkKey, accepted: AcceptedMemory): Promise<LinkPlace>;
  /** Those whose other end the scope holds too. */
  list(scope: Scope, memory: Memory, request: ListLinksRequest, signal?: AbortSignal): Promise<LinkPage>;
}

export function linkRecords(store: LinkStore & { readonly postgres: Postgres }): LinkRecords {
  return {
    link: (key, accepted) => linkMemories(store, key, accepted),
    unlink: (key, accepted) => unlinkMemories(store, key, accepted),
    list: (scope, memory, request, signal) => listLinks(store.postgres, scope, memory, request, signal),
  };
}
