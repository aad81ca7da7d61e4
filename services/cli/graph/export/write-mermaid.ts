import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import { oneLine, shorten } from "../../output/one-line.ts";
import { isByHand, nameOf } from "../describe-node.ts";
import type { GraphFormat } from "./graph-format.ts";

/** Columns of a name in a picture. */
const NAME_COLUMNS = 40;

/** A flowchart of Mermaid (https://mermaid.js.org) within a code fence, as Markdown pages show it. What occurs together has no arrow. */
export function mermaid(): GraphFormat {
  // Short ids of its own: Mermaid takes no others for granted, and bounds the text of a chart.
  const numbers = new Map<string, number>();
  const idOf = (id: string): string => `n${numbers.get(id)}`;
  return {
    head: () => "```mermaid\nflowchart LR\n",
    node: (node: Node) => {
      numbers.set(node.id, numbers.size + 1);
      return `  ${idOf(node.id)}["${escapeLabel(shorten(nameOf(node), NAME_COLUMNS))}"]\n`;
    },
    relationship: (edge: Relationship) => {
      const isPlain = edge.type === "RELATES_TO" && !isByHand(edge);
      const line = isPlain ? "---" : "-->";
      const label = isPlain ? String(edge.count) : edge.type;
      return `  ${idOf(edge.fromId)} ${line}|"${escapeLabel(label)}"| ${idOf(edge.toId)}\n`;
    },
    foot: () => "```\n",
  };
}

/** All but what needs no escape anywhere in a label. */
const SPECIAL = /[^\p{L}\p{M}\p{N} .,'’()…/_-]/gu;
/** A label that begins like a list is taken for Markdown's. */
const LIST_MARK = /^\d+[.)]|^-/;

/** A text as a label in quotes: all that might mean something to Mermaid or Markdown as a number (`#35;`). */
function escapeLabel(text: string): string {
  const code = (character: string): string => `#${character.codePointAt(0)};`;
  return oneLine(text.toWellFormed())
    .replace(SPECIAL, code)
    .replace(LIST_MARK, (mark) => `${mark.slice(0, -1)}${code(mark.slice(-1))}`);
}
