import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Evidence, EvidenceSchema, type Relationship, RelationshipSchema } from "#gen/cos/graph/v1/graph_pb.ts";
import type { EdgeRow, NodeRow } from "./graph-rows.ts";
import { originOf } from "./node-of.ts";

/** A relationship as callers see it. */
export function relationshipOf(
  row: EdgeRow,
  { weight = 0, evidence = [] }: { readonly weight?: number; readonly evidence?: readonly Evidence[] } = {},
): Relationship {
  return create(RelationshipSchema, {
    id: row.id,
    module: row.module,
    type: row.type,
    fromId: row.from,
    toId: row.to,
    origin: originOf(row.origin),
    count: BigInt(row.count),
    weight,
    evidence: [...evidence],
    ...(row.origin === "manual" && { properties: { ...row.properties } }),
    ...(row.mention !== undefined && { properties: { names: [...row.mention.forms] } }),
    revision: BigInt(row.revision),
  });
}

/** A memory's node as evidence. */
export function evidenceOf({ id, module, position, occurredMs, name }: NodeRow): Evidence {
  return create(EvidenceSchema, {
    memoryId: id,
    module,
    position: BigInt(position),
    ...(occurredMs !== undefined && { occurredAt: timestampFromMs(occurredMs) }),
    excerpt: name,
  });
}

/** Where the evidence of a relationship is found. */
export type EvidencePlace =
  /** The memories in which both ends occur together. */
  | { readonly by: "pair" }
  /** The memories at one or both of its ends: the later of those that are memories. */
  | { readonly by: "ends"; readonly ids: readonly string[] }
  /** The act of the log that made it. */
  | { readonly by: "act"; readonly evidence: Evidence };

/** Where to look for what a relationship was derived from. */
export function evidencePlaceOf({ origin, type, from, to, module, position }: EdgeRow): EvidencePlace {
  if (origin === "manual") {
    return { by: "act", evidence: create(EvidenceSchema, { module, position: BigInt(position) }) };
  }
  if (type === "RELATES_TO") return { by: "pair" };
  if (type === "CONTAINS") return { by: "ends", ids: [to] };
  return { by: "ends", ids: type === "FLOWS_TO" ? [from, to] : [from] };
}
