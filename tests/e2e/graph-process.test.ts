import { createServer } from "node:net";
import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Client as Postgres } from "pg";
import { type Cursor, CursorSchema, GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { type GraphClient, type GraphMesh, openGraphMesh } from "#tests/support/mesh-graph.ts";
import { startMeshProcess } from "#tests/support/mesh-process.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { freePort } from "#tests/support/private-servers.ts";

jest.setTimeout(60_000);

let mesh: GraphMesh;
let client: GraphClient;

beforeAll(async () => {
  mesh = await openGraphMesh();
  client = mesh.client();
});

afterAll(() => mesh?.stop());

async function record(text: string, module = "cc"): Promise<Cursor> {
  const memory = { module, eventType: "note.written", source: "test", sessionId: "today", text };
  const { cursor } = await client.conductor.recordMemory({ memory });
  if (cursor === undefined) throw new Error("recorded without a cursor");
  return cursor;
}

const refusal = async (work: Promise<unknown>): Promise<ConnectError> => {
  try {
    await work;
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("it was not refused");
};

const count = async (name: string, atLeast: Cursor) =>
  (await client.graph.getNode({ name, module: "cc", atLeast })).node?.memoryCount;

describe("the graph's process", () => {
  test("what was recorded is in the graph for whoever names its cursor", async () => {
    expect(await count("Bremen", await record("To [[Bremen]]."))).toBe(1n);
    expect(await count("Bremen", await record("Back from [[Bremen]]."))).toBe(2n);
  });

  test("GetProjection tells how far the graph is", async () => {
    const atLeast = await record("One more.");
    const { modules, ...rest } = await client.graph.getProjection({ atLeast });
    expect(rest).toMatchObject({ connected: true, engine: "postgres", generation: 1 });
    const cc = modules.find(({ cursor }) => cursor?.module === "cc");
    expect(cc).toMatchObject({ cursor: { epoch: atLeast.epoch }, lagPositions: 0n, parkedCount: 0n });
    expect(cc?.cursor?.position).toBeGreaterThanOrEqual(atLeast.position);
  });

  test("a cursor above the head is refused with where the head is, one of a foreign epoch with what that means", async () => {
    const { position, epoch } = await record("The head.");
    const above = create(CursorSchema, { module: "cc", position: position + 1000n, epoch });
    const refused = await refusal(client.graph.getProjection({ atLeast: above }));
    expect([refused.code, reasonOf(refused)]).toEqual([Code.OutOfRange, "CURSOR_ABOVE_HEAD"]);
    const foreign = create(CursorSchema, { module: "cc", position: 1n, epoch: "zzz" });
    expect((await refusal(client.graph.getProjection({ atLeast: foreign }))).code).toBe(Code.DataLoss);
    const unknown = create(CursorSchema, { module: "nowhere", position: 1n, epoch });
    expect((await refusal(client.graph.getProjection({ atLeast: unknown }))).code).toBe(Code.NotFound);
  });

  test("what is made by hand is recorded by the conductor, and answered when the graph has it", async () => {
    const { node } = await client.graph.createNode({
      node: { module: "cc", label: "Entity", kind: "ship", name: "Naseby" },
    });
    expect(node).toMatchObject({ name: "Naseby", origin: 2 });
    expect((await client.graph.getNode({ id: node?.id ?? "" })).node?.name).toBe("Naseby");
  });

  test("a rebuild swaps a graph in that equals its log, and a comparison proves it", async () => {
    const atLeast = await record("Again to [[Bremen]].");
    const frames = await Array.fromAsync((await mesh.owner()).graph.rebuildProjection({}));
    expect(frames.at(-1)?.progress).toMatchObject({ generation: 2, purpose: "rebuild", done: true });
    expect((await client.graph.getProjection({})).generation).toBe(2);
    expect(await count("Bremen", atLeast)).toBe(3n);
    const verdicts = (await Array.fromAsync(client.graph.verifyProjection({}))).at(-1)?.verdicts ?? [];
    expect(verdicts.map(({ cursor, equal }) => [cursor?.module, equal])).toEqual([["cc", true]]);
    await eventually(async () => (await client.graph.getProjection({})).building === undefined);
  });

  test("a watcher sees what changes, and resumes where it was", async () => {
    const frames = client.graph.watchGraph({ module: "cc" })[Symbol.asyncIterator]();
    const next = async (kind: string) => {
      for (;;) {
        const { value } = await frames.next();
        if (value?.frame.case === kind) return value.frame;
      }
    };
    await next("caughtUp");
    await record("In [[Emden]] now.");
    const changes = await next("changes");
    if (changes.case !== "changes") throw new Error("no changes");
    const { cursor, generation, nodes } = changes.value;
    expect(nodes.map(({ name }: { name: string }) => name)).toContain("Emden");
    await frames.return?.();
    await record("In [[Leer]] now.");
    for await (const { frame } of client.graph.watchGraph({
      start: { case: "cursor", value: cursor ?? create(CursorSchema) },
      generation,
    })) {
      expect(frame.case).not.toBe("reset");
      // The first one only tells the generation.
      if (frame.case !== "changes" || frame.value.nodes.length === 0) continue;
      expect(frame.value.nodes.map((node) => node.name)).toContain("Leer");
      expect(frame.value.nodes.map((node) => node.name)).not.toContain("Emden");
      break;
    }
  });

  test("kill -9 loses nothing and doubles nothing", async () => {
    await record("To [[Jever]].");
    await mesh.kill9();
    const recording = record("From [[Jever]].");
    await mesh.restart();
    expect(await count("Jever", await recording)).toBe(2n);
    const verdicts = (await Array.fromAsync(client.graph.verifyProjection({}))).at(-1)?.verdicts ?? [];
    expect(verdicts.map(({ equal }) => equal)).toEqual([true]);
  });

  test("without the conductor reads go on, writes and what is not there yet are told in time", async () => {
    const seen = await record("Before.");
    await count("Jever", seen);
    await mesh.mesh.kill9();
    try {
      expect((await client.graph.getNode({ name: "Jever", module: "cc" })).node?.memoryCount).toBe(2n);
      const making = client.graph.createNode(
        { node: { module: "cc", label: "Entity", name: "Never" } },
        { timeoutMs: 5_000 },
      );
      expect((await refusal(making)).code).toBe(Code.Unavailable);
      const later = create(CursorSchema, { ...seen, position: seen.position + 2n });
      const behind = await refusal(client.graph.getProjection({ atLeast: later }, { timeoutMs: 1_000 }));
      expect([behind.code, reasonOf(behind)]).toEqual([Code.DeadlineExceeded, "PROJECTION_BEHIND"]);
      expect(behind.rawMessage).toMatch(/2 positions behind/);
      await eventually(async () => !(await client.graph.getProjection({})).connected);
    } finally {
      await mesh.mesh.restart();
    }
    await count("Jever", await record("After."));
    await eventually(async () => (await client.graph.getProjection({})).connected);
  });

  test("draining ends a watcher with GoAway, and the process with 0", async () => {
    const replica = await mesh.replica();
    const at = mesh.client(replica.address);
    let last: { case: string | undefined; value?: unknown } | undefined;
    const watching = refusal(
      (async () => {
        for await (const { frame } of at.graph.watchGraph({})) last = frame;
      })(),
    );
    await eventually(() => last?.case === "caughtUp");
    const { code } = await replica.stop();
    expect(code).toBe(0);
    expect((await watching).code).toBe(Code.Unavailable);
    expect(last).toMatchObject({ case: "goAway", value: { reason: GoAway_Reason.DRAINING } });
  });

  test("two of them share the work, and both answer", async () => {
    const replica = await mesh.replica();
    const at = mesh.client(replica.address);
    const cursors = await Promise.all(Array.from({ length: 20 }, (_, n) => record(`Note ${n} in [[Aurich]].`)));
    const last = cursors.reduce((a, b) => (b.position > a.position ? b : a));
    const [here, there] = [
      await count("Aurich", last),
      (await at.graph.getNode({ name: "Aurich", module: "cc", atLeast: last })).node?.memoryCount,
    ];
    expect([here, there]).toEqual([20n, 20n]);
    await replica.stop();
  });
});

describe("a graph that cannot start says why in one line and ends with 2", () => {
  const start = (port: number, env: Record<string, string>) =>
    startMeshProcess({
      name: "graph",
      service: "cos.graph.v1.GraphService",
      port,
      env: { COS_POSTGRES_URL: mesh.mesh.postgresUrl, COS_REDIS_URL: "redis://127.0.0.1:1", ...env },
    });

  test("a port in use", async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
    const { port } = taken.address() as { port: number };
    const { code, stderr } = await start(port, {}).ended;
    await new Promise((resolve) => taken.close(resolve));
    expect([code, stderr.trim()]).toEqual([
      2,
      expect.stringMatching(`^graph: COS_GRAPH_LISTEN 127.0.0.1:${port} is in use`),
    ]);
  });

  test.each([
    ["a key that is none", { COS_GRAPH_SERVICE_KEY: "/nowhere.key" }, /^graph: COS_GRAPH_SERVICE_KEY/],
    ["a CA that is not there", { COS_TLS_CA: "/nowhere.pem" }, /^graph: COS_TLS_CA/],
    ["a conductor that is nowhere", { COS_CONDUCTOR_ADDRESS: "nowhere" }, /^graph: COS_CONDUCTOR_ADDRESS/],
  ])("%s", async (_, wrong, line) => {
    const { code, stderr } = await start(await freePort(), wrong).ended;
    expect([code, stderr.trim()]).toEqual([2, expect.stringMatching(line)]);
  });

  test("a schema that is too old", async () => {
    const postgres = new Postgres({ connectionString: mesh.mesh.postgresUrl });
    await postgres.connect();
    await postgres.query("create database old_graph");
    const url = new URL(mesh.mesh.postgresUrl);
    url.pathname = "/old_graph";
    const { code, stderr } = await start(await freePort(), { COS_GRAPH_POSTGRES_URL: url.href }).ended;
    await postgres.query("drop database old_graph with (force)");
    await postgres.end();
    expect([code, stderr]).toEqual([2, expect.stringMatching(/cos migrate/)]);
  });
});
