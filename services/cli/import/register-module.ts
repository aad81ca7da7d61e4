import { Code, ConnectError } from "@connectrpc/connect";
import type { Connection } from "../connection.ts";

/**
 * Registers the module unless it is there; answers whether it was new.
 *
 * Asked for first, since registering needs a right that recording does not.
 */
export async function registerModule(
  { modules }: Pick<Connection, "modules">,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await modules.getModule({ name }, { signal });
    return false;
  } catch (error) {
    if (!(error instanceof ConnectError) || error.code !== Code.NotFound) throw error;
  }
  try {
    await modules.registerModule({ module: { name } }, { signal });
    return true;
  } catch (error) {
    // Somebody else was faster.
    if (error instanceof ConnectError && error.code === Code.AlreadyExists) return false;
    throw error;
  }
}
