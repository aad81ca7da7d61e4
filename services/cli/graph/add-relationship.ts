import { toJsonString } from "@bufbuild/protobuf";
import { CreateRelationshipResponseSchema } from "#gen/cos/graph/v1/by_hand_pb.ts";
import type { Node } from "#gen/cos/graph/v1/graph_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { AddRelationshipOptions } from "../commands/graph-change.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import type { GivenProperty } from "../options/parse-property.ts";
import { introduce, nameOf } from "./describe-node.ts";
import { findTogether } from "./find-nodes.ts";
import { givenProperties } from "./given-properties.ts";
import { searchOf } from "./search-of.ts";
import { relationshipActLine } from "./tell-act.ts";

/** `cos graph add edge`: in the module that is named, else in that of the node it starts at. */
export async function addRelationship(
  cli: Cli,
  fromName: string,
  toName: string,
  options: AddRelationshipOptions,
): Promise<number> {
  const { type, why, property = [], module, json, address } = options;
  const reason: GivenProperty[] = why === undefined ? [] : [{ name: "why", value: why }];
  const properties = givenProperties([...reason, ...property]);
  return withGraph(cli, address, async (graph) => {
    const [from, to] = (await findTogether(searchOf(cli, graph, {}), [fromName, toName])) as [Node, Node];
    if (from.id === to.id) throw new CliFailure(EXIT.usage, `both are names of one: ${introduce(from)}`);
    const relationship = { module: module ?? from.module, type, fromId: from.id, toId: to.id, properties };
    const answer = await graph.createRelationship({ relationship }, { signal: cli.terminal.signal });
    const ends = [nameOf(from), nameOf(to)] as const;
    await cli.out.line(
      json === true
        ? toJsonString(CreateRelationshipResponseSchema, answer)
        : relationshipActLine(cli.out, "added", answer.relationship, ends, answer.cursor),
    );
    return EXIT.ok;
  });
}
