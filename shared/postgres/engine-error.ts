import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { classifyError } from "./classify-error.ts";

/** When it makes sense to ask again: a server that restarts is back within about this time. */
const retryAfterMs = 1000;

/** ENGINE_UNAVAILABLE for PostgreSQL, with RetryInfo. */
export function postgresUnavailable(cause?: unknown): CosError {
  return new CosError(ErrorReason.ENGINE_UNAVAILABLE, "PostgreSQL does not answer", { cause, retryAfterMs });
}

/** The error that a caller is told when a statement failed for a reason that is not the caller's. */
export function engineError(error: unknown): Error {
  if (error instanceof CosError) return error;
  switch (classifyError(error)) {
    case "retry":
    case "unavailable":
    case "cancelled":
      return postgresUnavailable(error);
    case "outdated":
      return new CosError(ErrorReason.ENGINE_UNAVAILABLE, "PostgreSQL has an older schema: run `cos migrate`", {
        cause: error,
        retryAfterMs,
      });
    default:
      return new CosError(ErrorReason.INTERNAL, "PostgreSQL refused a statement of ours", { cause: error });
  }
}
