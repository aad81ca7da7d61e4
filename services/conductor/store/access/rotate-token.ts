import type { RotateTokenRequest } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { secondsOf, tokenLifetimeSeconds } from "../../domain/token-lifetime.ts";
import { addToken, type NewToken } from "./add-token.ts";
import { type Connection, lockPrincipal } from "./principals.ts";
import { isLive } from "./token-rows.ts";
import { type Actor, writeAudit } from "./write-audit.ts";

const endOthers = `
  update cos_auth.token t set expires_at = least(t.expires_at, now() + make_interval(secs => $3))
  where t.principal = $1 and t.id <> $2 and ${isLive}`;

/**
 * Gives a principal a new token and lets those that it has end after the overlap; none lives longer than it would have. One whose
 * tokens have all ended gets a new one too, with the rights that it had. Runs in a transaction of its caller's; rejects with
 * PRINCIPAL_NOT_FOUND.
 */
export async function rotateToken(client: Connection, actor: Actor, request: RotateTokenRequest): Promise<NewToken> {
  const { name } = request;
  const kind = await lockPrincipal(client, name);
  const lifetimeSeconds = tokenLifetimeSeconds(kind, request.expiresIn);
  const overlapSeconds = secondsOf(request.overlap);
  const createdBy = actor.access.principal.name;
  const made = await addToken(client, { principal: name, kind, lifetimeSeconds, createdBy });
  const { rowCount } = await client.query(endOthers, [name, made.token.id, overlapSeconds]);
  await writeAudit(client, actor, {
    action: "token.rotated",
    target: name,
    details: {
      token_id: made.token.id,
      replaced: String(rowCount),
      overlap_seconds: String(overlapSeconds),
      lifetime_seconds: String(lifetimeSeconds),
    },
  });
  return made;
}
