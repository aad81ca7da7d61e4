import { type Grant, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CliFailure } from "../cli-failure.ts";
import type { Connection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";

/**
 * Asks whether the caller may record in the module, or in any if the lines name theirs; before the first line is read, since
 * otherwise each would be refused by itself. Throws CliFailure.
 */
export async function checkMayRecord(
  { auth }: Pick<Connection, "auth">,
  module: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { principal } = await auth.whoAmI({}, { signal });
  const grants = (principal?.grants ?? []).filter(({ verb }) => verb >= Verb.RECORD);
  if (module === undefined ? grants.length > 0 : grants.some((grant) => covers(grant, module))) return;
  const where = module === undefined ? "anywhere" : `in module ${module}`;
  throw new CliFailure(EXIT.failed, `${principal?.name} may not record ${where}: \`cos whoami\` shows what it may do`);
}

function covers({ module }: Grant, name: string): boolean {
  return module === "*" || module === name;
}
