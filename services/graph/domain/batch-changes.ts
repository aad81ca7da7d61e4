// Changes to the graph that go together, before they are recorded.
//
//  B1  Every id that a batch makes is the mesh's: what the caller calls it is a placeholder, which follows the module and so never meets
//      what another module has. Otherwise somebody could make a node in a module of theirs that takes the place of one in another.
//  B2  A change is judged against what those before it in the batch come to.
//  B3  A batch that is repeated finds its own effect, and what others did since: so what is wrong with it is answered, not thrown. Whoever
//      has an idempotency key is told of it only if the log knows nothing of the batch (W4 of perform-act.ts).
//  B4  What the caller may not see is refused as what is not there.
import { clone } from "@bufbuild/protobuf";
import { type GraphChange, GraphChangeSchema, type ItemDeleted } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { CosError, FieldFault } from "#shared/errors/cos-error.ts";
import type { EdgeRow, NodeRow } from "./graph-rows.ts";
import { idOfNew } from "./new-id.ts";
import { type Item, itemDerived, nodeNotFound, relationshipNotFound, revisionStale } from "./refusals.ts";
import { nodeFaults, relationshipFaults } from "./written-items.ts";

/** What somebody calls a new item, by what it is. Ids of nodes and of relationships do not meet. */
interface Placeholders {
  readonly nodes: Map<string, string>;
  readonly edges: Map<string, string>;
}

/** The changes with the ids that they will have (B1), in small letters. */
export function placeIds(module: string, changes: readonly GraphChange[]): GraphChange[] {
  const made: Placeholders = { nodes: new Map(), edges: new Map() };
  return changes.map((given) => {
    const change = clone(GraphChangeSchema, given);
    place(module, made, change.change);
    return change;
  });
}

function place(module: string, { nodes, edges }: Placeholders, { case: what, value }: GraphChange["change"]): void {
  if (value === undefined) return;
  const made = what === "nodeWritten" || what === "nodeDeleted" ? nodes : edges;
  const id = value.id.toLowerCase();
  const isNew = (what === "nodeWritten" || what === "relationshipWritten") && value.revision === 0n;
  if (isNew && !made.has(id)) made.set(id, idOfNew(module, id));
  value.id = made.get(id) ?? id;
  if (what !== "relationshipWritten") return;
  value.fromId = idIn(nodes, value.fromId);
  value.toId = idIn(nodes, value.toId);
}

function idIn(made: ReadonlyMap<string, string>, given: string): string {
  const id = given.toLowerCase();
  return made.get(id) ?? id;
}

/** What the contract's rules do not find in the changes: `changes[3].node_written.properties.x`. */
export function changeFaults(changes: readonly GraphChange[]): FieldFault[] {
  return changes.flatMap(({ change }, n) => {
    if (change.case === "nodeWritten") return nodeFaults(change.value, pathOf(n, change.case));
    if (change.case === "relationshipWritten") return relationshipFaults(change.value, pathOf(n, change.case));
    return [];
  });
}

const PATHS = {
  nodeWritten: "node_written",
  nodeDeleted: "node_deleted",
  relationshipWritten: "relationship_written",
  relationshipDeleted: "relationship_deleted",
} as const;

function pathOf(n: number, what: keyof typeof PATHS): string {
  return `changes[${n}].${PATHS[what]}`;
}

/** The nodes and relationships that have to be known for the changes to be judged. */
export function idsNamed(changes: readonly GraphChange[]): { nodes: string[]; edges: string[] } {
  const [nodes, edges] = [new Set<string>(), new Set<string>()];
  for (const { change } of changes) {
    if (change.case === "nodeWritten" || change.case === "nodeDeleted") nodes.add(change.value.id);
    if (change.case === "relationshipWritten") nodes.add(change.value.fromId).add(change.value.toId);
    if (change.case === "relationshipWritten" || change.case === "relationshipDeleted") edges.add(change.value.id);
  }
  return { nodes: [...nodes], edges: [...edges] };
}

export interface Judged {
  readonly module: string;
  readonly changes: readonly GraphChange[];
  /** What the caller sees of the items that they name. */
  readonly nodes: readonly NodeRow[];
  readonly edges: readonly EdgeRow[];
}

type Known = Pick<NodeRow, "module" | "origin" | "revision">;

/** What is there, as the changes so far have made it; `made`: it was written by one of them. */
interface Items {
  readonly what: Item;
  readonly known: Map<string, Known | "made">;
}

/** What is wrong with the first change that is: NOT_FOUND, FAILED_PRECONDITION or ABORTED, naming `changes[3].…`. */
export function judgeChanges({ module, changes, nodes, edges }: Judged): CosError | undefined {
  const itemsOf = (what: Item, rows: readonly (Known & { readonly id: string })[]): Items => ({
    what,
    known: new Map(rows.map((row) => [row.id, row])),
  });
  const [nodeItems, edgeItems] = [itemsOf("node", nodes), itemsOf("relationship", edges)];
  for (const [n, { change }] of changes.entries()) {
    if (change.case === undefined) continue;
    const path = pathOf(n, change.case);
    const isNode = change.case === "nodeWritten" || change.case === "nodeDeleted";
    const items = isNode ? nodeItems : edgeItems;
    const deletes = change.case === "nodeDeleted" || change.case === "relationshipDeleted";
    const wrong = judgeItem(items, { module, path, deletes, ...change.value }) ?? judgeEnds(nodeItems, change, path);
    if (wrong !== undefined) return wrong;
    if (deletes) items.known.delete(change.value.id);
    else items.known.set(change.value.id, "made");
  }
  return undefined;
}

type Named = Pick<ItemDeleted, "id" | "revision"> & {
  readonly module: string;
  readonly path: string;
  readonly deletes: boolean;
};

function judgeItem({ what, known }: Items, { id, revision, module, path, deletes }: Named): CosError | undefined {
  const item = known.get(id);
  if (item === "made") return undefined;
  if (item === undefined) return deletes || revision !== 0n ? notFound(what, id, `${path}.id`) : undefined;
  if (item.module !== module) return notFound(what, id, `${path}.id`);
  if (item.origin === "derived") return itemDerived(what, id, `${path}.id`);
  const whichever = deletes && revision === 0n;
  const isStale = !whichever && BigInt(item.revision) !== revision;
  return isStale ? revisionStale(what, id, item.revision, `${path}.revision`) : undefined;
}

function notFound(what: Item, id: string, field: string): CosError {
  return what === "node" ? nodeNotFound(id, field) : relationshipNotFound(id, field);
}

function judgeEnds({ known }: Items, { case: what, value }: GraphChange["change"], path: string): CosError | undefined {
  if (what !== "relationshipWritten") return undefined;
  if (!known.has(value.fromId)) return nodeNotFound(value.fromId, `${path}.from_id`);
  return known.has(value.toId) ? undefined : nodeNotFound(value.toId, `${path}.to_id`);
}
