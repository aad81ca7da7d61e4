// Changes to the graph that go together, before they are recorded.
//
//  B1  Every id that a batch makes is the mesh's: what the caller calls it is a placeholder, which follows the module and so never meets
//      what another module has. Otherwise somebody could make a node in a module of theirs that takes the place of one in another.
//  B2  A change is judged against what those before it in the batch come to.
//  B3  With an idempotency key revisions and what is missing are left to the log, which judges again in any case: a batch that is
//      repeated would find its own effect.
//  B4  What the caller may not see is refused as what is not there.
import { clone } from "@bufbuild/protobuf";
import { type GraphChange, GraphChangeSchema, type ItemDeleted } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { FieldFault } from "#shared/errors/cos-error.ts";
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
  /** B3. */
  readonly keyed: boolean;
}

type Known = Pick<NodeRow, "module" | "origin" | "revision">;

/** What is there, as the changes so far have made it; `made`: it was written by one of them. */
interface Items {
  readonly what: Item;
  readonly known: Map<string, Known | "made">;
}

/** Throws what is wrong with the first change that is: NOT_FOUND, FAILED_PRECONDITION or ABORTED, naming `changes[3].…`. */
export function judgeChanges({ module, changes, nodes, edges, keyed }: Judged): void {
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
    judgeItem(items, { module, keyed, path, deletes, ...change.value });
    if (change.case === "relationshipWritten") {
      requireEnd(nodeItems, change.value.fromId, `${path}.from_id`);
      requireEnd(nodeItems, change.value.toId, `${path}.to_id`);
    }
    if (deletes) items.known.delete(change.value.id);
    else items.known.set(change.value.id, "made");
  }
}

type Named = Pick<ItemDeleted, "id" | "revision"> & {
  readonly module: string;
  readonly keyed: boolean;
  readonly path: string;
  readonly deletes: boolean;
};

function judgeItem({ what, known }: Items, { id, revision, module, keyed, path, deletes }: Named): void {
  const item = known.get(id);
  if (item === "made") return;
  const missing = item === undefined && (deletes || revision !== 0n);
  if ((missing && !keyed) || (item !== undefined && item.module !== module)) throw notFound(what, id, `${path}.id`);
  if (item === undefined) return;
  if (item.origin === "derived") throw itemDerived(what, id, `${path}.id`);
  const whichever = deletes && revision === 0n;
  if (!keyed && !whichever && BigInt(item.revision) !== revision) {
    throw revisionStale(what, id, item.revision, `${path}.revision`);
  }
}

function notFound(what: Item, id: string, field: string): Error {
  return what === "node" ? nodeNotFound(id, field) : relationshipNotFound(id, field);
}

function requireEnd({ known }: Items, id: string, field: string): void {
  if (!known.has(id)) throw nodeNotFound(id, field);
}
