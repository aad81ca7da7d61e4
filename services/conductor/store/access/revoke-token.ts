import type { RevokeTokenRequest, Token } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { type Connection, lockPrincipal, principalNotFound } from "./principals.ts";
import { isLive, type TokenRow, tokenColumns, tokenOf } from "./token-rows.ts";
import { type Actor, writeAudit } from "./write-audit.ts";

const endTokens = `
  with t as (
    update cos_auth.token t set revoked_at = now()
    where t.principal = $1 and ($2::uuid is null or t.id = $2) and ${isLive} returning *
  )
  select ${tokenColumns} from t join cos_auth.principal p on p.name = t.principal order by t.created_at, t.id`;

/**
 * Ends a principal's tokens, or one of them; answers with those that had not ended before. Where none had, nothing was done, and the
 * audit says nothing. Runs in a transaction of its caller's; rejects with PRINCIPAL_NOT_FOUND, of a token too.
 */
export async function revokeToken(client: Connection, actor: Actor, request: RevokeTokenRequest): Promise<Token[]> {
  const { name, tokenId } = request;
  await lockPrincipal(client, name);
  if (tokenId !== "") await requireToken(client, name, tokenId);
  const { rows } = await client.query<TokenRow>(endTokens, [name, tokenId === "" ? null : tokenId]);
  if (rows.length === 0) return [];
  await writeAudit(client, actor, {
    action: "token.revoked",
    target: name,
    details: { tokens: String(rows.length), token_id: rows.map(({ id }) => id).join(" ") },
  });
  return rows.map(tokenOf);
}

async function requireToken(client: Connection, name: string, tokenId: string): Promise<void> {
  const text = "select from cos_auth.token t where t.principal = $1 and t.id = $2";
  const { rows } = await client.query(text, [name, tokenId]);
  if (rows.length === 0) throw principalNotFound(name, `principal "${name}" has no token ${tokenId}`);
}
