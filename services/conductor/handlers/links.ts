import { create } from "@bufbuild/protobuf";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { type ConductorService, GetMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { LinkMemoriesRequest, MemoryReference } from "#gen/cos/conductor/v1/links_pb.ts";
import { CursorSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { type Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { judgeRight } from "#shared/auth/judge-right.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import { acceptLink, acceptUnlink, linkTypeOf } from "../domain/accept-link.ts";
import type { LinkPlace } from "../store/links/write-links.ts";
import type { Store } from "../store/open-store.ts";
import { marksOf } from "./marks-of.ts";

type Conductor = Handlers<typeof ConductorService>;
type Needs = Pick<Store, "getMemory" | "links">;

/** Links of memories: made, listed, taken back. */
export function links(store: Needs): Pick<Conductor, "linkMemories" | "listLinks" | "unlinkMemories"> {
  return {
    linkMemories: async (request, call) => {
      const ends = await findEnds(store, call, request);
      const key = { ...ends, type: linkTypeOf(request.type) };
      const accepted = acceptLink(request, ends, marksOf(call));
      const { link, deduplicated, ...place } = await store.links.link(key, accepted);
      return { link, cursor: cursorOf(place), deduplicated };
    },
    listLinks: async (request, call) => {
      const memory = await find(store, call, request.memory, "memory");
      return store.links.list(call.scope, memory, request, call.signal);
    },
    unlinkMemories: async (request, call) => {
      const ends = await findEnds(store, call, request);
      const key = { ...ends, type: linkTypeOf(request.type) };
      return { cursor: cursorOf(await store.links.unlink(key, acceptUnlink(ends.from.module, marksOf(call)))) };
    },
  };
}

/** The two memories, as far as the caller may see them; it has to hold RECORD in the module of the first. */
async function findEnds(
  store: Needs,
  call: CallContext,
  request: Pick<LinkMemoriesRequest, "fromMemory" | "toMemory">,
): Promise<{ from: Memory; to: Memory }> {
  const from = await find(store, call, request.fromMemory, "from_memory");
  judgeRight(call.access, Verb.RECORD, from.module);
  return { from, to: await find(store, call, request.toMemory, "to_memory") };
}

async function find(
  store: Needs,
  { scope, signal }: CallContext,
  reference: MemoryReference | undefined,
  field: string,
): Promise<Memory> {
  const { id = "", module = "", position = 0n } = reference ?? {};
  const request = create(GetMemoryRequestSchema, { id, module, position, view: MemoryView.BASIC });
  return await store.getMemory(scope, request, signal).catch((error: unknown) => {
    throw namedBy(error, field);
  });
}

/** The refusal of a request that names memories at several places says at which. */
function namedBy(error: unknown, field: string): unknown {
  if (!(error instanceof CosError) || error.resource === undefined) return error;
  const { reason, message, cause, resource } = error;
  return new CosError(reason, message, {
    cause,
    resource,
    fields: [{ field, description: message }],
  });
}

function cursorOf({ module, position, epoch }: LinkPlace) {
  return create(CursorSchema, { module, position: BigInt(position), epoch });
}
