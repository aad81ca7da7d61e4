import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";

/** Whether the database has not answered, or not in the time that it was given. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof CosError && error.reason === ErrorReason.ENGINE_UNAVAILABLE;
}
