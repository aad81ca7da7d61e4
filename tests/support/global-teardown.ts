import { Client } from "pg";
import { administer, withDatabase } from "./administer.ts";

/** Stops what global-setup.ts started; on a server that was given, drops the run's databases instead. */
export default async function globalTeardown(): Promise<void> {
  const run = globalThis.cosRunEngines;
  if (run === undefined) return;
  if (process.env.COS_TEST_POSTGRES_URL !== undefined) await dropDatabases(run.postgresUrl, run.template);
  await Promise.all(run.servers.map((server) => server.stop()));
}

async function dropDatabases(server: string, prefix: string): Promise<void> {
  const client = new Client({ connectionString: withDatabase(server, "postgres") });
  await client.connect();
  const { rows } = await client.query<{ datname: string }>(
    "select datname from pg_database where starts_with(datname, $1)",
    [prefix],
  );
  await client.end();
  for (const { datname } of rows) await administer(server, `drop database if exists ${datname} with (force)`);
}
