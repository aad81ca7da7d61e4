import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { CreateTokenRequest } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { tokenLifetimeSeconds } from "../../domain/token-lifetime.ts";
import { addToken, type NewToken } from "./add-token.ts";
import { type Connection, lockPrincipal, replaceGrants, sayGrants } from "./principals.ts";
import { wordOfKind } from "./stored-words.ts";
import { isLive } from "./token-rows.ts";
import { type Actor, writeAudit } from "./write-audit.ts";

const findLive = `select from cos_auth.token t where t.principal = $1 and ${isLive} limit 1`;

/**
 * Registers a principal with its first token, or takes one of the same kind up again whose tokens have all ended. The rights are
 * those given here, whatever they were. Runs in a transaction of its caller's; rejects with PRINCIPAL_EXISTS.
 */
export async function createToken(client: Connection, actor: Actor, request: CreateTokenRequest): Promise<NewToken> {
  const { name, kind, grants } = request;
  const createdBy = actor.access.principal.name;
  const insert = "insert into cos_auth.principal (name, kind, created_by) values ($1, $2, $3) on conflict do nothing";
  await client.query(insert, [name, wordOfKind(kind), createdBy]);
  if ((await lockPrincipal(client, name)) !== kind) {
    throw principalExists(name, `"${name}" was given to a principal of another kind, for good`);
  }
  const live = await client.query(findLive, [name]);
  if (live.rows.length > 0) {
    throw principalExists(name, `"${name}" has a token already: rotate it, or revoke it first`);
  }
  await replaceGrants(client, name, grants);
  const lifetimeSeconds = tokenLifetimeSeconds(kind, request.expiresIn);
  const made = await addToken(client, { principal: name, kind, lifetimeSeconds, createdBy });
  await writeAudit(client, actor, {
    action: "token.created",
    target: name,
    details: {
      token_id: made.token.id,
      kind: wordOfKind(kind),
      grants: sayGrants(grants),
      lifetime_seconds: String(lifetimeSeconds),
    },
  });
  return made;
}

function principalExists(name: string, message: string): CosError {
  return new CosError(ErrorReason.PRINCIPAL_EXISTS, message, { resource: { type: "principal", name } });
}
