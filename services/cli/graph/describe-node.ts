import type { Node } from "#gen/cos/graph/v1/graph_pb.ts";
import { Origin } from "#gen/cos/graph/v1/graph_pb.ts";
import { countOf } from "../output/count-of.ts";
import { oneLine } from "../output/one-line.ts";

/** Labels as people call them. */
const WORDS: Readonly<Record<string, string>> = {
  LogEntry: "memory",
  Prompt: "prompt",
  Entity: "entity",
  Concept: "concept",
  Module: "module",
  Session: "session",
  Source: "source",
};

/** What a node is, in a word: its kind, if it has one. */
export function whatIs({ kind, label }: Pick<Node, "kind" | "label">): string {
  return kind === "" ? (WORDS[label] ?? label) : kind;
}

export function isMemory({ label }: Pick<Node, "label">): boolean {
  return label === "LogEntry" || label === "Prompt";
}

export function isByHand({ origin }: { readonly origin: Origin }): boolean {
  return origin === Origin.MANUAL;
}

/** Where a node is: a memory by its place, which `cos get` takes; others by their module. */
export function whereIs(node: Pick<Node, "label" | "module" | "position">): string {
  return isMemory(node) ? `${node.module}/${node.position}` : node.module;
}

/** What a node is called, on one line. */
export function nameOf(node: Pick<Node, "name" | "label" | "module" | "position" | "forgotten">): string {
  if (node.forgotten) return "(forgotten)";
  return oneLine(node.name) || whereIs(node);
}

/** `Sir W. Batten (person, 1,022 memories of pepys)`. */
export function introduce(node: Node): string {
  const memories = node.memoryCount === 0n ? "" : `${countOf(node.memoryCount, "memory", "memories")} of `;
  return `${nameOf(node)} (${whatIs(node)}, ${memories}${node.module})`;
}

/** Properties on one line: `guns: 80, captain: "x"` without the quotes. */
export function propertiesOf({ properties }: Pick<Node, "properties">): string {
  return Object.entries(properties ?? {})
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(", ");
}
