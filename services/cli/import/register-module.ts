import { Code, ConnectError } from "@connectrpc/connect";
import { CliFailure } from "../cli-failure.ts";
import type { Connection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";

/**
 * Registers the module unless it is there; answers whether it was new. Throws CliFailure if it may not.
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
    if (error instanceof ConnectError && error.code === Code.PermissionDenied) throw notRegistered(name, error);
    throw error;
  }
}

function notRegistered(name: string, cause: ConnectError): CliFailure {
  const message = `there is no module ${name} that you may see, and you may not register one: ${cause.rawMessage}`;
  return new CliFailure(EXIT.failed, message, { cause });
}
