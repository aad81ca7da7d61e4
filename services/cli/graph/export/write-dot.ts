import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import { oneLine, shorten } from "../../output/one-line.ts";
import { isByHand, nameOf, whatIs } from "../describe-node.ts";
import type { GraphFormat } from "./graph-format.ts";

/** Columns of a name in a picture. */
const NAME_COLUMNS = 60;
/** The thickest line; it grows with the logarithm, since a few pairs occur together a hundred times more often than the rest. */
const PEN_WIDTH_MAX = 6;

/** Shapes by what a node is; what is not here is an ellipse. */
const SHAPES: Readonly<Record<string, string>> = {
  place: "box",
  organisation: "hexagon",
  work: "note",
  page: "note",
  url: "note",
  concept: "diamond",
  memory: "plaintext",
  prompt: "plaintext",
  session: "folder",
  source: "component",
  module: "tab",
};

/** DOT (https://graphviz.org/doc/info/lang.html). What occurs together has no arrow. */
export function dot(): GraphFormat {
  return {
    head: (module) =>
      `digraph ${quoted(module)} {\n  graph [overlap=false, splines=true];\n  node [shape=ellipse, fontname="sans-serif"];\n  edge [color="#00000066"];\n`,
    node: (node) => `  ${quoted(node.id)} [${nodeAttributes(node)}];\n`,
    relationship: (edge) => `  ${quoted(edge.fromId)} -> ${quoted(edge.toId)} [${edgeAttributes(edge)}];\n`,
    foot: () => "}\n",
  };
}

function nodeAttributes(node: Node): string {
  const what = whatIs(node);
  const shape = SHAPES[what];
  return attributes([
    ["label", shorten(nameOf(node), NAME_COLUMNS)],
    ["tooltip", `${what}, ${node.memoryCount} memories`],
    ["shape", shape],
    ["style", isByHand(node) ? "bold" : undefined],
  ]);
}

function edgeAttributes(edge: Relationship): string {
  const count = Number(edge.count);
  const isPlain = edge.type === "RELATES_TO" && !isByHand(edge);
  return attributes([
    ["dir", isPlain ? "none" : undefined],
    ["label", isPlain ? undefined : edge.type],
    ["style", isByHand(edge) ? "bold" : undefined],
    ["weight", String(Math.max(1, count))],
    ["penwidth", count > 1 ? Math.min(PEN_WIDTH_MAX, 1 + Math.log2(count) / 2).toFixed(2) : undefined],
  ]);
}

function attributes(all: readonly (readonly [name: string, value: string | undefined])[]): string {
  return all.flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${quoted(value)}`])).join(", ");
}

/** A quoted string. Backslashes are doubled, because labels know sequences such as `\n` and `\N`. */
function quoted(text: string): string {
  return `"${oneLine(text.toWellFormed()).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
