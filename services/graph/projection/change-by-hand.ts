// Applies an act upon nodes and relationships that were made by hand.
//
//  M1  All of its changes or none: they are judged one after the other, each against what those before it come to.
//  M2  What is judged is what acts of the log have made, and nothing else: revisions, and whether the item is there. So a replay judges
//      alike. That the ends of a relationship are there is nobody's condition here: a memory may be forgotten, and a replay never saw it.
//  M3  A revision is the position of the act that made it. So two callers who read the same revision cannot both change it.

import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GraphChange, ItemDeleted, NodeWritten, RelationshipWritten } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { EdgeRow, NodeRow } from "../domain/graph-rows.ts";
import type { GraphDelta, ProjectionTransaction } from "../domain/graph-store.ts";
import { isLink } from "../domain/link-id.ts";
import { type Label, type Properties, TYPES, type Type } from "../domain/vocabulary.ts";
import { NO_MEMORY, openDelta } from "./open-delta.ts";

/** Why an act had no effect. */
export type Refusal = (typeof ErrorReason)[
  | "REVISION_STALE"
  | "ITEM_DERIVED"
  | "NODE_NOT_FOUND"
  | "RELATIONSHIP_NOT_FOUND"
  | "NODE_IN_USE"];

interface Act {
  readonly module: string;
  readonly position: number;
  readonly changes: readonly GraphChange[];
}

/** What is there of the act's items, changed as the changes are judged; undefined: it was deleted. */
interface Items {
  readonly nodes: Map<string, NodeRow | undefined>;
  readonly edges: Map<string, EdgeRow | undefined>;
}

/** Applies the act (M1); answers with why not, if it had no effect. */
export async function changeByHand(transaction: ProjectionTransaction, act: Act): Promise<Refusal | undefined> {
  const items = await readItems(transaction, act.changes);
  const before: Items = { nodes: new Map(items.nodes), edges: new Map(items.edges) };
  for (const { change } of act.changes) {
    const refusal = judge(items, act, change);
    if (refusal !== undefined) return refusal;
  }
  await transaction.write(deltaOf(act, before, items));
  return undefined;
}

/** The items that the changes name, and all relationships made by hand that touch a node which is to be deleted. */
async function readItems(transaction: ProjectionTransaction, changes: readonly GraphChange[]): Promise<Items> {
  const ids = (...cases: string[]) =>
    changes.flatMap(({ change }) =>
      change.case !== undefined && cases.includes(change.case) ? [change.value.id] : [],
    );
  const [deleted, edgeIds] = [ids("nodeDeleted"), ids("relationshipWritten", "relationshipDeleted")];
  const nodes = await transaction.readNodes(unique(ids("nodeWritten", "nodeDeleted")));
  const named = edgeIds.length === 0 ? [] : await transaction.readEdges(unique(edgeIds));
  const touching = deleted.length === 0 ? [] : await transaction.readEdgesAt(unique(deleted), TYPES);
  const edges = [...named.map(asJudged), ...touching.filter(({ origin }) => origin === "manual")];
  return { nodes: new Map(nodes.map((node) => [node.id, node])), edges: new Map(edges.map((edge) => [edge.id, edge])) };
}

/** A link between memories is taken back in the log: here it is as untouchable as what was derived. */
function asJudged(edge: EdgeRow): EdgeRow {
  return isLink(edge) ? { ...edge, origin: "derived" } : edge;
}

function unique(ids: readonly string[]): string[] {
  return [...new Set(ids)];
}

function judge(items: Items, act: Act, change: GraphChange["change"]): Refusal | undefined {
  switch (change.case) {
    case "nodeWritten":
      return writeItem(items.nodes, change.value, nodeOf(act, change.value), ErrorReason.NODE_NOT_FOUND);
    case "relationshipWritten":
      return writeItem(items.edges, change.value, edgeOf(act, change.value), ErrorReason.RELATIONSHIP_NOT_FOUND);
    case "relationshipDeleted":
      return deleteItem(items.edges, change.value, ErrorReason.RELATIONSHIP_NOT_FOUND);
    case "nodeDeleted":
      return deleteItem(items.nodes, change.value, ErrorReason.NODE_NOT_FOUND) ?? deleteTouching(items, change.value);
    case undefined:
      // A kind of change that this build does not know.
      return undefined;
  }
}

type Item = Pick<NodeRow, "origin" | "revision">;

/** Revision 0 makes what is not there; any other replaces what has it. */
function writeItem<Row extends Item>(
  items: Map<string, Row | undefined>,
  { id, revision }: { readonly id: string; readonly revision: bigint },
  row: Row,
  missing: Refusal,
): Refusal | undefined {
  const found = items.get(id);
  if (found === undefined && revision !== 0n) return missing;
  if (found?.origin === "derived") return ErrorReason.ITEM_DERIVED;
  if (found !== undefined && BigInt(found.revision) !== revision) return ErrorReason.REVISION_STALE;
  items.set(id, row);
  return undefined;
}

/** Revision 0 deletes whichever there is. */
function deleteItem<Row extends Item>(
  items: Map<string, Row | undefined>,
  { id, revision }: ItemDeleted,
  missing: Refusal,
): Refusal | undefined {
  const found = items.get(id);
  if (found === undefined) return missing;
  if (found.origin === "derived") return ErrorReason.ITEM_DERIVED;
  if (revision !== 0n && BigInt(found.revision) !== revision) return ErrorReason.REVISION_STALE;
  items.set(id, undefined);
  return undefined;
}

function deleteTouching({ edges }: Items, { id: node, withRelationships }: ItemDeleted): Refusal | undefined {
  const touching = [...edges.values()].filter((edge) => edge?.from === node || edge?.to === node);
  if (touching.length > 0 && !withRelationships) return ErrorReason.NODE_IN_USE;
  for (const edge of touching) if (edge !== undefined) edges.set(edge.id, undefined);
  return undefined;
}

function deltaOf({ module, position }: Act, before: Items, after: Items): GraphDelta {
  const delta = openDelta(module, () => ({ kind: "concept", key: "", title: "" }));
  for (const [id, node] of after.nodes) {
    if (node !== undefined && node !== before.nodes.get(id)) delta.putNode(node);
    if (node === undefined && before.nodes.has(id)) delta.deleteNode(id);
  }
  for (const [id, edge] of after.edges) {
    if (edge !== undefined && edge !== before.edges.get(id)) delta.putEdge(edge);
    if (edge === undefined && before.edges.has(id)) delta.deleteEdge(id);
  }
  return delta.close(position);
}

function nodeOf({ module, position }: Act, { id, label, kind, name, properties }: NodeWritten): NodeRow {
  const hand = { origin: "manual", count: 0, revision: position, changed: 0 } as const;
  const says = { label: label as Label, kind, key: "", name, properties: propertiesOf(properties) };
  return { id, module, ...says, ...NO_MEMORY, ...hand };
}

function edgeOf({ module, position }: Act, { id, type, fromId, toId, properties }: RelationshipWritten): EdgeRow {
  const hand = { origin: "manual", count: 0, position, revision: position, changed: 0 } as const;
  const says = { type: type as Type, from: fromId, to: toId, mention: undefined, properties: propertiesOf(properties) };
  return { id, module, ...says, ...hand };
}

/** What the conductor has let into the log has no other values. */
function propertiesOf(properties: NodeWritten["properties"]): Properties {
  return { ...(properties as Properties | undefined) };
}
