import { randomUUIDv7 } from "node:crypto";
import type { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import type { Token } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import type { Connection } from "./principals.ts";
import { type TokenRow, tokenColumns, tokenOf } from "./token-rows.ts";

/** A token with its secret, which is kept nowhere: whoever drops this has lost it. */
export interface NewToken {
  readonly token: Token;
  readonly secret: string;
}

interface TokenToAdd {
  readonly principal: string;
  readonly kind: PrincipalKind;
  readonly lifetimeSeconds: number;
  readonly createdBy: string;
}

const insertToken = `
  with t as (
    insert into cos_auth.token (id, principal, hash, created_by, expires_at)
    values ($1, $2, $3, $4, now() + make_interval(secs => $5)) returning *
  )
  select ${tokenColumns} from t join cos_auth.principal p on p.name = t.principal`;

/** Gives a principal that is locked another token. */
export async function addToken(client: Connection, added: TokenToAdd): Promise<NewToken> {
  const { principal, kind, lifetimeSeconds, createdBy } = added;
  const secret = makeApiToken(kind);
  const values = [randomUUIDv7(), principal, hashOfApiToken(secret), createdBy, lifetimeSeconds];
  const { rows } = await client.query<TokenRow>(insertToken, values);
  return { token: tokenOf(rows[0]!), secret };
}
