import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";

/** What whoever writes to a retired module is told; `field` is where the call named it. */
export function moduleRetired(module: string, field: string): CosError {
  const fields: FieldFault[] = [{ field, description: "must be a module that is not retired" }];
  return new CosError(ErrorReason.MODULE_RETIRED, `module "${module}" is retired: it can be read, not written`, {
    resource: { type: "module", name: module },
    fields,
  });
}
