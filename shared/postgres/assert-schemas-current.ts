import type pg from "pg";
import { SchemaOutdatedError } from "./schema-outdated-error.ts";

/** A schema, and the migrations that the code needs in it, in order. */
export interface NeededSchema {
  readonly schema: string;
  readonly migrations: readonly string[];
}

/**
 * Rejects with SchemaOutdatedError unless every migration that the code knows has run in the database of this connection. One that
 * the code does not know is fine: a newer release migrates first and runs beside the older one for a while.
 *
 * Two round trips, however many schemas: every new connection waits for them.
 */
export async function assertSchemasCurrent(
  client: pg.ClientBase,
  needed: readonly NeededSchema[],
  timeoutMs: number,
): Promise<void> {
  const probe = {
    text: "select s.schema from unnest($1::text[]) s (schema) where to_regclass(s.schema || '.migration') is not null",
    values: [needed.map(({ schema }) => schema)],
    query_timeout: timeoutMs,
  };
  const { rows: found } = await client.query<{ schema: string }>(probe);
  const applied = await appliedIn(
    client,
    found.map(({ schema }) => schema),
    timeoutMs,
  );
  for (const { schema, migrations } of needed) {
    const missing = migrations.filter((name) => !applied.has(`${schema} ${name}`));
    if (missing.length > 0) throw new SchemaOutdatedError(schema, missing);
  }
}

/** Schemas are our own constants: they can be names in a statement. */
async function appliedIn(client: pg.ClientBase, schemas: readonly string[], timeoutMs: number): Promise<Set<string>> {
  if (schemas.length === 0) return new Set();
  const each = schemas.map((schema) => `select '${schema} ' || name as applied from ${schema}.migration`);
  const query = { text: each.join(" union all "), query_timeout: timeoutMs };
  const { rows } = await client.query<{ applied: string }>(query);
  return new Set(rows.map(({ applied }) => applied));
}
