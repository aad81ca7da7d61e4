/** What a log line says of an error. Nothing of it can carry what somebody wrote. */
export interface ErrorDescription {
  readonly type: string;
  /** The driver's or the system's code: `23505`, `ECONNREFUSED`. */
  readonly code?: string | number;
  /** COS's own reason: `ENGINE_UNAVAILABLE`. */
  readonly reason?: string;
  readonly constraint?: string;
  /** Where it was thrown: the frames alone, since the line above them is the message. */
  readonly stack?: string;
  readonly cause?: ErrorDescription;
}

const CAUSES_MAX = 4;

/**
 * Describes an error by an allow-list: type, code, reason, constraint, frames, causes. Messages and details are left
 * out, because drivers put the values of rows into them (`Key (text)=(...) already exists`).
 */
export function describeError(error: unknown, depth = 0): ErrorDescription {
  if (!(error instanceof Error)) return { type: typeof error };
  const { code, reasonName, constraint, stack, cause } = error as Error & Record<string, unknown>;
  return {
    type: error.name,
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(typeof reasonName === "string" ? { reason: reasonName } : {}),
    ...(typeof constraint === "string" ? { constraint } : {}),
    ...(typeof stack === "string" ? { stack: framesOf(stack) } : {}),
    ...(cause instanceof Error && depth < CAUSES_MAX ? { cause: describeError(cause, depth + 1) } : {}),
  };
}

function framesOf(stack: string): string {
  return stack
    .split("\n")
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim())
    .join("\n");
}
