import type { EdgeRow, NameRow, NodeRow, ReferenceRow } from "../domain/graph-rows.ts";
import type { GraphDelta } from "../domain/graph-store.ts";
import { idOf } from "../domain/ids.ts";
import type { NameKey } from "../domain/mention.ts";
import type { Tally } from "./contribution.ts";

/** A delta that is still being added to. What is counted is summed up by what it is counted for. */
export interface OpenDelta extends Tally {
  putNode(node: NodeRow): void;
  deleteNode(id: string): void;
  putEdge(edge: EdgeRow): void;
  deleteEdge(id: string): void;
  /** Adds to a counted node; the first row that is given for it says what it is, should it be new. */
  addNode(node: NodeRow, count: number): void;
  addEdge(edge: EdgeRow, count: number): void;
  /** The ids of the entities whose counts it changes. */
  entities(): string[];
  /** The delta of a step that comes to this position. */
  close(position: number): GraphDelta;
}

/** How the entity of a reference is called and told from others, should it be new. */
export type DescribeEntity = (reference: ReferenceRow) => NameKey & { readonly title: string };

interface Counted<Row> {
  readonly row: Row;
  count: number;
}

/** Begins a delta of a module. */
export function openDelta(module: string, describe: DescribeEntity): OpenDelta {
  const putNodes = new Map<string, NodeRow>();
  const putEdges = new Map<string, EdgeRow>();
  const deleteNodes = new Set<string>();
  const deleteEdges = new Set<string>();
  const nodes = new Map<string, Counted<NodeRow>>();
  const edges = new Map<string, Counted<EdgeRow>>();
  const names = new Map<string, Counted<NameRow>>();
  const entities = new Set<string>();
  const pairs = new Map<string, Map<string, number>>();

  const pairRows = function* (): Generator<EdgeRow> {
    for (const [left, others] of pairs) {
      for (const [right, count] of others) if (count !== 0) yield pairRow(module, left, right, count);
    }
  };

  return {
    putNode: (node) => void putNodes.set(node.id, node),
    deleteNode: (id) => void deleteNodes.add(id),
    putEdge: (edge) => void putEdges.set(edge.id, edge),
    deleteEdge: (id) => void deleteEdges.add(id),
    addNode: (node, count) => add(nodes, node.id, () => node, count),
    addEdge: (edge, count) => add(edges, edge.id, () => edge, count),
    addEntity: (id, reference, sign) => {
      entities.add(id);
      add(nodes, id, () => entityRow(module, id, describe(reference)), sign);
    },
    addName: ({ to, mention: { kind, key } }, form, sign) => {
      const row = () => ({ module, entity: to, kind, key, form, count: 0 });
      add(names, `${to} ${kind} ${key}\n${form}`, row, sign);
    },
    addPair: (left, right, sign) => {
      const others = pairs.get(left) ?? new Map<string, number>();
      others.set(right, (others.get(right) ?? 0) + sign);
      pairs.set(left, others);
    },
    entities: () => [...entities],
    close: (position) => ({
      putNodes: [...putNodes.values()],
      addNodes: summed(nodes),
      renameNodes: [],
      deleteNodes: [...deleteNodes],
      putEdges: [...putEdges.values()],
      addEdges: [...summed(edges), ...pairRows()],
      deleteEdges: [...deleteEdges],
      addNames: summed(names),
      position,
    }),
  };
}

function add<Row>(rows: Map<string, Counted<Row>>, id: string, make: () => Row, count: number): void {
  const counted = rows.get(id);
  if (counted === undefined) rows.set(id, { row: make(), count });
  else counted.count += count;
}

/** What was added and taken away again is not touched. */
function summed<Row>(rows: ReadonlyMap<string, Counted<Row>>): Row[] {
  return [...rows.values()].flatMap(({ row, count }) => (count === 0 ? [] : [{ ...row, count }]));
}

function pairRow(module: string, from: string, to: string, count: number): EdgeRow {
  const id = idOf("RELATES_TO", from, to);
  const rest = { origin: "derived", position: 0, mention: undefined, properties: {}, revision: 0, changed: 0 } as const;
  return { id, module, type: "RELATES_TO", from, to, count, ...rest };
}

function entityRow(module: string, id: string, { kind, key, title }: ReturnType<DescribeEntity>): NodeRow {
  return countedNode({ id, module, label: kind === "concept" ? "Concept" : "Entity", kind, key, name: title });
}

/** A node that is counted: all that it has, but for the count. */
export function countedNode(node: Pick<NodeRow, "id" | "module" | "label" | "kind" | "key" | "name">): NodeRow {
  return { ...node, ...NO_MEMORY, origin: "derived", count: 0, properties: {}, revision: 0, changed: 0 };
}

/** What a node that is no memory says of memories. */
export const NO_MEMORY = { position: 0, eventType: "", session: "", occurredMs: undefined, forgotten: false } as const;
