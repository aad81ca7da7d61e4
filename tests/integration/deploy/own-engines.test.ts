import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, jest, test } from "@jest/globals";
import { Redis } from "ioredis";
import { Client } from "pg";
import { startEmbeddedPostgres } from "#deploy/local/engines/embedded-postgres.ts";
import type { Engine } from "#deploy/local/engines/engine.ts";
import { findRedis } from "#deploy/local/engines/find-redis.ts";
import { startLocalRedis } from "#deploy/local/engines/local-redis.ts";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import type { ManagedProcess } from "#deploy/local/processes/managed-process.ts";
import { forceProcesses, stopProcesses } from "#deploy/local/processes/stop-processes.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";

// Processes are started and stopped in earnest, and on a busy machine that takes its time.
jest.setTimeout(60_000);

const base = await temporaryFolder();
const started: ManagedProcess[] = [];
afterAll(() => forceProcesses(started));

async function folderOfItsOwn(): Promise<string> {
  const folder = mkdtempSync(join(base, "e"));
  await chmod(folder, 0o755);
  return folder;
}

/** A PostgreSQL that is started, and started again, on one folder. */
async function postgres() {
  const folder = await folderOfItsOwn();
  const port = await freePort();
  const lines: string[] = [];
  const start = (more: { port?: number; settings?: Record<string, string>; dataDir?: string } = {}): Promise<Engine> =>
    startEmbeddedPostgres({
      dataDir: join(folder, "postgres"),
      port,
      logFile: join(folder, "postgres.log"),
      say: (line) => lines.push(line),
      onStart: (server) => started.push(server),
      ...more,
    });
  return { folder, port, lines, start };
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

describe("our own PostgreSQL", () => {
  test("E1: one that runs at our address is adopted, one at another address is moved", async () => {
    const { start } = await postgres();
    const first = await start();
    await expect(start()).resolves.toMatchObject({ pid: first.pid, adopted: true, url: first.url });
    const port = await freePort();
    const moved = await start({ port });
    expect(isAlive(first.pid)).toBe(false);
    expect(new URL(moved.url).port).toBe(String(port));
  });

  test("E1: one that is about to end is waited for, and started again", async () => {
    const { start } = await postgres();
    const first = await start();
    const client = new Client({ connectionString: first.url });
    client.on("error", () => {});
    await client.connect();
    // A smart shutdown: no new callers, and it ends when the last one has left.
    process.kill(first.pid, "SIGTERM");
    const again = start();
    await client.end();
    await expect(again).resolves.toMatchObject({ adopted: false });
  });

  test("E2: killed with its children orphaned, it starts again and nothing that was committed is lost", async () => {
    const { start } = await postgres();
    const first = await start();
    await query(first.url, "create table kept as select 7 as n");
    process.kill(first.pid, "SIGKILL");
    const second = await start();
    await expect(query(second.url, "select n from kept")).resolves.toEqual([{ n: 7 }]);
  });

  test("E2: a postmaster.pid whose number belongs to a stranger by now is not believed, and the stranger lives", async () => {
    const { folder, start } = await postgres();
    const first = await start();
    await stopProcesses([first]);
    const lines = [process.pid, first.dataDir, 1_700_000_000, 1, "", "127.0.0.1", "", "ready"];
    writeFileSync(join(folder, "postgres", "postmaster.pid"), `${lines.join("\n")}\n`);
    await expect(start()).resolves.toMatchObject({ adopted: false });
  });

  test("E4: it wants its password, writes durably, checks its pages and sorts alike on every machine", async () => {
    const { start } = await postgres();
    const { url } = await start();
    const wrong = new URL(url);
    wrong.password = "guess";
    await expect(query(wrong.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
    const settings = ["fsync", "full_page_writes", "synchronous_commit", "data_checksums", "server_encoding"];
    const rows = await query(
      url,
      `select ${settings.map((name) => `current_setting('${name}') as ${name}`).join(", ")}`,
    );
    expect(rows).toEqual([
      { fsync: "on", full_page_writes: "on", synchronous_commit: "on", data_checksums: "on", server_encoding: "UTF8" },
    ]);
    await expect(
      query(url, "select datlocprovider, datlocale from pg_database where datname = 'cos'"),
    ).resolves.toEqual([{ datlocprovider: "b", datlocale: "C.UTF-8" }]);
  });

  test("E5: what a failed statement said is not in its log", async () => {
    const { folder, start } = await postgres();
    const { url } = await start();
    await query(url, "create table diary (text text primary key)");
    const record = () => query(url, "insert into diary values ('a secret of mine')");
    await record();
    await expect(record()).rejects.toMatchObject({ code: "23505" });
    expect(readFileSync(join(folder, "postgres.log"), "utf8")).toContain("duplicate key value");
    expect(readFileSync(join(folder, "postgres.log"), "utf8")).not.toContain("secret of mine");
  });

  test("a lost password is a line that says so, and no server is left running", async () => {
    const { folder, start } = await postgres();
    const first = await start();
    await stopProcesses([first]);
    rmSync(join(folder, "postgres.password"));
    await expect(start()).rejects.toThrow(/refuses the password/);
    expect(isAlive(started.at(-1)!.pid)).toBe(false);
  });

  test("a server that refuses to start says why", async () => {
    const { start } = await postgres();
    await expect(start({ settings: { shared_buffers: "nonsense" } })).rejects.toThrow(
      /^PostgreSQL does not start: .*shared_buffers.*postgres\.log\)$/,
    );
  });

  test("data that lies elsewhere is said to lie there", async () => {
    const { folder, lines, start } = await postgres();
    const elsewhere = join(folder, "elsewhere");
    mkdirSync(elsewhere);
    symlinkSync(join(elsewhere, "data"), join(folder, "postgres"));
    const engine = await start().catch(() => start({ dataDir: join(elsewhere, "data") }));
    expect(engine.dataDir).toBe(join(elsewhere, "data"));
    expect(lines.some((line) => line.startsWith(`PostgreSQL's data lies in ${elsewhere}`))).toBe(true);
  });
});

describe("our own Redis", () => {
  async function redis() {
    const folder = await folderOfItsOwn();
    const port = await freePort();
    const start = (more: { dataDir?: string; settings?: Record<string, string> } = {}): Promise<Engine> =>
      startLocalRedis({
        command: findRedis() as string,
        dataDir: join(folder, "redis"),
        port,
        logFile: join(folder, "redis.log"),
        onStart: (server) => started.push(server),
        ...more,
      });
    return { folder, start };
  }

  needs("redis")("R1, R2: it keeps nothing on disk and drops nothing by itself", async () => {
    const { start } = await redis();
    const client = new Redis((await start()).url);
    const settings = await Promise.all(
      ["save", "appendonly", "maxmemory-policy"].map((name) => client.config("GET", name)),
    );
    client.disconnect();
    expect(settings.map(([, value]) => value)).toEqual(["", "no", "noeviction"]);
  });

  needs("redis")("R3: ours is adopted, any other is a taken port", async () => {
    const { folder, start } = await redis();
    const first = await start();
    await expect(start()).resolves.toMatchObject({ pid: first.pid, adopted: true });
    await expect(start({ dataDir: join(folder, "another") })).rejects.toMatchObject({ exitCode: 2 });
  });

  needs("redis")("R4: nobody can lead it to other files or make it the copy of another server", async () => {
    const { start } = await redis();
    const client = new Redis((await start()).url);
    await expect(client.config("SET", "dir", "/tmp")).rejects.toThrow(/NOPERM/);
    await expect(client.call("REPLICAOF", "192.0.2.1", "6379")).rejects.toThrow(/NOPERM/);
    await expect(client.call("MODULE", "LIST")).rejects.toThrow(/NOPERM/);
    await expect(client.set("key", "value")).resolves.toBe("OK");
    client.disconnect();
  });

  needs("redis")("one that refuses to start is a line that says where to look", async () => {
    const { start } = await redis();
    await expect(start({ settings: { maxmemory: "nonsense" } })).rejects.toThrow(
      /^Redis does not start: see .*redis\.log$/,
    );
  });
});
