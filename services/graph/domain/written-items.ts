import { create, type JsonObject, toJson } from "@bufbuild/protobuf";
import type { NodeContent, RelationshipContent } from "#gen/cos/graph/v1/by_hand_pb.ts";
import {
  type GraphChange,
  GraphChangedSchema,
  type NodeWritten,
  NodeWrittenSchema,
  type RelationshipWritten,
  RelationshipWrittenSchema,
} from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import { checkProperties } from "#shared/fields/check-properties.ts";
import { applyMask, checkMask } from "./apply-mask.ts";
import type { EdgeRow, NodeRow } from "./graph-rows.ts";

const LABEL_UNSET = "Entity";
const TYPE_UNSET = "RELATES_TO";
/** What one act may have in the log. */
const ACT_BYTES_MAX = 64 * 1024;

const NODE_FIELDS = ["label", "kind", "name"] as const;
const RELATIONSHIP_FIELDS = ["type"] as const;

/** Throws INVALID_FIELD for a mask that names what a node has not. */
export function checkNodeMask(paths: readonly string[]): void {
  checkMask(paths, NODE_FIELDS);
}

/** The same of a relationship. */
export function checkRelationshipMask(paths: readonly string[]): void {
  if (paths.includes("from_id") || paths.includes("to_id")) {
    throw invalidField("update_mask", "must not name from_id or to_id: the ends never change");
  }
  checkMask(paths, RELATIONSHIP_FIELDS);
}

/** A node as its maker wants it. */
export function newNode(id: string, { label, kind, name, properties }: NodeContent): NodeWritten {
  return create(NodeWrittenSchema, {
    id,
    label: label === "" ? LABEL_UNSET : label,
    kind,
    name,
    ...(properties !== undefined && { properties }),
  });
}

/** A node as it will be, whole, in place of the revision that was read. Throws as checkNodeMask does. */
export function updatedNode(row: NodeRow, sent: NodeContent, paths: readonly string[]): NodeWritten {
  const { label, kind, name } = row;
  const current = { label, kind, name, properties: { ...row.properties } };
  const wanted = applyMask({ current, sent, paths, fields: NODE_FIELDS, unset: { label: LABEL_UNSET } });
  return create(NodeWrittenSchema, { id: row.id, revision: BigInt(row.revision), ...wanted });
}

/** A relationship as its maker wants it. */
export function newRelationship(
  id: string,
  { type, fromId, toId, properties }: RelationshipContent,
): RelationshipWritten {
  return create(RelationshipWrittenSchema, {
    id,
    type: type === "" ? TYPE_UNSET : type,
    fromId: fromId.toLowerCase(),
    toId: toId.toLowerCase(),
    ...(properties !== undefined && { properties }),
  });
}

/** As updatedNode. Its ends never change. */
export function updatedRelationship(
  row: EdgeRow,
  sent: RelationshipContent,
  paths: readonly string[],
): RelationshipWritten {
  const current = { type: row.type as string, properties: { ...row.properties } };
  const wanted = applyMask({ current, sent, paths, fields: RELATIONSHIP_FIELDS, unset: { type: TYPE_UNSET } });
  const ends = { fromId: row.from, toId: row.to };
  return create(RelationshipWrittenSchema, { id: row.id, revision: BigInt(row.revision), ...ends, ...wanted });
}

/** The faults of a node that the contract's rules do not find; `path` is where the caller said it. */
export function nodeFaults({ name, properties = {} }: NodeWritten, path: string): FieldFault[] {
  return [...nameFaults(name, `${path}.name`), ...checkProperties(properties, `${path}.properties`)];
}

/** The faults of a name, of a node or an entity. */
export function nameFaults(name: string, field: string): FieldFault[] {
  if (name === "") return [{ field, description: "is required" }];
  return name.isWellFormed() ? [] : [{ field, description: "must be well-formed Unicode" }];
}

/** The same of a relationship. */
export function relationshipFaults({ fromId, toId, properties = {} }: RelationshipWritten, path: string): FieldFault[] {
  return [...endFaults(fromId, toId, path), ...checkProperties(properties, `${path}.properties`)];
}

function endFaults(fromId: string, toId: string, path: string): FieldFault[] {
  const missing = Object.entries({ from_id: fromId, to_id: toId }).filter(([, id]) => id === "");
  if (missing.length > 0) return missing.map(([field]) => ({ field: `${path}.${field}`, description: "is required" }));
  // Ids are the same in whatever case; the contract's rule compares letters.
  if (fromId.toLowerCase() !== toId.toLowerCase()) return [];
  return [{ field: `${path}.to_id`, description: "must be another node than from_id: nothing relates to itself" }];
}

/** The fault of changes that are too large for one act. */
export function sizeFaults(changes: readonly GraphChange[], field: string): FieldFault[] {
  const act = toJson(GraphChangedSchema, create(GraphChangedSchema, { changes: [...changes] })) as JsonObject;
  if (Buffer.byteLength(JSON.stringify(act)) <= ACT_BYTES_MAX) return [];
  return [{ field, description: "must be at most 64 KiB as JSON, with all else of the change" }];
}
