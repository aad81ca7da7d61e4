import { toJsonString } from "@bufbuild/protobuf";
import { CredentialKind, type WhoAmIResponse, WhoAmIResponseSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "./cli.ts";
import type { WhoAmIOptions } from "./commands/whoami.ts";
import { withConnection } from "./connection/with-connection.ts";
import { EXIT } from "./exit-codes.ts";
import { formatInstant } from "./output/format-instant.ts";
import { formatGrants, formatKind } from "./output/format-rights.ts";
import { fieldLines } from "./output/table.ts";

/** `cos whoami`. */
export function whoAmI(cli: Cli, options: WhoAmIOptions): Promise<number> {
  return withConnection(cli, options.address, async ({ auth }) => {
    const answer = await auth.whoAmI({}, { signal: cli.terminal.signal });
    const lines = options.json === true ? [toJsonString(WhoAmIResponseSchema, answer)] : describe(cli, answer);
    for (const line of lines) await cli.out.line(line);
    return EXIT.ok;
  });
}

const SHOWN_BY: Readonly<Record<CredentialKind, string>> = {
  [CredentialKind.UNSPECIFIED]: "",
  [CredentialKind.LOCAL]: "being on this machine",
  [CredentialKind.TOKEN]: "a token",
  [CredentialKind.JWT]: "a signed token",
  [CredentialKind.CERTIFICATE]: "a certificate",
  [CredentialKind.SERVICE]: "a service's word",
};

function describe(cli: Cli, { principal, credential, expiresAt, via }: WhoAmIResponse): string[] {
  const source = cli.tokenSource === undefined ? "" : ` (${cli.tokenSource.name})`;
  return fieldLines(cli.out, [
    ["name", principal?.name ?? ""],
    ["kind", principal === undefined ? "" : formatKind(principal.kind)],
    ["rights", formatGrants(principal?.grants ?? []) || "none"],
    ["shown by", `${SHOWN_BY[credential] ?? ""}${source}`],
    ["until", formatInstant(expiresAt)],
    ["via", via],
  ]);
}
