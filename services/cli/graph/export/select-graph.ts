// What of a module's graph is exported, out of the stream of all of it.
//
// Nodes come before relationships. With `top` or a bound on relationships something has to be held back until it is known what the most
// are; without them everything goes through as it comes, and only the ids of the nodes that went are kept.
import { type Node, Origin, type Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import type { ExportGraphResponse } from "#gen/cos/graph/v1/surveys_pb.ts";

export type Item =
  | { readonly kind: "node"; readonly node: Node }
  | { readonly kind: "relationship"; readonly relationship: Relationship };

export interface Selection {
  /** What fewer memories mention, or have together, is left out. */
  readonly minCount: number;
  /** Only the nodes with the most memories. Unset: all. */
  readonly top?: number | undefined;
  /** Only the relationships that stand on the most memories, what was made by hand before all. Unset: all. */
  readonly relationshipsMax?: number | undefined;
}

/** What was counted; the rest has no count to be judged by. */
const COUNTED: ReadonlySet<string> = new Set(["Session", "Source", "Entity", "Concept"]);

/** The nodes, then the relationships between them. */
export async function* selectGraph(
  frames: AsyncIterable<Pick<ExportGraphResponse, "nodes" | "relationships">>,
  { minCount, top, relationshipsMax }: Selection,
): AsyncGenerator<Item, void, undefined> {
  const nodes = new Best<Node>(top, moreMemories);
  const relationships = new Best<Relationship>(relationshipsMax, moreCounted);
  const ids = new Set<string>();
  const take = (node: Node): Item => {
    ids.add(node.id);
    return { kind: "node", node };
  };
  for await (const frame of frames) {
    for (const node of frame.nodes) {
      if (!nodeCounts(node, minCount)) continue;
      if (nodes.add(node)) yield take(node);
    }
    if (frame.relationships.length > 0) for (const node of nodes.drain()) yield take(node);
    for (const relationship of frame.relationships) {
      const { fromId, toId } = relationship;
      if (!ids.has(fromId) || !ids.has(toId) || !relationshipCounts(relationship, minCount)) continue;
      if (relationships.add(relationship)) yield { kind: "relationship", relationship };
    }
  }
  for (const node of nodes.drain()) yield take(node);
  for (const relationship of relationships.drain()) yield { kind: "relationship", relationship };
}

function nodeCounts({ origin, label, memoryCount }: Node, minCount: number): boolean {
  return origin === Origin.MANUAL || !COUNTED.has(label) || memoryCount >= minCount;
}

function relationshipCounts({ origin, type, count }: Relationship, minCount: number): boolean {
  return origin === Origin.MANUAL || type !== "RELATES_TO" || count >= minCount;
}

/** Ids are of one form, so that comparing them as texts is total. */
function byId(a: { readonly id: string }, b: { readonly id: string }): number {
  return a.id < b.id ? -1 : 1;
}

function moreMemories(a: Node, b: Node): number {
  return Number(b.memoryCount - a.memoryCount) || byId(a, b);
}

function moreCounted(a: Relationship, b: Relationship): number {
  return (
    Number(b.origin === Origin.MANUAL) - Number(a.origin === Origin.MANUAL) || Number(b.count - a.count) || byId(a, b)
  );
}

/** The first of many in an order, without keeping many more than are wanted. Without a bound nothing is kept. */
class Best<T> {
  readonly #max: number | undefined;
  readonly #order: (a: T, b: T) => number;
  #kept: T[] = [];

  constructor(max: number | undefined, order: (a: T, b: T) => number) {
    this.#max = max;
    this.#order = order;
  }

  /** Whether it may go through at once; else it is kept. */
  add(item: T): boolean {
    if (this.#max === undefined) return true;
    this.#kept.push(item);
    if (this.#kept.length > 2 * this.#max + 1000) this.#cut(this.#max);
    return false;
  }

  /** The first ones, in their order; then none are kept. */
  drain(): T[] {
    if (this.#max !== undefined) this.#cut(this.#max);
    const best = this.#kept;
    this.#kept = [];
    return best;
  }

  #cut(max: number): void {
    this.#kept = this.#kept.toSorted(this.#order).slice(0, max);
  }
}
