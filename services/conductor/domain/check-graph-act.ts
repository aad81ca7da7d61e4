import type { RecordGraphActRequest } from "#gen/cos/conductor/v1/graph_log_service_pb.ts";
import type { EntityName, GraphChange, NodeWritten, RelationshipWritten } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import { checkProperties } from "#shared/fields/check-properties.ts";
import { textFault } from "#shared/fields/text-fault.ts";

/** What the contract's rules cannot say of an act upon the graph: every fault, each with its path. */
export function checkGraphAct({ act, idempotencyKey }: RecordGraphActRequest): FieldFault[] {
  return [...actFaults(act), ...textFaults("idempotency_key", idempotencyKey)];
}

function actFaults(act: RecordGraphActRequest["act"]): FieldFault[] {
  switch (act.case) {
    case "changed":
      return act.value.changes.flatMap((change, n) => changeFaults(change, `changed.changes[${n}].`));
    case "merged":
      return [
        ...act.value.entities.flatMap((entity, n) => nameFaults(entity, `merged.entities[${n}]`)),
        ...nameFaults(act.value.into, "merged.into"),
      ];
    case "split":
      return [...nameFaults(act.value.entity, "split.entity"), ...nameFaults(act.value.name, "split.name")];
    default:
      return [{ field: "act", description: "is required" }];
  }
}

function changeFaults({ change }: GraphChange, path: string): FieldFault[] {
  switch (change.case) {
    case "nodeWritten":
      return nodeFaults(change.value, `${path}node_written`);
    case "relationshipWritten":
      return relationshipFaults(change.value, `${path}relationship_written`);
    default:
      return [];
  }
}

function nodeFaults({ name, properties }: NodeWritten, path: string): FieldFault[] {
  return [...textFaults(`${path}.name`, name), ...checkProperties(properties ?? {}, `${path}.properties`)];
}

/** Ids are the same in whatever case; the contract's rule compares letters. */
function relationshipFaults({ fromId, toId, properties }: RelationshipWritten, path: string): FieldFault[] {
  const isLoop = fromId.toLowerCase() === toId.toLowerCase();
  const loop = isLoop ? [{ field: `${path}.to_id`, description: "must be another node than from_id" }] : [];
  return [...loop, ...checkProperties(properties ?? {}, `${path}.properties`)];
}

function nameFaults(entity: EntityName | undefined, path: string): FieldFault[] {
  return textFaults(`${path}.name`, entity?.name ?? "");
}

function textFaults(field: string, text: string): FieldFault[] {
  const description = textFault(text);
  return description === undefined ? [] : [{ field, description }];
}
