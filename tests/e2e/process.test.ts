import { createServer } from "node:net";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Client as Postgres } from "pg";
import { type ClonedDatabase, cloneDatabase } from "#tests/support/engines.ts";
import { startConductor } from "#tests/support/mesh-conductor.ts";
import { freePort } from "#tests/support/private-servers.ts";

jest.setTimeout(30_000);

let database: ClonedDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

/** No Redis is there: the conductor serves without it, and this file is not about the highway. */
const settings = () => ({ COS_POSTGRES_URL: database.url, COS_REDIS_URL: "redis://127.0.0.1:1" });

describe("a conductor that cannot start says why in one line and ends with 2", () => {
  test("a port in use", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    const { code, stderr } = await startConductor(port, settings()).ended;
    await new Promise((resolve) => taken.close(resolve));
    expect(code).toBe(2);
    expect(stderr.trim().split("\n")).toEqual([
      expect.stringMatching(`COS_CONDUCTOR_LISTEN 127.0.0.1:${port} is in use`),
    ]);
  });

  test.each([
    ["a URL that is none", { COS_POSTGRES_URL: "nonsense" }, /^conductor: COS_POSTGRES_URL/],
    ["a URL of another engine", { COS_REDIS_URL: "postgres://127.0.0.1/x" }, /^conductor: COS_REDIS_URL/],
    ["a setting out of range", { COS_HIGHWAY_ENTRIES_MAX: "1" }, /^conductor: COS_HIGHWAY_ENTRIES_MAX/],
  ])("%s", async (_, wrong, line) => {
    const { code, stderr } = await startConductor(await freePort(), { ...settings(), ...wrong }).ended;
    expect(code).toBe(2);
    expect(stderr.trim().split("\n")).toEqual([expect.stringMatching(line)]);
  });

  test("a database without the schema, with what to do", async () => {
    const bare = await cloneDatabase();
    try {
      const postgres = new Postgres({ connectionString: bare.url });
      await postgres.connect();
      await postgres.query("drop schema mem0_cc cascade");
      await postgres.end();
      const { code, stderr } = await startConductor(await freePort(), { ...settings(), COS_POSTGRES_URL: bare.url })
        .ended;
      expect(code).toBe(2);
      expect(stderr.trim().split("\n")).toEqual([expect.stringMatching(/mem0_cc.*cos migrate/)]);
    } finally {
      await bare.drop();
    }
  });

  test("every fault is told at once", async () => {
    const wrong = { COS_HIGHWAY_ENTRIES_MAX: "1", COS_DRAIN_GRACE: "soon" };
    const { code, stderr } = await startConductor(await freePort(), { ...settings(), ...wrong }).ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/COS_HIGHWAY_ENTRIES_MAX/);
    expect(stderr).toMatch(/COS_DRAIN_GRACE/);
  });
});

describe("a conductor that runs", () => {
  test("warns of a misspelt variable with the nearest name, serves without Redis, and ends with 0 on SIGTERM", async () => {
    const conductor = startConductor(await freePort(), { ...settings(), COS_REDIS_ULR: "redis://127.0.0.1:1" });
    await conductor.serving();
    expect(conductor.output()).toMatch(/COS_REDIS_ULR.*COS_REDIS_URL/);
    await expect(conductor.stop()).resolves.toMatchObject({ code: 0 });
  });

  test("ends at once when it is asked a second time", async () => {
    const conductor = startConductor(await freePort(), { ...settings(), COS_DRAIN_LEAVE_BALANCER: "60s" });
    await conductor.serving();
    conductor.kill("SIGINT");
    await new Promise((resolve) => setTimeout(resolve, 200));
    conductor.kill("SIGINT");
    await expect(conductor.ended).resolves.toMatchObject({ code: 130 });
  });
});
