import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { PrincipalKind, type Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { GetMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import {
  type Link,
  LinkMemoriesRequestSchema,
  type LinkMemoriesResponse,
  ListLinksRequestSchema,
  type ListLinksResponse,
  UnlinkMemoriesRequestSchema,
  type UnlinkMemoriesResponse,
} from "#gen/cos/conductor/v1/links_pb.ts";
import { LinkType, type Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { links } from "#services/conductor/handlers/links.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { localScope } from "#shared/auth/scope.ts";
import { accessWith } from "#tests/support/rpc/callers.ts";
import type { Forgetful } from "./open-forgetful.ts";
import { someCall } from "./some-forgetting.ts";

export interface Place {
  readonly module: string;
  readonly position: number;
}

/** A place as requests name it. */
export const at = (module: string, position: number) => ({ module, position: BigInt(position) });
const placeOf = ({ module, position }: Place) => at(module, position);

/** `a/1 b/2`. */
export const ends = ({ fromMemory, toMemory }: Link): string =>
  `${fromMemory?.module}/${fromMemory?.position} ${toMemory?.module}/${toMemory?.position}`;

/** A call by an agent with these rights. */
export function callBy(grants: [string, Verb][]): CallContext {
  const access = accessWith(grants, PrincipalKind.AGENT);
  return { ...someCall({ access }), scope: access.scope };
}

type Further<Schema extends typeof LinkMemoriesRequestSchema | typeof ListLinksRequestSchema> = Omit<
  Exclude<MessageInitShape<Schema>, { $typeName: string }>,
  "fromMemory" | "toMemory" | "memory"
>;

/** The handlers of links on a store of a test, and looks at what they come to. */
export interface Linking {
  link(
    from: Place,
    to: Place,
    more?: Further<typeof LinkMemoriesRequestSchema>,
    call?: CallContext,
  ): Promise<LinkMemoriesResponse>;
  unlink(from: Place, to: Place, type?: LinkType, call?: CallContext): Promise<UnlinkMemoriesResponse>;
  listed(of: Place, more?: Further<typeof ListLinksRequestSchema>, call?: CallContext): Promise<ListLinksResponse>;
  /** A module of its own with so many notes: their places. */
  notes(count: number): Promise<Place[]>;
  eventAt(place: Place): Promise<Memory>;
  /** The module's table of links as it stands, and as its log alone makes it. */
  tables(module: string): Promise<{ live: Record<string, unknown>[]; rebuilt: Record<string, unknown>[] }>;
}

export function openLinking({ store, client, freshModule }: Forgetful): Linking {
  const handlers = links(store);
  return {
    async link(from, to, more = {}, call = someCall()) {
      const request = create(LinkMemoriesRequestSchema, { fromMemory: placeOf(from), toMemory: placeOf(to), ...more });
      return (await handlers.linkMemories(request, call)) as LinkMemoriesResponse;
    },
    async unlink(from, to, type = LinkType.UNSPECIFIED, call = someCall()) {
      const request = create(UnlinkMemoriesRequestSchema, { fromMemory: placeOf(from), toMemory: placeOf(to), type });
      return (await handlers.unlinkMemories(request, call)) as UnlinkMemoriesResponse;
    },
    async listed(of, more = {}, call = someCall()) {
      const request = create(ListLinksRequestSchema, { memory: placeOf(of), ...more });
      return (await handlers.listLinks(request, call)) as ListLinksResponse;
    },
    async notes(count) {
      const { recorded } = await freshModule(Array.from({ length: count }, (_, n) => [{ text: `note ${n + 1}` }]));
      return recorded.map(({ module, position }) => ({ module, position }));
    },
    eventAt: (place) => store.getMemory(localScope(), create(GetMemoryRequestSchema, placeOf(place))),
    async tables(module) {
      const read = async () =>
        (await client.query("select * from mem0_cc.link where module = $1 order by position", [module])).rows;
      const live = await read();
      await client.query("select mem0_cc.rebuild_links($1)", [module]);
      return { live, rebuilt: await read() };
    },
  };
}
