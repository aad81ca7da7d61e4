import type { Token } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "../cli.ts";
import { formatInstant } from "../output/format-instant.ts";
import { formatGrants, formatKind } from "../output/format-rights.ts";

/** Prints a token alone, so that `> file` holds nothing else, and beside it what is to be known of it. */
export async function showSecret(cli: Cli, secret: string, token: Token | undefined): Promise<void> {
  await cli.out.line(secret);
  if (token !== undefined) await cli.err.line(`cos: ${describe(token)}`);
  await cli.err.line(
    "cos: it is shown this once. To use it: keep it in a file of your own (chmod 600) and name that in COS_TOKEN_FILE",
  );
}

/** `editor-bot (agent): drafts=record, until 2026-12-23 08:00:00Z`. */
function describe({ principal, expiresAt }: Token): string {
  const until = expiresAt === undefined ? "" : `, until ${formatInstant(expiresAt)}`;
  const rights = formatGrants(principal?.grants ?? []) || "no right yet";
  return `${principal?.name} (${formatKind(principal?.kind ?? 0)}): ${rights}${until}`;
}
