import type pg from "pg";
import { PrincipalKind, type Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { Principal } from "#shared/auth/principal.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";

/** A token as `cos_auth` has it, with whose it is. */
export interface StoredToken {
  readonly id: string;
  /** Its SHA-256 in hexadecimal digits. */
  readonly hash: string;
  readonly principal: Principal;
  /** In milliseconds of the epoch; Infinity: never. */
  readonly expiresMs: number;
  readonly isRevoked: boolean;
  /** In milliseconds of the epoch; 0: never. */
  readonly lastUsedMs: number;
}

/** Tokens, and the version of all rights at which they were so: both of one snapshot. */
export interface TokenSnapshot {
  readonly version: string;
  readonly tokens: readonly StoredToken[];
}

/** When a token was used, in milliseconds of the epoch. */
export interface TokenUse {
  readonly id: string;
  readonly usedMs: number;
}

/** What any process may know of `cos_auth`. Each rejects with ENGINE_UNAVAILABLE when PostgreSQL does not answer. */
export interface Identities {
  /** Those of the tokens that there are, by the SHA-256 of each in hexadecimal digits. */
  findTokens(hashes: readonly string[]): Promise<TokenSnapshot>;
  /** Those of the tokens that there still are, by id. */
  readTokens(ids: readonly string[]): Promise<TokenSnapshot>;
  /** A number that is another one after every change of a right or a token; as text, since it has 64 bits. */
  readVersion(): Promise<string>;
  /** Writes down uses that are at least a minute later than the last that is known. Never moves the version. */
  touchTokens(uses: readonly TokenUse[]): Promise<void>;
}

/** Reads and writes over a pool of somebody else's. */
export function readIdentities(postgres: Pick<Postgres, "pool" | "cancelBackend">): Identities {
  return {
    findTokens: async (hashes) => {
      const values = [hashes.map((hash) => Buffer.from(hash, "hex"))];
      return snapshotOf(await queryAbortably<TokenRow>(postgres, { name: "cos_auth_find", text: FIND, values }));
    },
    readTokens: async (ids) => {
      return snapshotOf(await queryAbortably<TokenRow>(postgres, { name: "cos_auth_read", text: READ, values: [ids] }));
    },
    readVersion: async () => {
      const [row] = await queryAbortably<{ version: string }>(postgres, { name: "cos_auth_version", text: VERSION });
      return row?.version ?? "";
    },
    touchTokens: async (uses) => {
      const values = [uses.map(({ id }) => id), uses.map(({ usedMs }) => usedMs)];
      await queryAbortably(postgres, { name: "cos_auth_touch", text: TOUCH, values });
    },
  };
}

const VERSION = "select version::text as version from cos_auth.grants_version";

/** One row a token, and one without a token where none is found: the version is told in any case. */
const tokensWhere = (condition: string) => `
  select v.version::text as version, t.id::text as id, encode(t.hash, 'hex') as hash,
    floor(extract(epoch from t.expires_at) * 1000)::float8 as expires_ms,
    (extract(epoch from t.last_used_at) * 1000)::float8 as last_used_ms,
    t.revoked_at is not null as is_revoked, p.name, p.kind,
    array(select g.module from cos_auth.granted g where g.principal = p.name order by g.module) as modules,
    array(select g.verb::text from cos_auth.granted g where g.principal = p.name order by g.module) as verbs
  from cos_auth.grants_version v
  left join (cos_auth.token t join cos_auth.principal p on p.name = t.principal) on ${condition}`;

const FIND = tokensWhere("t.hash = any($1::bytea[])");
const READ = tokensWhere("t.id = any($1::uuid[])");

// A row that somebody else holds is skipped, so this never waits for a revocation or for another replica, nor deadlocks with it.
const TOUCH = `
  with due as (
    select t.id, to_timestamp(u.used_ms / 1000) as used_at
    from unnest($1::uuid[], $2::float8[]) u (id, used_ms) join cos_auth.token t on t.id = u.id
    where t.last_used_at is null or t.last_used_at <= to_timestamp(u.used_ms / 1000) - interval '1 minute'
    for no key update of t skip locked)
  update cos_auth.token t set last_used_at = due.used_at from due where t.id = due.id`;

interface TokenRow extends pg.QueryResultRow {
  readonly version: string;
  readonly id: string | null;
  readonly hash: string;
  readonly expires_ms: number | null;
  readonly last_used_ms: number | null;
  readonly is_revoked: boolean;
  readonly name: string;
  readonly kind: string;
  readonly modules: readonly string[];
  readonly verbs: readonly string[];
}

function snapshotOf(rows: readonly TokenRow[]): TokenSnapshot {
  return { version: rows[0]?.version ?? "", tokens: rows.filter(({ id }) => id !== null).map(tokenOf) };
}

function tokenOf(row: TokenRow): StoredToken {
  return {
    id: row.id as string,
    hash: row.hash,
    principal: { name: row.name, kind: KINDS[row.kind] ?? PrincipalKind.UNSPECIFIED, grants: grantsOf(row) },
    expiresMs: row.expires_ms ?? Number.POSITIVE_INFINITY,
    isRevoked: row.is_revoked,
    lastUsedMs: row.last_used_ms ?? 0,
  };
}

function grantsOf({ modules, verbs }: TokenRow): Principal["grants"] {
  return new Map(modules.map((module, n) => [module, Number(verbs[n]) as Verb]));
}

const KINDS: Readonly<Record<string, PrincipalKind>> = {
  person: PrincipalKind.PERSON,
  agent: PrincipalKind.AGENT,
  service: PrincipalKind.SERVICE,
};
