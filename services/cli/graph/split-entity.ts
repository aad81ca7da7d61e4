import { toJsonString } from "@bufbuild/protobuf";
import { SplitEntityResponseSchema } from "#gen/cos/graph/v1/aliases_pb.ts";
import type { Cli } from "../cli.ts";
import type { SplitEntityOptions } from "../commands/graph-change.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { introduce } from "./describe-node.ts";
import { findNode } from "./find-nodes.ts";
import { entityName } from "./merge-entities.ts";
import { searchOf } from "./search-of.ts";
import { nodeActLine } from "./tell-act.ts";

/** `cos graph split`. */
export function splitEntity(cli: Cli, which: string, options: SplitEntityOptions): Promise<number> {
  const { name, kind, json, module, address } = options;
  return withGraph(cli, address, async (graph) => {
    const search = searchOf(cli, graph, module === undefined ? {} : { module });
    const node = await findNode(search, which);
    const request = { module: node.module, entity: entityName(node, which), name: { kind: kind ?? node.kind, name } };
    const answer = await graph.splitEntity(request, { signal: search.signal });
    if (json === true) {
      await cli.out.line(toJsonString(SplitEntityResponseSchema, answer));
      return EXIT.ok;
    }
    await cli.out.line(nodeActLine(cli.out, "split off", answer.split, answer.cursor));
    const rest = answer.entity === undefined ? "nothing is left of it" : `what is left: ${introduce(answer.entity)}`;
    await cli.err.line(cli.err.style("dim", `cos: ${rest}`));
    return EXIT.ok;
  });
}
