import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";

/**
 * A way to write a graph, piece by piece: nodes before relationships. Each piece is text that ends a line, or is empty. One is made for each
 * export, since some number what they have written.
 */
export interface GraphFormat {
  readonly head: (module: string) => string;
  readonly node: (node: Node) => string;
  readonly relationship: (relationship: Relationship) => string;
  readonly foot: () => string;
}
