import { toJsonString } from "@bufbuild/protobuf";
import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import { type FindShortestPathResponse, FindShortestPathResponseSchema } from "#gen/cos/graph/v1/queries_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { ShowPathOptions } from "../commands/graph-ask.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { countOf } from "../output/count-of.ts";
import { oneLine } from "../output/one-line.ts";
import type { Output } from "../output/output.ts";
import { writeLines } from "../output/write-lines.ts";
import { introduce, isByHand, nameOf, propertiesOf } from "./describe-node.ts";
import { findTogether } from "./find-nodes.ts";
import { evidenceLine } from "./memory-row.ts";
import { searchOf } from "./search-of.ts";

/** The longest way that can be asked for (cos.graph.v1.FindShortestPathRequest). */
const DEPTH_MAX = 12;

/** What a way may go through besides what occurs together, with --memories: not a module, in which everything is. */
const THROUGH_MEMORIES = ["RELATES_TO", "DEPENDS_ON", "REFERENCES", "FLOWS_TO", "TRIGGERED_BY"];

/** `cos graph path`. */
export function showPath(cli: Cli, fromName: string, toName: string, options: ShowPathOptions): Promise<number> {
  return withGraph(cli, options.address, async (graph) => {
    const [from, to] = (await findTogether(searchOf(cli, graph, options), [fromName, toName])) as [Node, Node];
    if (from.id === to.id) throw new CliFailure(EXIT.failed, `both are names of one: ${introduce(from)}`);
    const path = await graph.findShortestPath(
      {
        fromId: from.id,
        toId: to.id,
        depth: options.depth,
        evidenceMax: options.evidence,
        types: options.memories === true ? THROUGH_MEMORIES : [],
      },
      { signal: cli.terminal.signal },
    );
    if (path.nodes.length === 0) throw new CliFailure(EXIT.notFound, describeAbsence(from, to, path, options));
    const lines =
      options.json === true ? [toJsonString(FindShortestPathResponseSchema, path)] : describe(cli.out, path);
    await writeLines(cli.out, lines);
    return EXIT.ok;
  });
}

function describeAbsence(
  from: Node,
  to: Node,
  { truncated }: FindShortestPathResponse,
  options: ShowPathOptions,
): string {
  const { depth, memories } = options;
  const ends = `${introduce(from)} and ${introduce(to)}`;
  if (truncated) {
    return `no way was found between ${ends} before the search ended at its limit\nfewer steps are searched further: --depth ${Math.max(1, depth - 1)}`;
  }
  const hints = [
    ...(depth < DEPTH_MAX ? [`--depth ${DEPTH_MAX} looks further`] : []),
    ...(memories === true ? [] : ["--memories goes through memories too"]),
  ];
  const hint = hints.length === 0 ? "" : `\n${hints.join("; ")}`;
  return `${ends} are not connected within ${countOf(depth, "step", "steps")}${hint}`;
}

function describe(out: Output, { nodes, relationships }: FindShortestPathResponse): string[] {
  return nodes.flatMap((node, index) => {
    const step = relationships[index];
    const lines = [nodeLine(out, node)];
    return step === undefined ? lines : [...lines, ...stepLines(out, node, step)];
  });
}

function nodeLine(out: Output, node: Node): string {
  const name = nameOf(node);
  return `${out.style("bold", name)}${introduce(node).slice(name.length)}`;
}

function stepLines(out: Output, from: Node, step: Relationship): string[] {
  const said = oneLine(propertiesOf(step));
  const what = isByHand(step)
    ? `added by hand${said === "" ? "" : ` (${said})`}`
    : `in ${countOf(step.count, "memory", "memories")}`;
  // What occurs together has no direction.
  const arrow = isByHand(step) || step.type !== "RELATES_TO" ? (step.fromId === from.id ? " ->" : " <-") : "";
  const lines = step.evidence.map((each) => evidenceLine(out, each, "  |   "));
  return [`  |${arrow} ${out.style("yellow", step.type)} ${what}`, ...lines];
}
