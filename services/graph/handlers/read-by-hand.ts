import type { CallContext } from "#shared/auth/call-context.ts";
import type { EdgeRow, NodeRow } from "../domain/graph-rows.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import { isLink } from "../domain/link-id.ts";
import { itemDerived, linkNotByHand, nodeNotFound, relationshipNotFound, revisionStale } from "../domain/refusals.ts";

/** Which item somebody wants to change. */
export interface Chosen {
  readonly id: string;
  readonly module: string;
  /** 0: whichever. */
  readonly revision: bigint;
}

/** A node that was made by hand in a module. Rejects with NODE_NOT_FOUND, ITEM_DERIVED or REVISION_STALE. */
export async function readNodeByHand(
  store: Pick<GraphReader, "nodes">,
  { scope, signal }: CallContext,
  { id, module, revision }: Chosen,
): Promise<NodeRow> {
  const [row] = await store.nodes(scope, [id], signal);
  if (row === undefined || row.module !== module) throw nodeNotFound(id, "id");
  if (row.origin === "derived") throw itemDerived("node", id, "id");
  if (isStale(row, revision)) throw revisionStale("node", id, row.revision, "revision");
  return row;
}

/** The same of a relationship. */
export async function readEdgeByHand(
  store: Pick<GraphReader, "edges">,
  { scope, signal }: CallContext,
  { id, module, revision }: Chosen,
): Promise<EdgeRow> {
  const [row] = await store.edges(scope, [id], signal);
  if (row === undefined || row.module !== module) throw relationshipNotFound(id, "id");
  if (row.origin === "derived") throw itemDerived("relationship", id, "id");
  if (isLink(row)) throw linkNotByHand(id, "id");
  if (isStale(row, revision)) throw revisionStale("relationship", id, row.revision, "revision");
  return row;
}

function isStale({ revision }: Pick<NodeRow, "revision">, read: bigint): boolean {
  return read !== 0n && read !== BigInt(revision);
}
