import type { EntityName } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import { mentionKeyOf } from "./extract/name-key.ts";
import type { EntityKind, NameKey } from "./mention.ts";
import { refuseFaults } from "./refusals.ts";
import { nameFaults } from "./written-items.ts";

/** A name as somebody writes it, in its normal form. Throws INVALID_FIELD for one that is none, naming the field. */
export function entityNamed({ kind: given, name }: EntityName, field: string): NameKey {
  refuseFaults(nameFaults(name, `${field}.name`));
  const kind = given as EntityKind;
  const key = mentionKeyOf(kind, name);
  if (key === "") throw invalidField(`${field}.name`, "must be a name: signs alone are none");
  return { kind, key };
}
