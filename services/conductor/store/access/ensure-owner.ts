import { randomUUIDv7 } from "node:crypto";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { EVERY_MODULE } from "#shared/auth/principal.ts";
import type { Log } from "#shared/log/open-log.ts";
import { openPostgres } from "#shared/postgres/open-postgres.ts";
import { authSchema } from "./auth-schema.ts";
import { inTransaction } from "./in-transaction.ts";
import { type Connection, readGrants } from "./principals.ts";
import { writeAudit } from "./write-audit.ts";

/** What became of the owner's token. `ended`: it was revoked before, for good; the owner's token is what it was. */
export type OwnerOutcome = "kept" | "set" | "ended";

const OWNER = "owner";

const insertOwner =
  "insert into cos_auth.principal (name, kind, created_by) values ($1, 'person', $1) on conflict do nothing";

const lockOwner = "select from cos_auth.principal where name = $1 for update";

const grantAll = `
  insert into cos_auth.granted (principal, kind, module, verb) values ($1, 'person', $2, $3)
  on conflict (principal, module) do update set verb = excluded.verb`;

const readTokens = "select hash, revoked_at is not null as revoked from cos_auth.token where principal = $1";

const revokeAll = "update cos_auth.token set revoked_at = now() where principal = $1 and revoked_at is null";

const insertToken = "insert into cos_auth.token (id, principal, hash, created_by) values ($1, $2, $3, $2)";

/**
 * Makes a token the owner's one live token: the owner is the person who administers all modules, and whose token never expires. Its
 * other tokens are revoked. `hash` is the token's, by `hashOfApiToken`; the token itself stays with the caller. Safe to repeat:
 * what is so already is left alone, the audit too. Rejects as `inTransaction` does when the database of the URL does not answer or has
 * not been migrated.
 */
export async function ensureOwner(options: { url: string; hash: Uint8Array; log: Log }): Promise<OwnerOutcome> {
  const { url, log } = options;
  const hash = Buffer.from(options.hash);
  const postgres = await openPostgres({
    url,
    log,
    applicationName: "cos owner token",
    entities: [],
    schema: authSchema,
    migrations: [],
    poolMax: 1,
    connectTimeoutMs: 10_000,
  });
  try {
    return await inTransaction(postgres, { timeoutMs: 0 }, (client) => setOwner(client, hash));
  } finally {
    await postgres.close();
  }
}

async function setOwner(client: Connection, hash: Buffer): Promise<OwnerOutcome> {
  await client.query(insertOwner, [OWNER]);
  await client.query(lockOwner, [OWNER]);
  const [grant] = await readGrants(client, OWNER);
  if (grant?.verb !== Verb.ADMIN) await client.query(grantAll, [OWNER, EVERY_MODULE, Verb.ADMIN]);
  const { rows } = await client.query<{ hash: Buffer; revoked: boolean }>(readTokens, [OWNER]);
  const held = rows.find((row) => row.hash.equals(hash));
  if (held?.revoked === true) return "ended";
  if (held !== undefined) return "kept";
  const { rowCount } = await client.query(revokeAll, [OWNER]);
  const id = randomUUIDv7();
  await client.query(insertToken, [id, OWNER, hash]);
  const act = { action: "owner.token.set", target: OWNER, details: { token_id: id, revoked: String(rowCount) } };
  await writeAudit(client, { access: ownerHere(), requestId: "" }, act);
  return "set";
}

/** Whoever has the database's credentials is at home. */
function ownerHere(): Access {
  const principal = { name: OWNER, kind: PrincipalKind.PERSON, grants: new Map([[EVERY_MODULE, Verb.ADMIN]]) };
  return new Access({ principal, credential: CredentialKind.LOCAL });
}
