// The engines of a test run.
//
// Purpose: every test finds a real PostgreSQL and a real Redis, and none sees what another wrote.
// Owner:   global-setup.ts starts them once a run; global-teardown.ts stops them. A test drops what it cloned.
//
//  T1  A database is a clone of the run's migrated template (about 40 ms), made for one test file and dropped by it.
//  T2  A worker has a logical Redis database of its own, empty when it asks for it. Channels know no databases: a test
//      that subscribes uses a module name of its own.
//  T3  Nothing that a test does to these engines may outlast it; whoever kills, freezes or flushes takes a private one
//      (startPostgres, startRedis of private-servers.ts).
//
// Whether there is a Redis, and which foreign clients, is asked of tools.ts: `needs("redis")("a test", ...)`.
import { randomBytes } from "node:crypto";
import { Redis } from "ioredis";
import { administer, withDatabase } from "./administer.ts";

export interface ClonedDatabase {
  readonly url: string;
  /** Removes it, cutting connections that are still open. */
  drop(): Promise<void>;
}

/** A database of the test's own, with every migration applied and nothing recorded (T1). */
export async function cloneDatabase(): Promise<ClonedDatabase> {
  const { server, template } = givenPostgres();
  // Random, since the files of one worker know nothing of each other, and one that failed may have left its clone.
  const name = `${template}_${randomBytes(6).toString("hex")}`;
  await administer(server, `create database ${name} template ${template} strategy wal_log`);
  return {
    url: withDatabase(server, name),
    drop: () => administer(server, `drop database if exists ${name} with (force)`),
  };
}

/** This worker's logical database of the run's Redis, emptied (T2); throws where there is no Redis (see `needs`). */
export async function redisUrl(): Promise<string> {
  const given = process.env.COS_TEST_RUN_REDIS_URL;
  if (given === undefined) throw new Error('no Redis here: guard the test with needs("redis")');
  const url = new URL(given);
  const first = Number(url.pathname.slice(1) || "0");
  url.pathname = `/${(first + Number(process.env.JEST_WORKER_ID ?? "1")) % 16}`;
  const redis = new Redis(url.href);
  await redis.flushdb();
  redis.disconnect();
  return url.href;
}

/** What global-setup.ts left in the environment. */
function givenPostgres(): { server: string; template: string } {
  const { COS_TEST_RUN_POSTGRES_URL: server, COS_TEST_RUN_TEMPLATE: template } = process.env;
  if (server !== undefined && template !== undefined) return { server, template };
  throw new Error("no engines: only the projects with tests/support/global-setup.ts have them");
}
