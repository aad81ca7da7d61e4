import { Code, ConnectError } from "@connectrpc/connect";

/** For `catch`: what is not there is undefined, other failures stay failures. */
export function undefinedIfMissing(error: unknown): undefined {
  if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
  throw error;
}
