import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import { isId } from "../options/is-id.ts";
import { findNode } from "./find-nodes.ts";
import type { Search } from "./search-of.ts";
import { undefinedIfMissing } from "./undefined-if-missing.ts";

export type FoundItem =
  | { readonly what: "node"; readonly item: Node }
  | { readonly what: "relationship"; readonly item: Relationship };

/** The node or relationship of an id, or the node of a name. Throws CliFailure (not found). */
export async function findItem(search: Search, which: string): Promise<FoundItem> {
  if (isId(which)) {
    const { graph, signal } = search;
    const answer = await graph.getRelationship({ id: which.toLowerCase() }, { signal }).catch(undefinedIfMissing);
    if (answer?.relationship !== undefined) return { what: "relationship", item: answer.relationship };
  }
  return { what: "node", item: await findNode(search, which) };
}
