import { Client } from "pg";

/** The URL of another database of the same server. */
export function withDatabase(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

/** Runs one administrative statement, which must stand outside a transaction. */
export async function administer(server: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: withDatabase(server, "postgres") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
