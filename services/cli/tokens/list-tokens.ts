import { toJsonString } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Token, TokenSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Cli } from "../cli.ts";
import type { ListTokensOptions } from "../commands/tokens.ts";
import { withConnection } from "../connection/with-connection.ts";
import { EXIT } from "../exit-codes.ts";
import { formatInstant } from "../output/format-instant.ts";
import { formatGrants, formatKind } from "../output/format-rights.ts";
import { tableLines } from "../output/table.ts";
import { pagesOfTokens } from "./pages-of-tokens.ts";

const HEADINGS = ["NAME", "KIND", "ENDED", "EXPIRES", "LAST USED", "MADE BY", "RIGHTS", "ID"];

/** `cos tokens ls`. */
export function listTokens(cli: Cli, { name, all, json, address }: ListTokensOptions): Promise<number> {
  const which = { ...(name !== undefined && { name }), showEnded: all === true };
  return withConnection(cli, address, async (connection) => {
    const tokens = await Array.fromAsync(pagesOfTokens(connection, which, cli.terminal.signal));
    if (json === true) {
      for (const token of tokens) await cli.out.line(toJsonString(TokenSchema, token));
    } else if (tokens.length === 0) {
      await cli.err.line("cos: there are none: `cos tokens create` makes one");
    } else {
      for (const line of tableLines(cli.out, HEADINGS, tokens.map(rowOf))) await cli.out.line(line);
    }
    return EXIT.ok;
  });
}

function rowOf(token: Token): string[] {
  const { principal } = token;
  return [
    principal?.name ?? "",
    formatKind(principal?.kind ?? 0),
    endOf(token, Date.now()),
    formatInstant(token.expiresAt) || "never",
    formatInstant(token.lastUsedAt),
    token.createdBy,
    formatGrants(principal?.grants ?? []) || "none",
    token.id,
  ];
}

function endOf({ revokedAt, expiresAt }: Token, nowMs: number): string {
  if (revokedAt !== undefined) return "revoked";
  return expiresAt !== undefined && timestampMs(expiresAt) <= nowMs ? "expired" : "";
}
