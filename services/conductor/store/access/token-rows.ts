import { create } from "@bufbuild/protobuf";
import { GrantSchema, PrincipalSchema, type Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { type Token, TokenSchema } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { timestampOf } from "../memory-rows.ts";
import { kindOfWord } from "./stored-words.ts";

/** A row of `cos_auth.token` with its principal's kind and rights; times in microseconds of the Unix epoch, in text. The hash never leaves. */
export interface TokenRow {
  readonly id: string;
  readonly principal: string;
  readonly kind: string;
  readonly created_us: string;
  readonly created_by: string;
  readonly expires_us: string | null;
  readonly last_used_us: string | null;
  readonly revoked_us: string | null;
  readonly grants: readonly { readonly module: string; readonly verb: Verb }[];
}

const micros = (column: string) => `(extract(epoch from t.${column}) * 1000000)::bigint`;

/** The select list for a token of the alias `t`; its principal has the alias `p`. */
export const tokenColumns = `t.id, t.principal, p.kind, t.created_by, ${micros("created_at")} as created_us,
  ${micros("expires_at")} as expires_us, ${micros("last_used_at")} as last_used_us, ${micros("revoked_at")} as revoked_us,
  (select coalesce(json_agg(json_build_object('module', g.module, 'verb', g.verb) order by g.module), '[]')
   from cos_auth.granted g where g.principal = t.principal) as grants`;

/** Whether a token of the alias `t` has neither expired nor been revoked. */
export const isLive = "(t.revoked_at is null and (t.expires_at is null or t.expires_at > clock_timestamp()))";

/** The token of a row, with its principal's rights as they are now. */
export function tokenOf(row: TokenRow): Token {
  const grants = row.grants.map((grant) => create(GrantSchema, grant));
  return create(TokenSchema, {
    id: row.id,
    principal: create(PrincipalSchema, { name: row.principal, kind: kindOfWord(row.kind), grants }),
    createdAt: timestampOf(row.created_us),
    createdBy: row.created_by,
    ...(row.expires_us === null ? {} : { expiresAt: timestampOf(row.expires_us) }),
    ...(row.last_used_us === null ? {} : { lastUsedAt: timestampOf(row.last_used_us) }),
    ...(row.revoked_us === null ? {} : { revokedAt: timestampOf(row.revoked_us) }),
  });
}
