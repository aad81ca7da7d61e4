import fc, { type Arbitrary } from "fast-check";
import type { Step, Way } from "#services/graph/domain/graph-store.ts";
import type { Expand } from "#services/graph/domain/traverse.ts";

export interface Edge {
  readonly edge: string;
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

/** Small graphs, of few nodes so that they are full of circles, of several edges between two nodes, and of equal counts. */
export const someEdges: Arbitrary<Edge[]> = fc
  .array(fc.tuple(fc.nat({ max: 7 }), fc.nat({ max: 7 }), fc.nat({ max: 3 })), { maxLength: 24 })
  .map((edges) => edges.map(([from, to, count], n) => ({ edge: `e${n}`, from: `n${from}`, to: `n${to}`, count })));

export const someWay: Arbitrary<Way> = fc.constantFrom("both", "outgoing", "incoming");

/** Every step that leads on from a node. */
export function stepsOf(edges: readonly Edge[], node: string, way: Way): Step[] {
  return edges.flatMap(({ edge, from, to, count }) => {
    if (way !== "incoming" && from === node) return [{ edge, from: node, to, count }];
    if (way !== "outgoing" && to === node) return [{ edge, from: node, to: from, count }];
    return [];
  });
}

/** An engine's answers, in no order at all. */
export function expandOver(edges: readonly Edge[], way: Way): Expand {
  return async (nodes, fanOut) =>
    nodes
      .flatMap((node) => stepsOf(edges, node, way).sort(byCount).slice(0, fanOut))
      .sort((left, right) => right.edge.localeCompare(left.edge));
}

export function byCount(left: Step, right: Step): number {
  return right.count - left.count || (left.edge < right.edge ? -1 : 1);
}
