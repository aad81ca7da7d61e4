import { type JsonObject, toJsonString } from "@bufbuild/protobuf";
import { UpdateNodeResponseSchema, UpdateRelationshipResponseSchema } from "#gen/cos/graph/v1/by_hand_pb.ts";
import type { Node, Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import type { Cli } from "../cli.ts";
import { CliFailure } from "../cli-failure.ts";
import type { EditItemOptions } from "../commands/graph-change.ts";
import { withGraph } from "../connection/with-graph.ts";
import { EXIT } from "../exit-codes.ts";
import { findItem } from "./find-item.ts";
import { givenProperties } from "./given-properties.ts";
import { type Search, searchOf } from "./search-of.ts";
import { nodeActLine, relationshipActLine } from "./tell-act.ts";

/** What is to be changed, and the mask that says so. */
interface Changes {
  readonly properties: JsonObject;
  readonly paths: readonly string[];
}

/** `cos graph edit`: nobody's change in between is overwritten, since the revision that was read goes along. */
export async function editItem(cli: Cli, which: string, options: EditItemOptions): Promise<number> {
  const changes = changesOf(options);
  const { module } = options;
  return withGraph(cli, options.address, async (graph) => {
    const search = searchOf(cli, graph, module === undefined ? {} : { module });
    const found = await findItem(search, which);
    const line =
      found.what === "node"
        ? await editNode(search, found.item, options, changes)
        : await editRelationship(search, found.item, options, changes);
    await cli.out.line(line);
    return EXIT.ok;
  });
}

/** Properties that are to go are in the mask without a value. */
function changesOf({ name, kind, type, property, remove = [] }: EditItemOptions): Changes {
  const properties = givenProperties(property);
  const both = remove.find((each) => Object.hasOwn(properties, each));
  if (both !== undefined) throw new CliFailure(EXIT.usage, `${both} is to be set and to be removed`);
  const names = Object.entries({ name, kind, type }).flatMap(([path, value]) => (value === undefined ? [] : [path]));
  const paths = [...names, ...[...Object.keys(properties), ...remove].map((each) => `properties.${each}`)];
  if (paths.length > 0) return { properties, paths };
  throw new CliFailure(EXIT.usage, "nothing to change: give --name, --kind, --type, --property or --remove");
}

async function editNode(
  { cli, graph, signal }: Search,
  { id, module, revision }: Node,
  { name = "", kind = "", type, json }: EditItemOptions,
  { properties, paths }: Changes,
): Promise<string> {
  if (type !== undefined) throw new CliFailure(EXIT.usage, "--type is for relationships, and this is a node");
  const node = { module, name, kind, properties };
  const answer = await graph.updateNode({ id, node, revision, updateMask: { paths: [...paths] } }, { signal });
  if (json === true) return toJsonString(UpdateNodeResponseSchema, answer);
  return nodeActLine(cli.out, "changed", answer.node, answer.cursor);
}

async function editRelationship(
  { cli, graph, signal }: Search,
  { id, module, revision }: Relationship,
  { name, kind, type, json }: EditItemOptions,
  { properties, paths }: Changes,
): Promise<string> {
  if (name !== undefined || kind !== undefined) {
    throw new CliFailure(EXIT.usage, "--name and --kind are for nodes, and this is a relationship");
  }
  const relationship = { module, type: type ?? "", properties };
  const request = { id, relationship, revision, updateMask: { paths: [...paths] } };
  const answer = await graph.updateRelationship(request, { signal });
  if (json === true) return toJsonString(UpdateRelationshipResponseSchema, answer);
  return relationshipActLine(cli.out, "changed", answer.relationship, undefined, answer.cursor);
}
