import { rmSync } from "node:fs";
import { Client } from "pg";
import { administer, withDatabase } from "./administer.ts";
import { stopNeo4j } from "./neo4j.ts";
import { secretsBelow } from "./secret-search.ts";

/**
 * Stops what global-setup.ts started; on a server that was given, drops the run's databases instead. Fails the run where a process of
 * it has written a secret or a text.
 */
export default async function globalTeardown(): Promise<void> {
  const run = globalThis.cosRunEngines;
  if (run === undefined) return;
  if (process.env.COS_TEST_POSTGRES_URL !== undefined) await dropDatabases(run.postgresUrl, run.template);
  await Promise.all([...run.servers.map((server) => server.stop()), stopNeo4j()]);
  refuseSecrets();
}

/** What was found stays where it is, to be looked at. */
function refuseSecrets(): void {
  const folder = process.env.COS_TEST_RUN_OUTPUT;
  if (folder === undefined) return;
  const found = secretsBelow(folder);
  if (found.length > 0)
    throw new Error(`${found.length} secrets were logged, below ${folder}:\n${found.slice(0, 20).join("\n")}`);
  rmSync(folder, { recursive: true, force: true });
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
