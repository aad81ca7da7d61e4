import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";

/** The scope as a parameter: null for all modules. `($n::text[] is null or module = any($n))` is its condition. */
export function scopeParameter(scope: Scope): string[] | null {
  return scope.modules === "all" ? null : [...scope.modules];
}

/**
 * What a caller is told of a module that does not exist, for this caller or at all: the two must look the same. `fields` tell where
 * the module was named, if that can be told.
 */
export function moduleNotFound(module: string, fields: readonly FieldFault[] = []): CosError {
  return new CosError(ErrorReason.MODULE_NOT_FOUND, `there is no module "${module}"`, {
    resource: { type: "module", name: module },
    fields,
  });
}
