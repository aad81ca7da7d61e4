import type { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import type { Handlers } from "#shared/rpc/bind-service.ts";
import type { NodeRow } from "../domain/graph-rows.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import { nodeNotFound } from "../domain/refusals.ts";
import type { AwaitPlace } from "../projection/await-place.ts";

/** The handlers of GraphService. */
export type Graph = Handlers<typeof GraphService>;

/** What the reads of the graph are made of. */
export interface GraphReadNeeds {
  readonly store: GraphReader;
  readonly awaitPlace: AwaitPlace;
}

/** Rejects with MODULE_NOT_FOUND unless the graph has begun with a module that the caller may see. */
export async function requireModule(
  store: Pick<GraphReader, "livePlaces">,
  call: CallContext,
  module: string,
): Promise<void> {
  const places = await store.livePlaces(call.scope, call.signal, module);
  if (!places.some((place) => place.module === module)) throw moduleNotFound(module);
}

/** The node of this id. Rejects with NODE_NOT_FOUND, naming the field that the id came from. */
export async function requireNode(
  store: Pick<GraphReader, "nodes">,
  call: CallContext,
  id: string,
  field: string,
): Promise<NodeRow> {
  const [row] = await store.nodes(call.scope, [id], call.signal);
  if (row === undefined) throw nodeNotFound(id, field);
  return row;
}
