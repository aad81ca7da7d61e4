import type pg from "pg";
import { SchemaOutdatedError } from "./schema-outdated-error.ts";

/**
 * Rejects with SchemaOutdatedError unless every migration that the code knows has run in the database of this connection. One that
 * the code does not know is fine: a newer release migrates first and runs beside the older one for a while.
 */
export async function assertSchemaCurrent(
  client: pg.ClientBase,
  needed: { readonly schema: string; readonly migrations: readonly string[] },
  timeoutMs: number,
): Promise<void> {
  const table = `${needed.schema}.migration`;
  const probe = { text: "select to_regclass($1) is not null as found", values: [table], query_timeout: timeoutMs };
  const { rows } = await client.query<{ found: boolean }>(probe);
  const applied = rows[0]?.found === true ? await appliedIn(client, table, timeoutMs) : new Set<string>();
  const missing = needed.migrations.filter((name) => !applied.has(name));
  if (missing.length > 0) throw new SchemaOutdatedError(needed.schema, missing);
}

async function appliedIn(client: pg.ClientBase, table: string, timeoutMs: number): Promise<Set<string>> {
  const query = { text: `select name from ${table}`, query_timeout: timeoutMs };
  const { rows } = await client.query<{ name: string }>(query);
  return new Set(rows.map(({ name }) => name));
}
