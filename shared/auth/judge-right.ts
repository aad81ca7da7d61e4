import type { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { FieldFault } from "#shared/errors/cos-error.ts";
import type { Access } from "./access.ts";
import { verbIn } from "./principal.ts";
import { moduleNotFound, rightMissingIn } from "./refusals.ts";
import { mayRead } from "./scope.ts";

/**
 * Judges a caller's right in one module, as it is now. Throws UNAUTHENTICATED for an access that has ended, NOT_FOUND for a module
 * that the caller may not see (`fields` tell where it was named), PERMISSION_DENIED for one in which the right is missing.
 */
export function judgeRight(access: Access, verb: Verb, module: string, fields: readonly FieldFault[] = []): void {
  const { ended } = access;
  if (ended !== undefined) throw ended;
  if (verbIn(access.grants, module) >= verb) return;
  if (mayRead(access.scope, module)) throw rightMissingIn(verb, module);
  throw moduleNotFound(module, fields);
}
