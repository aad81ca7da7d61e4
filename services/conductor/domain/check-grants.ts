import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Grant, PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";

/**
 * Whether somebody of this kind can be given these rights. Throws INVALID_FIELD with every fault: a module that is named twice, and
 * for agents whatever is above RECORD. (A module need not be registered: rights may be given before it is.)
 */
export function checkGrants(kind: PrincipalKind, grants: readonly Pick<Grant, "module" | "verb">[]): void {
  const faults: FieldFault[] = [];
  const named = new Set<string>();
  for (const [n, { module, verb }] of grants.entries()) {
    if (named.has(module)) faults.push({ field: `grants[${n}].module`, description: "must not be named twice" });
    named.add(module);
    if (kind === PrincipalKind.AGENT && verb > Verb.RECORD) {
      faults.push({
        field: `grants[${n}].verb`,
        description: "must be READ or RECORD: an agent never approves or administers",
      });
    }
  }
  const [first] = faults;
  if (first === undefined) return;
  throw new CosError(ErrorReason.INVALID_FIELD, `${first.field}: ${first.description}`, { fields: faults });
}
