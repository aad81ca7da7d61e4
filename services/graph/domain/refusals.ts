import { ErrorReason, ErrorReasonSchema } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";

// What the graph's handlers refuse, in its words. What the caller may not see is refused as what is not there.

/** INVALID_ARGUMENT for these fields; nothing for none. */
export function refuseFaults(faults: readonly FieldFault[]): void {
  const [first] = faults;
  if (first === undefined) return;
  throw new CosError(ErrorReason.INVALID_FIELD, `${first.field}: ${first.description}`, { fields: faults });
}

/** No node has this id; `field` tells where it was named. */
export function nodeNotFound(id: string, field: string): CosError {
  const description = "must be the id of a node that is there";
  return new CosError(ErrorReason.NODE_NOT_FOUND, `${field}: there is no node "${id}"`, {
    resource: { type: "node", name: id },
    fields: [{ field, description }],
  });
}

/** Nobody and nothing is called so in a module. */
export function nameNotFound(name: string, module: string, field: string): CosError {
  return new CosError(ErrorReason.NODE_NOT_FOUND, `${field}: there is no node called "${name}" in module "${module}"`, {
    resource: { type: "node", name },
    fields: [{ field, description: "must be a name that memories use; SearchGraph finds names by their beginnings" }],
  });
}

/** A name is none of the entity's, or the only thing that the entity is. */
export function nameNotOfEntity(name: string, field: string): CosError {
  return new CosError(ErrorReason.NODE_NOT_FOUND, `${field}: the entity has no name "${name}" that could leave it`, {
    resource: { type: "node", name },
    fields: [
      {
        field,
        description: "must be a name that memories use for the entity, other than the one that it follows from",
      },
    ],
  });
}

/** No relationship has this id; `field` tells where it was named. */
export function relationshipNotFound(id: string, field: string): CosError {
  return new CosError(ErrorReason.RELATIONSHIP_NOT_FOUND, `${field}: there is no relationship "${id}"`, {
    resource: { type: "relationship", name: id },
    fields: [{ field, description: "must be the id of a relationship that is there" }],
  });
}

/** It was derived from memories: what they say is not changed by hand. */
export function itemDerived(what: Item, id: string, field: string): CosError {
  return new CosError(ErrorReason.ITEM_DERIVED, `the ${what} was derived from memories, and is not changed by hand`, {
    resource: { type: what, name: id },
    fields: [{ field, description: `must be the id of a ${what} that was made by hand` }],
  });
}

/** It is a link between memories, which the log has. */
export function linkNotByHand(id: string, field: string): CosError {
  return new CosError(
    ErrorReason.ITEM_DERIVED,
    "the relationship is a link between memories: ConductorService.UnlinkMemories takes it back",
    {
      resource: { type: "relationship", name: id },
      fields: [{ field, description: "must be the id of a relationship that was made by hand in the graph" }],
    },
  );
}

/** Somebody else has changed it since it was read. */
export function revisionStale(what: Item, id: string, revision: number, field: string): CosError {
  return new CosError(
    ErrorReason.REVISION_STALE,
    `the ${what} has revision ${revision} by now: read it again, decide again`,
    { resource: { type: what, name: id }, fields: [{ field, description: "must be the current revision" }] },
  );
}

/** It would take along what others have said of it. */
export function nodeInUse(id: string): CosError {
  const why = "relationships that were made by hand touch the node: `force` deletes them with it";
  return new CosError(ErrorReason.NODE_IN_USE, why, { resource: { type: "node", name: id } });
}

/** The alias table of a module is full. */
export function aliasesFull(module: string, most: number): CosError {
  return new CosError(ErrorReason.QUOTA_EXCEEDED, `module "${module}" may have ${most} aliases, and would have more`, {
    resource: { type: "module", name: module },
  });
}

export type Item = "node" | "relationship";

/**
 * An act that was recorded and came to nothing, because another one came first: the error that it would have been refused with, had its
 * author seen that. `reason` is the name of an ErrorReason.
 */
export function actRefused(reason: string): CosError {
  const known = ErrorReasonSchema.values.find(({ localName }) => localName === reason);
  return new CosError(
    (known?.number ?? ErrorReason.INTERNAL) as ErrorReason,
    "another change came first, so that this one had no effect: read again, decide again",
  );
}

/** An act that was recorded and that the graph could not take. */
export function actParked(): CosError {
  return new CosError(ErrorReason.INTERNAL, "the act was recorded, but the graph could not apply it");
}
