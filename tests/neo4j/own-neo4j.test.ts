import { mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, jest } from "@jest/globals";
import neo4j from "neo4j-driver";
import { type Neo4jEngine, startLocalNeo4j } from "#deploy/local/engines/neo4j/local-neo4j.ts";
import { prepareNeo4jHome } from "#deploy/local/engines/neo4j/neo4j-home.ts";
import { commandLineOf } from "#deploy/local/processes/command-line-of.ts";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import type { ManagedProcess } from "#deploy/local/processes/managed-process.ts";
import { forceProcesses } from "#deploy/local/processes/stop-processes.ts";
import { NEO4J_FOLDER } from "#tests/support/find-neo4j.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";

// A Neo4j takes 8 s to start, and several times that on a busy machine.
jest.setTimeout(240_000);

const base = await temporaryFolder();
const started: ManagedProcess[] = [];
// A number may have been given to a stranger meanwhile.
afterAll(() => forceProcesses(started.filter(({ pid }) => commandLineOf(pid).includes(base))));

/** A Neo4j that is started, and started again, on one folder. */
async function place() {
  const folder = mkdtempSync(join(base, "n"));
  const port = await freePort();
  const home = await prepareNeo4jHome({ folder: NEO4J_FOLDER, logFile: join(NEO4J_FOLDER, "maven.log") });
  const start = (more: { port?: number; dataDir?: string; password?: string } = {}): Promise<Neo4jEngine> =>
    startLocalNeo4j({
      home,
      dataDir: join(folder, "data"),
      port,
      logFile: join(folder, "neo4j.log"),
      heapMb: 320,
      pageCacheMb: 32,
      quick: true,
      onStart: (server) => started.push(server),
      ...more,
    });
  return { folder, port, start };
}

async function query({ url, user, password }: Neo4jEngine, text: string): Promise<unknown[]> {
  const driver = neo4j.driver(url, neo4j.auth.basic(user, password ?? ""), { disableLosslessIntegers: true });
  try {
    const { records } = await driver.executeQuery(text);
    return records.map((record) => record.toObject());
  } finally {
    await driver.close();
  }
}

describe("our own Neo4j", () => {
  needs("neo4j")(
    "L1 to L4: adopted, moved, killed and started again, it is the same graph behind the same password",
    async () => {
      const { folder, start } = await place();
      const first = await start();
      const file = join(folder, "neo4j.password");
      expect(first.password).toBe(readFileSync(file, "utf8"));
      expect(statSync(file).mode & 0o777).toBe(0o600);
      await expect(query({ ...first, password: "guess" }, "RETURN 1")).rejects.toMatchObject({
        code: "Neo.ClientError.Security.Unauthorized",
      });
      await query(first, "CREATE (:Kept {n: 7})");
      await expect(query(first, "LOAD CSV FROM 'file:///etc/passwd' AS line RETURN line")).rejects.toThrow();

      // L1: ours, at our address.
      await expect(start()).resolves.toMatchObject({ pid: first.pid, adopted: true, url: first.url });

      // L4.
      process.kill(first.pid, "SIGKILL");
      while (isAlive(first.pid)) await new Promise((resolve) => setTimeout(resolve, 10));
      const second = await start();
      expect(second.adopted).toBe(false);
      await expect(query(second, "MATCH (k:Kept) RETURN k.n AS n")).resolves.toEqual([{ n: 7 }]);

      // L1: ours, at another address.
      const port = await freePort();
      const moved = await start({ port });
      expect(isAlive(second.pid)).toBe(false);
      expect(moved.url).toBe(`bolt://127.0.0.1:${port}`);

      // L2: one that will not let us in is stopped, and that is said.
      await expect(start({ port, password: "guess" })).rejects.toThrow(/refuses the password .*neo4j\.password/);
      expect(isAlive(moved.pid)).toBe(false);
    },
  );

  needs("neo4j")("an address that somebody else has is a taken port, and nobody is touched", async () => {
    const { port, start } = await place();
    const stranger = createServer();
    await new Promise<void>((resolve) => stranger.listen(port, "127.0.0.1", resolve));
    await expect(start()).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(/COS_NEO4J_LISTEN/) });
    await new Promise((resolve) => stranger.close(resolve));
  });

  needs("neo4j")("one that does not start is a line that says where to look", async () => {
    const { folder, start } = await place();
    mkdirSync(join(folder, "data"));
    // A file where it wants to have its folder.
    writeFileSync(join(folder, "data", "data"), "");
    await expect(start()).rejects.toThrow(/^Neo4j does not start: see .*neo4j\.log$/);
  });
});
