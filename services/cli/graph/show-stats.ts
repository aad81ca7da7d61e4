import { toJson } from "@bufbuild/protobuf";
import { type ModuleProjection, ModuleProjectionSchema } from "#gen/cos/graph/v1/projection_pb.ts";
import { type ModuleStats, ModuleStatsSchema, type NodeCount } from "#gen/cos/graph/v1/surveys_pb.ts";
import type { Cli } from "../cli.ts";
import type { GraphOptions } from "../commands/graph-parts.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";
import { tableLines } from "../output/table.ts";
import { writeLines } from "../output/write-lines.ts";
import { isByHand } from "./describe-node.ts";
import { lagWords } from "./lag-words.ts";

/** `cos graph stats`. */
export function showStats(cli: Cli, { module, json, address }: GraphOptions): Promise<number> {
  const which = module === undefined ? {} : { module };
  return withGraph(cli, address, async (graph) => {
    const call = { signal: cli.terminal.signal };
    const [stats, projection] = await Promise.all([graph.getStats(which, call), graph.getProjection(which, call)]);
    const places = new Map(projection.modules.map((each) => [each.cursor?.module, each]));
    if (stats.modules.length === 0 && json !== true) {
      await cli.err.line(
        "cos: the graph is empty: record something (`cos record`, `cos import`), it follows by itself",
      );
    }
    for (const [index, each] of stats.modules.entries()) {
      const place = places.get(each.module);
      const lines = json === true ? [jsonOf(each, place)] : [...(index > 0 ? [""] : []), ...describe(cli, each, place)];
      await writeLines(cli.out, lines);
    }
    return EXIT.ok;
  });
}

function jsonOf(stats: ModuleStats, place: ModuleProjection | undefined): string {
  const projection = place === undefined ? {} : { projection: toJson(ModuleProjectionSchema, place) };
  return JSON.stringify({ ...(toJson(ModuleStatsSchema, stats) as object), ...projection });
}

function describe({ out }: Cli, stats: ModuleStats, place: ModuleProjection | undefined): string[] {
  const sum = (counts: readonly { readonly count: bigint }[]): bigint =>
    counts.reduce((all, { count }) => all + count, 0n);
  const nodes = countOf(sum(stats.nodes), "node", "nodes");
  const relationships = countOf(sum(stats.relationships), "relationship", "relationships");
  const head = `${out.style("bold", stats.module)}  ${nodes}, ${relationships}${place === undefined ? "" : `; ${lagWords(place)}`}`;
  return [
    head,
    ...rowsOf(out, ["NODES", "KIND", "MADE", "COUNT"], stats.nodes.map(nodeRow)),
    ...rowsOf(
      out,
      ["RELATIONSHIPS", "MADE", "COUNT"],
      stats.relationships.map((each) => [each.type, madeOf(each), each.count.toLocaleString("en")]),
    ),
  ];
}

function nodeRow(each: NodeCount): string[] {
  return [each.label, each.kind, madeOf(each), each.count.toLocaleString("en")];
}

function madeOf(each: Parameters<typeof isByHand>[0]): string {
  return isByHand(each) ? "by hand" : "";
}

function rowsOf(out: Cli["out"], headings: readonly string[], rows: readonly string[][]): string[] {
  return rows.length === 0 ? [] : tableLines(out, headings, rows, { right: [headings.length - 1] });
}
