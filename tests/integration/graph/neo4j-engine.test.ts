import { randomUUID } from "node:crypto";
import { afterAll, describe, expect, jest } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { dropGeneration } from "#services/graph/store/neo4j/drop-generation.ts";
import { type Neo4j, openNeo4j } from "#services/graph/store/neo4j/open-neo4j.ts";
import { openNeo4jGraph } from "#services/graph/store/neo4j/open-neo4j-graph.ts";
import { sweepGhosts } from "#services/graph/store/neo4j/write-edges.ts";
import { localScope } from "#shared/auth/scope.ts";
import { openLog } from "#shared/log/open-log.ts";
import { deltaOf, placeAt, rowsOf } from "#tests/support/graph/rows.ts";
import { neo4jUrl } from "#tests/support/neo4j.ts";
import { needs } from "#tests/support/tools.ts";

// A Neo4j that has just started takes its time to plan what it has not been asked before.
jest.setTimeout(240_000);

const log = openLog({ service: "graph", level: "error" });
const PATIENT = { readTimeoutMs: 60_000, silenceMs: 60_000, log };
const closers: (() => Promise<void>)[] = [];
afterAll(() => Promise.all(closers.map((close) => close())));

async function connection(more: Partial<Parameters<typeof openNeo4j>[0]> = {}): Promise<Neo4j> {
  const neo4j = openNeo4j({ url: await neo4jUrl(), ...PATIENT, ...more });
  closers.push(() => neo4j.close());
  await neo4j.prepare(120_000);
  return neo4j;
}

const rows = rowsOf("cc");

async function graph() {
  const name = randomUUID();
  const store = await openNeo4jGraph({ url: await neo4jUrl(), ...PATIENT, graph: name });
  closers.push(() => store.close());
  let position = 0;
  const step = async (generation: number, parts: Parameters<typeof deltaOf>[1]) => {
    await store.project({ generation, module: "cc", after: position }, async (transaction) => {
      position += 1;
      await transaction.write(deltaOf(position, parts));
      return placeAt("cc", position);
    });
  };
  return { store, name, step };
}

describe("the connection", () => {
  needs("neo4j")("what a statement of ours does wrong is INTERNAL, and no reason to open the breaker", async () => {
    const neo4j = await connection();
    for (let n = 0; n < 4; n += 1)
      await expect(neo4j.read("RETURN nonsense", {})).rejects.toMatchObject({ reason: ErrorReason.INTERNAL });
    expect(neo4j.breaker).toMatchObject({ state: "closed", openedCount: 0 });
  });

  needs("neo4j")(
    "N3, N6: a read that takes too long is given up, by us or by the server, and the breaker stays closed",
    async () => {
      const slow = "UNWIND range(1, 100000000) AS a WITH a WHERE a % 7 = 8 RETURN count(a) AS n";
      const neo4j = await connection({ readTimeoutMs: 3_000 });
      for (let n = 0; n < 4; n += 1)
        await expect(neo4j.read(slow, {})).rejects.toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE });
      expect(neo4j.breaker).toMatchObject({ state: "closed", openedCount: 0 });
    },
  );

  needs("neo4j")("what the work of a transaction throws is told as it is, and nothing is written", async () => {
    const neo4j = await connection();
    const name = randomUUID();
    const fault = new TypeError("ours");
    const work = neo4j.write(async (run) => {
      await run("CREATE (:CosGraph {name: $name})", { name });
      throw fault;
    });
    await expect(work).rejects.toBe(fault);
    await expect(neo4j.read("MATCH (h:CosGraph {name: $name}) RETURN h", { name })).resolves.toEqual([]);
  });

  needs("neo4j")("N2: a transaction that was given up sends nothing more", async () => {
    const neo4j = await connection({ writeTimeoutMs: 300 });
    let late: unknown;
    const work = neo4j.write(async (run) => {
      await run("RETURN 1");
      await new Promise((resolve) => setTimeout(resolve, 2_000));
      late = await run("RETURN 2").catch((error: unknown) => error);
      throw late;
    });
    await expect(work).rejects.toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE });
    expect(late).toBeInstanceOf(Error);
  });
});

