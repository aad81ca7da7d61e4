import type { Evidence, Node } from "#gen/cos/graph/v1/graph_pb.ts";
import { formatInstant } from "../output/format-instant.ts";
import { oneLine, shorten } from "../output/one-line.ts";
import type { Output } from "../output/output.ts";
import { nameOf, whereIs } from "./describe-node.ts";

/** Columns that an excerpt gets at least, however narrow the terminal. */
const EXCERPT_COLUMNS_MIN = 20;

/** A memory as evidence: when, where, and how it begins. */
export function evidenceLine(out: Output, evidence: Evidence, indent = ""): string {
  const { occurredAt, module, position, excerpt } = evidence;
  return memoryRow(out, indent, formatInstant(occurredAt), `${module}/${position}`, oneLine(excerpt) || "(forgotten)");
}

/** A memory's node, in the same form. */
export function memoryNodeLine(out: Output, node: Node, indent = ""): string {
  return memoryRow(out, indent, formatInstant(node.occurredAt), whereIs(node), nameOf(node));
}

function memoryRow(out: Output, indent: string, when: string, where: string, text: string): string {
  const lead = `${indent}${when}  ${where}  `;
  const room = out.columns === undefined ? Number.POSITIVE_INFINITY : out.columns - lead.length;
  return `${indent}${out.style("cyan", when)}  ${out.style("dim", where)}  ${shorten(text, Math.max(EXCERPT_COLUMNS_MIN, room))}`;
}
