import { rmSync, writeFileSync } from "node:fs";
import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { openNeo4j } from "#services/graph/store/neo4j/open-neo4j.ts";
import { openNeo4jGraph } from "#services/graph/store/neo4j/open-neo4j-graph.ts";
import { openLog } from "#shared/log/open-log.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

jest.setTimeout(60_000);

const folder = await temporaryFolder();
const AWAY = { reason: ErrorReason.ENGINE_UNAVAILABLE, retryAfterMs: 1000 };

const servers: { server: Server; sockets: Set<Socket> }[] = [];
afterAll(() => {
  for (const { server, sockets } of servers) {
    server.close();
    for (const socket of sockets) socket.destroy();
  }
});

/** A server that takes every connection and never says a word, as a frozen one does. */
async function silentServer(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
  servers.push({ server, sockets });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `bolt://127.0.0.1:${(server.address() as { port: number }).port}`;
}

/** A log, and what it was told. */
function kept() {
  const lines: string[] = [];
  const log = openLog({ service: "graph", level: "debug", to: { write: (line: string) => void lines.push(line) } });
  return { log, lines };
}

describe("a Neo4j that does not answer", () => {
  test("N1, N3, N4: reads and writes are rejected, then refused without a try; files are read anew", async () => {
    const { log, lines } = kept();
    const passwordFile = join(folder, "password");
    writeFileSync(passwordFile, "a secret\n");
    const neo4j = openNeo4j({ url: await silentServer(), passwordFile, log, readTimeoutMs: 60, silenceMs: 60 });
    await expect(neo4j.read("RETURN 1", {})).rejects.toMatchObject(AWAY);
    await expect(neo4j.read(["RETURN 1", "RETURN 2"], {})).rejects.toMatchObject(AWAY);
    expect(neo4j.breaker.state).toBe("closed");
    // N4: where a file is gone the old driver is kept, and that is said.
    rmSync(passwordFile);
    await expect(neo4j.write(async (run) => run("RETURN 1"))).rejects.toMatchObject(AWAY);
    expect(neo4j.breaker).toMatchObject({ state: "open", openedCount: 1, refusedCount: 0 });
    expect(lines.filter((line) => line.includes("neo4j driver not replaced"))).toHaveLength(1);
    await expect(neo4j.read("RETURN 1", {})).rejects.toMatchObject(AWAY);
    await expect(neo4j.write(async (run) => run("RETURN 1"))).rejects.toMatchObject(AWAY);
    expect(neo4j.breaker.refusedCount).toBe(2);
    expect(lines.join()).not.toContain("a secret");
    await neo4j.close();
  });

  test("N4: a probe fails too, and opens the breaker again with a driver of its own", async () => {
    const { log, lines } = kept();
    const neo4j = openNeo4j({ url: await silentServer(), log, readTimeoutMs: 40, silenceMs: 40, probeAfterMs: 1 });
    for (let n = 0; n < 3; n += 1) await expect(neo4j.read("RETURN 1", {})).rejects.toMatchObject(AWAY);
    while (neo4j.breaker.state !== "probing") await new Promise((resolve) => setTimeout(resolve, 2));
    await expect(neo4j.write(async (run) => run("RETURN 1"))).rejects.toMatchObject(AWAY);
    expect(neo4j.breaker.openedCount).toBe(2);
    expect(lines.filter((line) => line.includes("not replaced"))).toEqual([]);
    await neo4j.close();
  });

  test("N3: a caller who goes away is told so, and counts for nothing", async () => {
    const neo4j = openNeo4j({ url: await silentServer(), log: kept().log, readTimeoutMs: 60_000 });
    const reason = new DOMException("gone", "AbortError");
    for (let n = 0; n < 4; n += 1) {
      const gone = new AbortController();
      const reading = neo4j.read("RETURN 1", {}, { signal: gone.signal });
      setTimeout(() => gone.abort(reason), 5);
      await expect(reading).rejects.toBe(reason);
    }
    await expect(neo4j.read("RETURN 1", {}, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(neo4j.breaker).toMatchObject({ state: "closed", openedCount: 0 });
    await neo4j.close();
  });

  test("the graph opens all the same, says so once, and is not ready", async () => {
    const { log, lines } = kept();
    // Nobody listens there.
    const store = await openNeo4jGraph({ url: "bolt://127.0.0.1:1", password: "a secret", log, readTimeoutMs: 50 });
    expect(lines.filter((line) => line.includes("engine not ready at start"))).toHaveLength(1);
    await expect(store.ready()).rejects.toMatchObject(AWAY);
    expect(store.engine).toBe("neo4j");
    expect(lines.join()).not.toContain("a secret");
    await store.close();
  });

  test("TLS is asked for by the URL: a server that speaks none is away, whoever would vouch for it", async () => {
    const caFile = join(folder, "ca.pem");
    writeFileSync(caFile, "");
    const url = (await silentServer()).replace("bolt:", "bolt+s:");
    for (const options of [{ url }, { url, caFile }]) {
      const neo4j = openNeo4j({ ...options, log: kept().log, readTimeoutMs: 50 });
      await expect(neo4j.read("RETURN 1", {})).rejects.toMatchObject(AWAY);
      await neo4j.close();
    }
  });

  test("a password file that cannot be read stops the start", () => {
    const options = { url: "bolt://127.0.0.1:1", passwordFile: join(folder, "nothing"), log: kept().log };
    expect(() => openNeo4j(options)).toThrow(/ENOENT/);
  });
});
