import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { type Node, NodeSchema, Origin } from "#gen/cos/graph/v1/graph_pb.ts";
import type { NameRow, NodeRow } from "./graph-rows.ts";

/** A node as callers see it; with its names where they were asked for. */
export function nodeOf(row: NodeRow, names: readonly NameRow[] = []): Node {
  const manual = row.origin === "manual";
  return create(NodeSchema, {
    id: row.id,
    module: row.module,
    label: row.label,
    kind: row.kind,
    name: row.name,
    origin: originOf(row.origin),
    memoryCount: BigInt(row.count),
    position: BigInt(row.position),
    eventType: row.eventType,
    ...(row.occurredMs !== undefined && { occurredAt: timestampFromMs(row.occurredMs) }),
    forgotten: row.forgotten,
    ...(manual && { properties: { ...row.properties } }),
    revision: BigInt(row.revision),
    names: names.map(({ form, count }) => ({ name: form, memoryCount: BigInt(count) })),
  });
}

/** Where an item comes from, in the contract's words. */
export function originOf(origin: NodeRow["origin"]): Origin {
  return origin === "manual" ? Origin.MANUAL : Origin.DERIVED;
}
