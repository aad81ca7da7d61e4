import { toJsonString } from "@bufbuild/protobuf";
import { DeleteNodeResponseSchema, DeleteRelationshipResponseSchema } from "#gen/cos/graph/v1/by_hand_pb.ts";
import type { Cli } from "../cli.ts";
import type { RemoveItemOptions } from "../commands/graph-change.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { findItem } from "./find-item.ts";
import { searchOf } from "./search-of.ts";
import { nodeActLine, relationshipActLine } from "./tell-act.ts";

/** `cos graph rm`: not if it was changed since it was looked up. */
export function removeItem(cli: Cli, which: string, options: RemoveItemOptions): Promise<number> {
  const { force = false, json, address } = options;
  return withGraph(cli, address, async (graph) => {
    const call = { signal: cli.terminal.signal };
    const found = await findItem(searchOf(cli, graph, options), which);
    const { id, module, revision } = found.item;
    if (found.what === "node") {
      const answer = await graph.deleteNode({ id, module, revision, force }, call);
      const line = json === true ? toJsonString(DeleteNodeResponseSchema, answer) : undefined;
      await cli.out.line(line ?? nodeActLine(cli.out, "removed", found.item, answer.cursor));
    } else {
      const answer = await graph.deleteRelationship({ id, module, revision }, call);
      const line = json === true ? toJsonString(DeleteRelationshipResponseSchema, answer) : undefined;
      await cli.out.line(line ?? relationshipActLine(cli.out, "removed", found.item, undefined, answer.cursor));
    }
    return EXIT.ok;
  });
}
