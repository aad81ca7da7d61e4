import { afterAll, describe, expect, jest, test } from "@jest/globals";
import { Redis } from "ioredis";
import { Client } from "pg";
import { type ClonedDatabase, cloneDatabase, redisUrl } from "#tests/support/engines.ts";
import { type PrivateServer, startPostgres, startRedis } from "#tests/support/private-servers.ts";
import { needs } from "#tests/support/tools.ts";

// Processes are started and stopped in earnest, and on a busy machine that takes its time.
jest.setTimeout(60_000);

const open: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of open.reverse()) await close();
});

async function connected(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  open.push(() => client.end());
  return client;
}

describe("the engines of a test run", () => {
  test("T1: two clones share nothing, and a dropped one is gone", async () => {
    const clones: ClonedDatabase[] = [await cloneDatabase(), await cloneDatabase()];
    const [first, second] = await Promise.all(clones.map(({ url }) => connected(url)));
    await first!.query("create table only_here (n int)");
    await expect(second!.query("select from only_here")).rejects.toMatchObject({ code: "42P01" });
    for (const clone of clones) await clone.drop();
    await expect(connected(clones[0]!.url)).rejects.toMatchObject({ code: "3D000" });
  });

  needs("redis")("T2: a worker's Redis database is its own and empty", async () => {
    const redis = new Redis(await redisUrl());
    open.push(async () => redis.disconnect());
    await expect(redis.dbsize()).resolves.toBe(0);
  });
});

describe("a private server", () => {
  async function survives(server: PrivateServer, isThere: () => Promise<unknown>) {
    await server.kill();
    await server.restart();
    return isThere();
  }

  test("PostgreSQL: killed, restarted and frozen, it keeps what was committed", async () => {
    const server = await startPostgres({ fsync: "on" });
    open.push(() => server.stop());
    const before = await connected(server.url);
    await before.query("create table kept as select 1 as n");
    const rows = await survives(
      server,
      async () => (await (await connected(server.url)).query("select n from kept")).rows,
    );
    expect(rows).toEqual([{ n: 1 }]);
    const client = await connected(server.url);
    server.freeze();
    let answered = false;
    const answer = client.query("select 1").then(() => {
      answered = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(answered).toBe(false);
    server.thaw();
    await answer;
  });

  needs("redis")("Redis: killed and restarted, it is empty", async () => {
    const server = await startRedis();
    open.push(() => server.stop());
    const size = await survives(server, async () => {
      const redis = new Redis(server.url);
      open.push(async () => redis.disconnect());
      return redis.dbsize();
    });
    expect(size).toBe(0);
  });
});
