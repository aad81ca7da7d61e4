import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import type { Cursor } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Output } from "../output/output.ts";
import { nameOf, whatIs } from "./describe-node.ts";

/** What was done by hand, to a node: `added Royal Charles (ship)  <id>  in the log at cc/12`. */
export function nodeActLine(out: Output, done: string, node: Node | undefined, cursor: Cursor | undefined): string {
  const what = node === undefined ? "" : `${out.style("bold", nameOf(node))} (${whatIs(node)})`;
  return actLine(out, done, what, node?.id ?? "", cursor);
}

/** The same, to a relationship. */
export function relationshipActLine(
  out: Output,
  done: string,
  relationship: Relationship | undefined,
  ends: readonly [string, string] | undefined,
  cursor: Cursor | undefined,
): string {
  const type = relationship?.type ?? "";
  const what = ends === undefined ? type : `${ends[0]} -> ${out.style("yellow", type)} -> ${ends[1]}`;
  return actLine(out, done, what, relationship?.id ?? "", cursor);
}

function actLine(out: Output, done: string, what: string, id: string, cursor: Cursor | undefined): string {
  const place = cursor === undefined ? "" : `in the log at ${cursor.module}/${cursor.position}`;
  const rest = [id, place].filter((part) => part !== "").map((part) => out.style("dim", part));
  return [`${done} ${what}`, ...rest].join("  ");
}
