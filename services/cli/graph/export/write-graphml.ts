import { type JsonObject, toJson } from "@bufbuild/protobuf";
import { TimestampSchema } from "@bufbuild/protobuf/wkt";
import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import { isByHand, nameOf } from "../describe-node.ts";
import type { GraphFormat } from "./graph-format.ts";

type KeyType = "string" | "long" | "double" | "boolean";
type Value = string | bigint | number | boolean;

/** What a node tells. `label` is what Gephi shows. */
const NODE_KEYS: readonly (readonly [name: string, type: KeyType, of: (node: Node) => Value | undefined])[] = [
  ["label", "string", (node) => nameOf(node)],
  ["type", "string", ({ label }) => label],
  ["kind", "string", ({ kind }) => kind || undefined],
  ["module", "string", ({ module }) => module],
  ["origin", "string", originOf],
  ["memories", "long", ({ memoryCount }) => memoryCount],
  ["position", "long", ({ position }) => (position === 0n ? undefined : position)],
  ["event_type", "string", ({ eventType }) => eventType || undefined],
  ["occurred_at", "string", ({ occurredAt }) => occurredAt && toJson(TimestampSchema, occurredAt)],
  ["forgotten", "boolean", ({ forgotten }) => forgotten || undefined],
  ["properties", "string", propertiesOf],
];

/** What a relationship tells. `weight` is what Gephi lays out by: the memories, and 1 for what was made by hand. */
const EDGE_KEYS: readonly (readonly [name: string, type: KeyType, of: (edge: Relationship) => Value | undefined])[] = [
  ["weight", "double", ({ count }) => Math.max(1, Number(count))],
  ["relationship", "string", ({ type }) => type],
  ["origin", "string", originOf],
  ["properties", "string", propertiesOf],
];

/**
 * GraphML 1.0 (http://graphml.graphdrawing.org), with declared keys. Derived RELATES_TO has no direction, the others lead from source
 * to target.
 */
export function graphMl(): GraphFormat {
  return {
    head: (module) =>
      [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">',
        ...NODE_KEYS.map(([name, type]) => keyLine("node", name, type)),
        ...EDGE_KEYS.map(([name, type]) => keyLine("edge", name, type)),
        `  <graph id="${escapeXml(module)}" edgedefault="directed">`,
        "",
      ].join("\n"),
    node: (node) => `    <node id="${escapeXml(node.id)}">${dataOf(NODE_KEYS, "node", node)}</node>\n`,
    relationship: (edge) => {
      const ends = `source="${escapeXml(edge.fromId)}" target="${escapeXml(edge.toId)}"`;
      const direction = edge.type === "RELATES_TO" && !isByHand(edge) ? ' directed="false"' : "";
      return `    <edge id="${escapeXml(edge.id)}" ${ends}${direction}>${dataOf(EDGE_KEYS, "edge", edge)}</edge>\n`;
    },
    foot: () => "  </graph>\n</graphml>\n",
  };
}

function keyLine(of: "node" | "edge", name: string, type: KeyType): string {
  return `  <key id="${of}_${name}" for="${of}" attr.name="${name}" attr.type="${type}"/>`;
}

function dataOf<T>(
  keys: readonly (readonly [name: string, type: KeyType, of: (item: T) => Value | undefined])[],
  prefix: "node" | "edge",
  item: T,
): string {
  return keys
    .map(([name, , of]) => [name, of(item)] as const)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `<data key="${prefix}_${name}">${escapeXml(String(value))}</data>`)
    .join("");
}

function originOf(item: Node | Relationship): string {
  return isByHand(item) ? "manual" : "derived";
}

function propertiesOf({ properties }: { readonly properties?: JsonObject | undefined }): string | undefined {
  return properties === undefined || Object.keys(properties).length === 0 ? undefined : JSON.stringify(properties);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** What XML 1.0 (2.2, Char) does not take even as a reference, and controls that it takes but nobody wants. */
const NO_CHARACTERS = /[\p{Cc}\uFFFE\uFFFF]/gu;

/** A text as XML's content or attribute. Controls are left out, halves of characters replaced. */
function escapeXml(text: string): string {
  return text
    .toWellFormed()
    .replace(NO_CHARACTERS, "")
    .replace(/[&<>"']/g, (character) => ENTITIES[character] as string);
}
