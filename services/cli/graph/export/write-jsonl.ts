import { toJson } from "@bufbuild/protobuf";
import { NodeSchema, RelationshipSchema } from "#gen/cos/graph/v1/graph_pb.ts";
import type { GraphFormat } from "./graph-format.ts";

/** One object a line, `{"node": ...}` or `{"relationship": ...}`, each in protobuf's JSON. */
export function jsonLines(): GraphFormat {
  return {
    head: () => "",
    node: (node) => `${JSON.stringify({ node: toJson(NodeSchema, node) })}\n`,
    relationship: (relationship) => `${JSON.stringify({ relationship: toJson(RelationshipSchema, relationship) })}\n`,
    foot: () => "",
  };
}
