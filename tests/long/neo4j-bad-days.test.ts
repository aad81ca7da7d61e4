import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Neo4jGraph, openNeo4jGraph } from "#services/graph/store/neo4j/open-neo4j-graph.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openLog } from "#shared/log/open-log.ts";
import { findTool } from "#tests/support/find-tool.ts";
import { deltaOf, placeAt, rowsOf } from "#tests/support/graph/rows.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import type { PrivateServer } from "#tests/support/private-servers.ts";
import { startNeo4j } from "#tests/support/start-neo4j.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(240_000);

/** What callers are promised (graph-store.ts, failure); the machine of the tests may be busy, so a little more is allowed. */
const PROMISED_MS = 2_000;
const ALLOWED_MS = PROMISED_MS + 500;
const RECOVERY_MAX_MS = 120_000;
const PROBE_AFTER_MS = 2_000;
const PASSWORD = "the right one";

const rows = rowsOf("cc");
const scope = localScope();
const log = openLog({ service: "graph", level: "silent" });

let server: PrivateServer;
let store: Neo4jGraph;
let position = 0;
let writing: { stop(): Promise<void>; readonly failures: () => number } | undefined;

if (findTool("neo4j") !== undefined) {
  beforeAll(async () => {
    server = await startNeo4j({ password: PASSWORD });
    store = await openStore(PASSWORD);
    await eventually(
      async () => (await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 })) !== undefined,
    );
    await eventually(takeStep);
    writing = project();
  });
  afterAll(async () => {
    await writing?.stop();
    await store?.close();
    await server?.stop();
  });
}

const graph = randomUUID();
const openStore = (password: string) =>
  openNeo4jGraph({ url: server.url, password, graph, log, probeAfterMs: PROBE_AFTER_MS });

/** One memory, its entity and its reference, as a projection writes them; from the place that the store tells. */
async function takeStep(): Promise<boolean> {
  const place = await store.project({ generation: 1, module: "cc", after: position }, async (transaction) => {
    const memory = rows.memory(position + 1);
    const batten = rows.entity("batten");
    const parts = { putNodes: [memory], addNodes: [batten], putEdges: [rows.reference(memory, batten)] };
    await transaction.write(deltaOf(position + 1, parts));
    return placeAt("cc", position + 1);
  });
  position = place?.position ?? 0;
  return true;
}

/** Goes on for ever, and begins again after every failure, as the projector does. */
function project() {
  let isOver = false;
  let failures = 0;
  const loop = (async () => {
    while (!isOver)
      await takeStep().catch(async () => {
        failures += 1;
        await sleep(50);
      });
  })();
  return {
    failures: () => failures,
    stop: async () => {
      isOver = true;
      await loop;
    },
  };
}

/** Reads until one is refused at once, because the breaker is open; each is refused in time. */
async function expectRefusedInTime(of = store): Promise<void> {
  const opened = of.breaker.openedCount;
  await eventually(async () => {
    const began = performance.now();
    const refused = await of.findNodes(scope, { labels: [], properties: {}, limit: 1 }).then(
      () => undefined,
      (error: unknown) => error,
    );
    const tookMs = performance.now() - began;
    expect(tookMs).toBeLessThan(ALLOWED_MS);
    if (refused !== undefined) expect(refused).toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE });
    return refused !== undefined && of.breaker.state === "open";
  }, 30_000);
  expect(of.breaker.openedCount).toBeGreaterThanOrEqual(Math.max(1, opened));
  const refusedBefore = of.breaker.refusedCount;
  const began = performance.now();
  await expect(of.live()).rejects.toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE });
  expect(performance.now() - began).toBeLessThan(100);
  expect(of.breaker.refusedCount).toBeGreaterThan(refusedBefore);
}

/** The projection goes on by itself, and every step is there once: as many memories as positions, as many counted. */
async function expectGoingOnWhole(): Promise<void> {
  const before = position;
  await eventually(() => position > before + 3, RECOVERY_MAX_MS);
  await eventually(() => store.breaker.state === "closed", RECOVERY_MAX_MS);
  await writing?.stop();
  const [place] = await store.livePlaces(scope);
  expect(place?.position).toBe(position);
  const counts = await store.memoryCounts(scope, ["cc"]);
  expect(counts.get("cc")).toBe(position);
  expect(await store.nodes(scope, [rows.entity("batten").id])).toMatchObject([{ count: position }]);
  const ids = Array.from({ length: position }, (_, n) => rows.memory(n + 1).id);
  expect(await store.nodes(scope, ids)).toHaveLength(position);
  writing = project();
}

describe("Neo4j has a bad day: callers hear of it in time, the breaker opens, and the projection goes on without loss", () => {
  needs("neo4j")("killed, and started again", async () => {
    const before = position;
    await server.kill();
    await expectRefusedInTime();
    expect(position).toBeGreaterThanOrEqual(before);
    await server.restart();
    await expectGoingOnWhole();
  });

  needs("neo4j")("frozen, and thawed", async () => {
    server.freeze();
    await expectRefusedInTime();
    server.thaw();
    await expectGoingOnWhole();
  });

  needs("neo4j")("refusing its password; the right one is let in beside it", async () => {
    const stranger = await openStore("a wrong one");
    await expectRefusedInTime(stranger);
    await stranger.close();
    await expectGoingOnWhole();
  });

  needs("neo4j")("a caller who goes away while it is frozen hears so at once", async () => {
    server.freeze();
    const gone = new AbortController();
    const reading = store.stats(scope, undefined, gone.signal);
    const reason = new DOMException("gone", "AbortError");
    setTimeout(() => gone.abort(reason), 50);
    await expect(reading).rejects.toBe(reason);
    server.thaw();
    await expectGoingOnWhole();
  });
});
