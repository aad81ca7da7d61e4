import { create } from "@bufbuild/protobuf";
import type pg from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Grant, GrantSchema, type PrincipalKind, type Verb, VerbSchema } from "#gen/cos/auth/v1/auth_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { kindOfWord } from "./stored-words.ts";

/** A connection, within a transaction or not. */
export type Connection = Pick<pg.ClientBase, "query">;

/**
 * The kind of a principal, which is locked until the transaction ends: whatever changes one principal happens in turn. Rejects with
 * PRINCIPAL_NOT_FOUND.
 */
export async function lockPrincipal(client: Connection, name: string): Promise<PrincipalKind> {
  const text = "select kind from cos_auth.principal where name = $1 for update";
  const { rows } = await client.query<{ kind: string }>(text, [name]);
  const [row] = rows;
  if (row === undefined) throw principalNotFound(name, `there is no principal "${name}"`);
  return kindOfWord(row.kind);
}

export function principalNotFound(name: string, message: string): CosError {
  return new CosError(ErrorReason.PRINCIPAL_NOT_FOUND, message, { resource: { type: "principal", name } });
}

/** A principal's rights, by module. */
export async function readGrants(client: Connection, name: string): Promise<Grant[]> {
  const text = "select module, verb from cos_auth.granted where principal = $1 order by module";
  const { rows } = await client.query<{ module: string; verb: Verb }>(text, [name]);
  return rows.map((row) => create(GrantSchema, row));
}

const insertGrants = `
  insert into cos_auth.granted (principal, kind, module, verb)
  select p.name, p.kind, g.module, g.verb
  from cos_auth.principal p, unnest($2::text[], $3::smallint[]) g (module, verb) where p.name = $1`;

/** Replaces the rights of a principal that is locked. */
export async function replaceGrants(client: Connection, name: string, grants: readonly Grant[]): Promise<void> {
  await client.query("delete from cos_auth.granted where principal = $1", [name]);
  await client.query(insertGrants, [name, grants.map(({ module }) => module), grants.map(({ verb }) => verb)]);
}

/** Rights as the audit says them: `drafts=record pepys=read`. */
export function sayGrants(grants: readonly Grant[]): string {
  const said = grants.map(({ module, verb }) => `${module}=${VerbSchema.value[verb]?.localName.toLowerCase()}`);
  return said.sort().join(" ");
}
