import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRedis } from "#deploy/local/engines/find-redis.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { migrateGraph } from "#services/graph/migrate.ts";
import { openLog } from "#shared/log/open-log.ts";
import { administer, withDatabase } from "./administer.ts";
import { type PrivateServer, startPostgres, startRedis } from "./private-servers.ts";

/** What a run started itself and has to stop, for global-teardown.ts. */
export interface RunEngines {
  readonly servers: readonly PrivateServer[];
  readonly postgresUrl: string;
  readonly template: string;
}

declare global {
  var cosRunEngines: RunEngines | undefined;
}

/** One set of engines for the whole run: those of COS_TEST_POSTGRES_URL and COS_TEST_REDIS_URL, or private ones. */
export default async function globalSetup(): Promise<void> {
  const { COS_TEST_POSTGRES_URL: postgresGiven, COS_TEST_REDIS_URL: redisGiven } = process.env;
  const [postgres, redis] = await Promise.all([
    postgresGiven === undefined ? startPostgres({ max_connections: "200" }) : undefined,
    redisGiven === undefined && findRedis() !== undefined ? startRedis() : undefined,
  ]);
  const postgresUrl = postgresGiven ?? (postgres as PrivateServer).url;
  const template = `cos_test_${process.pid}`;
  globalThis.cosRunEngines = { servers: [postgres, redis].filter((each) => each !== undefined), postgresUrl, template };
  await makeTemplate(postgresUrl, template);
  process.env.COS_TEST_RUN_OUTPUT = mkdtempSync(join(tmpdir(), "cos-output-"));
  // Whoever needs a Neo4j first starts it there (neo4j.ts).
  process.env.COS_TEST_RUN_NEO4J = join(tmpdir(), `cos-neo4j-${process.pid}`);
  process.env.COS_TEST_RUN_PID = String(process.pid);
  process.env.COS_TEST_RUN_POSTGRES_URL = postgresUrl;
  process.env.COS_TEST_RUN_TEMPLATE = template;
  const redisUrl = redisGiven ?? redis?.url;
  if (redisUrl === undefined) process.stderr.write("no Redis here: the tests that need it are skipped\n");
  else process.env.COS_TEST_RUN_REDIS_URL = redisUrl;
}

/** An empty database with every service's migrations applied, from which tests clone theirs. */
async function makeTemplate(server: string, template: string): Promise<void> {
  await administer(server, `create database ${template}`);
  await migrateConductor({ url: withDatabase(server, template), log: openLog({ service: "migrate", level: "warn" }) });
  await migrateGraph({ url: withDatabase(server, template), log: openLog({ service: "migrate", level: "warn" }) });
}
