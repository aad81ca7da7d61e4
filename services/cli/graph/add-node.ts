import { toJsonString } from "@bufbuild/protobuf";
import { CreateNodeResponseSchema } from "#gen/cos/graph/v1/by_hand_pb.ts";
import type { Cli } from "../cli.ts";
import type { AddNodeOptions } from "../commands/graph-change.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { givenProperties } from "./given-properties.ts";
import { moduleToUse } from "./modules-of.ts";
import { searchOf } from "./search-of.ts";
import { nodeActLine } from "./tell-act.ts";

/** `cos graph add node`. */
export async function addNode(cli: Cli, options: AddNodeOptions): Promise<number> {
  const { name, label, kind = "", json, address } = options;
  const properties = givenProperties(options.property);
  return withGraph(cli, address, async (graph) => {
    const module = await moduleToUse(searchOf(cli, graph, options));
    const node = { module, name, label, kind, properties };
    const answer = await graph.createNode({ node }, { signal: cli.terminal.signal });
    const line = json === true ? toJsonString(CreateNodeResponseSchema, answer) : undefined;
    await cli.out.line(line ?? nodeActLine(cli.out, "added", answer.node, answer.cursor));
    return EXIT.ok;
  });
}