describe("what Neo4j keeps", () => {
  const itemsOf = async (neo4j: Neo4j, name: string) => {
    const text = `MATCH (h:CosGraph {name: $name}) MATCH (n:CosItem) WHERE n.gid STARTS WITH h.live
      RETURN labels(n) AS labels, n.module AS module ORDER BY n.gid`;
    return (await neo4j.read<{ labels: string[]; module: string | null }>(text, { name })).map(
      ({ labels, module }) => [[...labels].sort(), module] as const,
    );
  };

  needs("neo4j")(
    "nodes have their label and their module's; ends that are not there are ghosts, which go with their last edge",
    async () => {
      const neo4j = await connection();
      const { store, name, step } = await graph();
      await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
      const [batten, penn] = [rows.entity("batten"), rows.entity("penn")];
      const edge = rows.related(batten, penn);
      await step(1, { addNodes: [batten], addEdges: [edge] });
      expect(await itemsOf(neo4j, name)).toEqual(
        expect.arrayContaining([
          [["CosItem", "Entity", "cc"], "cc"],
          [["CosItem"], null],
        ]),
      );
      // A ghost that comes is a node like any other; one that goes while an edge needs it becomes a ghost again.
      await step(1, { addNodes: [penn] });
      await step(1, { deleteNodes: [batten.id] });
      expect(await store.edges(localScope(), [edge.id])).toEqual([]);
      expect(await itemsOf(neo4j, name)).toHaveLength(2);
      await step(1, { addEdges: [{ ...edge, count: -edge.count }] });
      expect(await itemsOf(neo4j, name)).toEqual([[["CosItem", "Entity", "cc"], "cc"]]);
      // A label that is changed by hand leaves none of the old one.
      const byHand = { ...rows.entity("pett"), origin: "manual" as const };
      await step(1, { putNodes: [byHand] });
      await step(1, { putNodes: [{ ...byHand, label: "Concept" }] });
      const labels = (await itemsOf(neo4j, name)).map(([some]) => some);
      expect(labels).toEqual(expect.arrayContaining([["Concept", "CosItem", "cc"]]));
      expect(labels).toHaveLength(2);
    },
  );

  needs("neo4j")(
    "E1, E2, E3: a generation goes in steps, whatever their size, and takes no step meanwhile",
    async () => {
      const neo4j = await connection();
      const { store, name, step } = await graph();
      await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
      await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 2 });
      const entities = Array.from({ length: 7 }, (_, n) => rows.entity(`e${n}`));
      await step(2, { addNodes: entities, addEdges: entities.slice(1).map((one) => rows.related(entities[0]!, one)) });
      await dropGeneration(neo4j, name, 2, { rowsAStep: 2 });
      expect((await store.generations()).map(({ number }) => number)).toEqual([1]);
      const left =
        "MATCH (h:CosGraph {name: $name}) MATCH (n) WHERE n.gid STARTS WITH h.prefix OR n.key STARTS WITH h.prefix RETURN n";
      await expect(neo4j.read(left, { name })).resolves.toEqual([]);
      // What a crash would have left: marked, and not yet gone.
      await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 3 });
      await neo4j.write((run) =>
        run(
          "MATCH (h:CosGraph {name: $name}) MATCH (g:CosGeneration {number: 3}) WHERE g.prefix STARTS WITH h.prefix SET g.dropping = true",
          { name },
        ),
      );
      const answer = store.project({ generation: 3, module: "cc", after: 0 }, async () => placeAt("cc", 1));
      await expect(answer).resolves.toBeUndefined();
    },
  );

  needs("neo4j")("J3: changes are told as far as they are settled", async () => {
    const neo4j = await connection();
    const { store, name, step } = await graph();
    await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
    await step(1, { addNodes: [rows.entity("batten")] });
    await step(1, { addNodes: [rows.entity("penn")] });
    const told = async () => {
      const after = { changed: 0, what: "removed", id: "" } as const;
      const { changes, upTo } = await store.changes(localScope(), { module: "cc", after, limit: 10 });
      return [upTo, ...changes.map((change) => (change.what === "node" ? change.node.key : change.what))];
    };
    const setPlace = (text: string) =>
      neo4j.write((run) =>
        run(
          `MATCH (h:CosGraph {name: $name}) MATCH (p:CosPlace) WHERE p.key STARTS WITH h.live MATCH (s:CosSettled {key: p.key}) SET ${text}`,
          { name },
        ),
      );
    // As while the second step's commit is being shown.
    await setPlace("p.writtenMs = timestamp(), s.position = 1, p.settled = 1");
    expect(await told()).toEqual([1, "batten"]);
    // Whoever waits for a place is not let go before either.
    const places = async () => (await store.livePlaces(localScope())).map(({ position }) => position);
    expect(await places()).toEqual([1]);
    await setPlace("s.position = 2");
    expect(await places()).toEqual([2]);
    expect(await told()).toEqual([2, "batten", "penn"]);
    // Nobody said it, since the process died; time does.
    await setPlace("p.writtenMs = timestamp() - 60000, s.position = 1");
    expect(await told()).toEqual([2, "batten", "penn"]);
    // Nothing is settled yet.
    await setPlace("p.writtenMs = timestamp(), s.position = null, p.settled = null");
    expect(await told()).toEqual([0]);
    expect(await places()).toEqual([]);
    // What a step's own clock says is nothing to it: here it stands in another year.
    await step(1, { addNodes: [rows.entity("pett")] });
    expect(await told()).toEqual([3, "batten", "penn", "pett"]);
    await setPlace("s.position = 2, p.settled = 2");
    expect(await told()).toEqual([2, "batten", "penn"]);
  });

  needs("neo4j")("a ghost that another module fills meanwhile is not swept away", async () => {
    const neo4j = await connection();
    const { store, name } = await graph();
    await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
    const text = "MATCH (h:CosGraph {name: $name}) MATCH (n:CosItem {gid: h.live + $id})";
    const asked = { name, id: "00" };
    const [ghost] = await neo4j.write((run) =>
      run<{ gid: string }>(
        "MATCH (h:CosGraph {name: $name}) CREATE (n:CosItem {gid: h.live + $id}) RETURN n.gid AS gid",
        asked,
      ),
    );
    const gid = (ghost as { gid: string }).gid;
    const filled = Promise.withResolvers<void>();
    const isSweeping = Promise.withResolvers<void>();
    const filling = neo4j.write(async (run) => {
      await run(`${text} SET n.module = 'pepys'`, asked);
      filled.resolve();
      await isSweeping.promise;
      // Until the other one waits for the node.
      await new Promise((resolve) => setTimeout(resolve, 1_000));
    });
    await filled.promise;
    const sweeping = neo4j.write(async (run) => {
      const swept = sweepGhosts({ run, prefix: "", module: "cc" }, [gid]);
      isSweeping.resolve();
      await swept;
    });
    await Promise.all([filling, sweeping]);
    expect(await neo4j.read(`${text} RETURN n.module AS module, n.lock AS lock`, asked)).toEqual([
      { module: "pepys", lock: null },
    ]);
    // One that nobody fills goes.
    await neo4j.write((run) => run(`${text} SET n.module = null`, asked));
    await neo4j.write((run) => sweepGhosts({ run, prefix: "", module: "cc" }, [gid]));
    expect(await neo4j.read(`${text} RETURN n`, asked)).toEqual([]);
  });

  needs("neo4j")("where nothing was begun nothing is counted, and of no words nothing is found", async () => {
    const { store } = await graph();
    expect(await store.memoryCounts(localScope(), ["cc"])).toEqual(new Map([["cc", 0]]));
    expect(await store.faults(localScope(), { module: "cc", kind: "parked", limit: 1 })).toEqual({
      faults: [],
      total: 0,
    });
    expect(await store.search(localScope(), { words: [], labels: [], limit: 1 })).toEqual([]);
    expect(await store.search(localScope(), { words: ["a*b"], labels: [], limit: 1 })).toEqual([]);
  });

  needs("neo4j")("two graphs in one database know nothing of each other", async () => {
    const [one, other] = [await graph(), await graph()];
    for (const { store, step } of [one, other]) {
      await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
      await step(1, { addNodes: [rows.entity("batten")] });
    }
    await one.step(1, { deleteNodes: [rows.entity("batten").id] });
    expect(await one.store.nodes(localScope(), [rows.entity("batten").id])).toEqual([]);
    expect(await other.store.nodes(localScope(), [rows.entity("batten").id])).toHaveLength(1);
  });
});
