import { toJsonString } from "@bufbuild/protobuf";
import { MergeEntitiesResponseSchema } from "#gen/cos/graph/v1/aliases_pb.ts";
import type { Node } from "#gen/cos/graph/v1/graph_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { MergeEntitiesOptions } from "../commands/graph-change.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { isId } from "../options/is-id.ts";
import { introduce } from "./describe-node.ts";
import { findTogether } from "./find-nodes.ts";
import { searchOf } from "./search-of.ts";
import { nodeActLine } from "./tell-act.ts";

/** `cos graph merge`: the names are looked up, so that their kinds need not be typed. */
export function mergeEntities(cli: Cli, names: readonly string[], options: MergeEntitiesOptions): Promise<number> {
  const { into, kind, json, module, address } = options;
  return withGraph(cli, address, async (graph) => {
    const search = searchOf(cli, graph, module === undefined ? {} : { module });
    const nodes = await findTogether(search, names);
    const [first] = nodes as [Node, ...Node[]];
    const stranger = nodes.find((node) => node.module !== first.module);
    if (stranger !== undefined) {
      throw new CliFailure(EXIT.usage, `${introduce(first)} and ${introduce(stranger)} are of different modules`);
    }
    const answer = await graph.mergeEntities(
      {
        module: first.module,
        entities: nodes.map((node, index) => entityName(node, names[index] as string)),
        into: { kind: kind ?? first.kind, name: into },
      },
      { signal: search.signal },
    );
    const line = json === true ? toJsonString(MergeEntitiesResponseSchema, answer) : undefined;
    await cli.out.line(line ?? nodeActLine(cli.out, "merged into", answer.node, answer.cursor));
    return EXIT.ok;
  });
}

/** How an act of the log calls an entity: by the name that was typed, with the kind of what was found. */
export function entityName(node: Node, typed: string): { kind: string; name: string } {
  return { kind: node.kind, name: isId(typed) ? node.name : typed };
}
