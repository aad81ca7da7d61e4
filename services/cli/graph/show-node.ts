import { type JsonValue, toJson } from "@bufbuild/protobuf";
import { type Node, NodeSchema } from "#gen/cos/graph/v1/graph_pb.ts";
import { Direction, type Neighbor, NeighborOrder, NeighborSchema } from "#gen/cos/graph/v1/queries_pb.ts";
import type { Cli } from "../cli.ts";
import type { ShowNodeOptions } from "../commands/graph-ask.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { formatInstant } from "../output/format-instant.ts";
import { oneLine } from "../output/one-line.ts";
import type { Output } from "../output/output.ts";
import { fieldLines, tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { isByHand, isMemory, nameOf, propertiesOf, whatIs, whereIs } from "./describe-node.ts";
import { findNode } from "./find-nodes.ts";
import { memoryNodeLine } from "./memory-row.ts";
import { type Search, searchOf } from "./search-of.ts";

/** A node with what is around it; of each part at most as many as asked for. */
interface Surroundings {
  readonly node: Node;
  /** What occurs with it, by weight; of what is no entity: whatever is next to it. */
  readonly neighbors: readonly Neighbor[];
  /** The latest memories that mention it. */
  readonly memories: readonly Neighbor[];
  readonly byHand: readonly Neighbor[];
}

/** `cos graph show`. */
export function showNode(cli: Cli, which: string, options: ShowNodeOptions): Promise<number> {
  return withGraph(cli, options.address, async (graph) => {
    const search = searchOf(cli, graph, options);
    const found = await surroundings(search, await findNode(search, which), options.top);
    await writeLines(cli.out, options.json === true ? [jsonOf(found)] : describe(cli.out, found, options.top));
    return EXIT.ok;
  });
}

function isNamed({ label }: Node): boolean {
  return label === "Entity" || label === "Concept";
}

async function surroundings({ graph, signal }: Search, node: Node, top: number): Promise<Surroundings> {
  const { id } = node;
  const list = async (request: Parameters<typeof graph.listNeighbors>[0]): Promise<Neighbor[]> =>
    (await graph.listNeighbors({ id, pageSize: top, evidenceMax: -1, ...request }, { signal })).neighbors;
  const byHand = list({ manualOnly: true });
  const around = isNamed(node) ? { types: ["RELATES_TO"], order: NeighborOrder.WEIGHT } : {};
  const mentions = { types: ["REFERENCES"], direction: Direction.INCOMING };
  const [neighbors, memories, made] = await Promise.all([
    list(around),
    isNamed(node) ? list(mentions) : Promise.resolve([]),
    byHand,
  ]);
  const derived = (all: readonly Neighbor[]) => all.filter(({ relationship }) => !isMade(relationship));
  const manual = made.filter(({ relationship }) => isMade(relationship));
  return { node, neighbors: derived(neighbors), memories: derived(memories), byHand: manual };
}

function isMade(relationship: Neighbor["relationship"]): boolean {
  return relationship !== undefined && isByHand(relationship);
}

function jsonOf({ node, ...lists }: Surroundings): string {
  const json: Record<string, JsonValue> = { node: toJson(NodeSchema, node) };
  for (const [name, list] of Object.entries(lists)) json[name] = list.map((each) => toJson(NeighborSchema, each));
  return JSON.stringify(json);
}

function describe(out: Output, { node, neighbors, memories, byHand }: Surroundings, top: number): string[] {
  const section = (title: string, count: number, lines: () => string[]): string[] =>
    count === 0 ? [] : ["", out.style("bold", title) + (count === top ? out.style("dim", MORE) : ""), ...lines()];
  return [
    out.style("bold", nameOf(node)),
    ...fields(out, node),
    ...section(isNamed(node) ? "occurs with" : "next to it", neighbors.length, () =>
      isNamed(node) ? weighedLines(out, neighbors) : nextLines(out, node, neighbors),
    ),
    ...section("latest memories", memories.length, () =>
      memories.flatMap(({ node: memory }) => (memory === undefined ? [] : [memoryNodeLine(out, memory)])),
    ),
    ...section("added by hand", byHand.length, () => madeLines(out, node, byHand)),
  ];
}

const MORE = "  (there may be more: --top)";

function fields(out: Output, node: Node): string[] {
  const memories = node.memoryCount === 0n ? "" : node.memoryCount.toLocaleString("en");
  return fieldLines(out, [
    ["what", `${whatIs(node)}${isByHand(node) ? ", added by hand" : ""}`],
    ["id", node.id],
    [isMemory(node) ? "place" : "module", whereIs(node)],
    ["memories", memories],
    ["names", node.names.map(({ name, memoryCount }) => `${name} (${memoryCount.toLocaleString("en")})`).join(", ")],
    ["type", node.eventType],
    ["occurred", formatInstant(node.occurredAt)],
    ["properties", propertiesOf(node)],
    ["revision", node.revision === 0n ? "" : String(node.revision)],
  ]);
}

function weighedLines(out: Output, neighbors: readonly Neighbor[]): string[] {
  const rows = neighbors.map(({ relationship, node }) => [
    (relationship?.weight ?? 0).toFixed(2),
    (relationship?.count ?? 0n).toLocaleString("en"),
    ...(node === undefined ? ["", ""] : [whatIs(node), nameOf(node)]),
  ]);
  return tableLines(out, ["WEIGHT", "TOGETHER", "WHAT", "NAME"], rows, { right: [0, 1], gives: 3 });
}

/** Which way a relationship goes, seen from a node. */
function arrowOf(from: Node, { relationship }: Neighbor): string {
  return relationship?.fromId === from.id ? "->" : "<-";
}

function nextLines(out: Output, from: Node, neighbors: readonly Neighbor[]): string[] {
  const rows = neighbors.map((each) => [
    `${arrowOf(from, each)} ${each.relationship?.type}`,
    ...(each.node === undefined ? ["", "", ""] : [whatIs(each.node), nameOf(each.node), whereIs(each.node)]),
  ]);
  return tableLines(out, ["RELATIONSHIP", "WHAT", "NAME", "WHERE"], rows, { gives: 2 });
}

function madeLines(out: Output, from: Node, neighbors: readonly Neighbor[]): string[] {
  const rows = neighbors.map((each) => [
    `${arrowOf(from, each)} ${each.relationship?.type}`,
    each.node === undefined ? "" : `${nameOf(each.node)} (${whatIs(each.node)})`,
    oneLine(each.relationship === undefined ? "" : propertiesOf(each.relationship)),
    each.relationship?.id ?? "",
  ]);
  return tableLines(out, ["RELATIONSHIP", "NODE", "SAID OF IT", "ID"], rows, { gives: 2 });
}
