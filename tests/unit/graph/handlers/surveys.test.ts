import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { ExportGraphRequestSchema } from "#gen/cos/graph/v1/surveys_pb.ts";
import { EXTRACTOR_VERSION } from "#services/graph/domain/extract/extractor-version.ts";
import { compareText } from "#services/graph/domain/traverse.ts";
import { exportGraph } from "#services/graph/handlers/export-graph.ts";
import { OpenStreams } from "#services/graph/handlers/open-streams.ts";
import { callIn, type Graph, openGraph, refusalOf, someCall } from "./open-graph.ts";

const DAY_MS = 86_400_000;

let graph: Graph;
beforeEach(async () => {
  graph = await openGraph();
});

/** Memories of persons, one a day; each string is who occurs together. */
async function say(...days: readonly string[]): Promise<void> {
  for (const [n, day] of days.entries()) {
    const names = day.split(" ").map((name) => ["person", name] as const);
    await graph.say("cc", { names, occurredMs: n * DAY_MS, session: "diary", text: `entry of ${day}` });
  }
}

const idOfName = async (name: string) => (await graph.getNode({ name })).node?.id ?? "";

describe("topics", () => {
  beforeEach(() => say("Ann", "Ann Bob", "Ann Cis", "Ann Cis"));
  const at = (day: number) => ({ seconds: BigInt((day * DAY_MS) / 1000), nanos: 0 });

  test("a time is about what it mentions more than others do", async () => {
    const { topics, memoryCount } = await graph.listTopics({ occurred: { since: at(2), until: at(4) } });
    expect(memoryCount).toBe(2n);
    expect(topics.map(({ node, memoryCount: count, weight }) => [node?.name, count, weight])).toEqual([
      ["Cis", 2n, 1],
      ["Ann", 2n, 0],
    ]);
    expect(topics[0]).toMatchObject({ firstAt: { seconds: at(2).seconds }, lastAt: { seconds: at(3).seconds } });
  });

  test("without a time it is about what most memories mention", async () => {
    const { topics } = await graph.listTopics({ limit: 2, kinds: ["person"] });
    expect(topics.map(({ node }) => node?.name)).toEqual(["Ann", "Cis"]);
    await graph.say("cc", {
      names: [
        ["person", "Dan"],
        ["person", "Eve"],
      ],
    });
    const last = (await graph.listTopics({})).topics.slice(-3).map(({ node }) => node?.id ?? "");
    expect(last).toEqual([...last].sort(compareText));
    expect((await graph.listTopics({ kinds: ["place"] })).topics).toEqual([]);
  });

  test("a time without memories is about nothing, a module that is not there is refused", async () => {
    expect(await graph.listTopics({ occurred: { since: at(400) } })).toMatchObject({ topics: [], memoryCount: 0n });
    expect(await refusalOf(graph.listTopics({ module: "nowhere" }))).toBe("MODULE_NOT_FOUND");
  });
});

describe("the graph as a whole", () => {
  test("it is counted by module, for those who may see it", async () => {
    await say("Ann Bob");
    await graph.say("there", { names: [["place", "Deptford"]] });
    const { modules } = await graph.getStats({});
    expect(modules.map(({ module }) => module)).toEqual(["cc", "there"]);
    expect(modules[0]?.nodes).toContainEqual(expect.objectContaining({ label: "Entity", kind: "person", count: 2n }));
    expect(modules[0]?.relationships).toContainEqual(expect.objectContaining({ type: "RELATES_TO", count: 1n }));
    expect((await graph.getStats({}, callIn(["there"]))).modules.map(({ module }) => module)).toEqual(["there"]);
    expect(await refusalOf(graph.getStats({ module: "cc" }, callIn(["there"])))).toBe("MODULE_NOT_FOUND");
  });

  test("its schema names every label, type and kind in a sentence", async () => {
    const { labels, types, kinds, extractorVersion } = await graph.getSchema({});
    expect(labels.filter(({ manual }) => manual).map(({ label }) => label)).toEqual(["Entity", "Concept"]);
    expect(types.filter(({ manual }) => manual).map(({ type }) => type)).toEqual([
      "REFERENCES",
      "RELATES_TO",
      "DEPENDS_ON",
    ]);
    expect([...labels, ...types].every(({ about }) => about.endsWith("."))).toBe(true);
    expect({ kinds: kinds.length, extractorVersion }).toEqual({ kinds: 7, extractorVersion: EXTRACTOR_VERSION });
  });

  test("an export has all nodes, then all relationships whose ends it has, in the order of ids", async () => {
    await say(...Array.from({ length: 300 }, (_, n) => `Ann P${n}`));
    const frames = await graph.exportGraph({});
    const [nodes, relationships] = [
      frames.flatMap((frame) => frame.nodes),
      frames.flatMap((frame) => frame.relationships),
    ];
    const counts = (await graph.getStats({ module: "cc" })).modules[0];
    const sum = (of: readonly { count: bigint }[] = []) => of.reduce((total, { count }) => total + Number(count), 0);
    expect(nodes.length).toBe(sum(counts?.nodes));
    expect(relationships.length).toBe(sum(counts?.relationships));
    expect(nodes.map(({ id }) => id)).toEqual(nodes.map(({ id }) => id).sort());
    expect(frames.findLastIndex((frame) => frame.nodes.length > 0)).toBeLessThan(
      frames.findIndex((frame) => frame.relationships.length > 0),
    );
  });

  test("an export of some labels has no relationship that leads out of them, nor into another module", async () => {
    await say("Ann Bob");
    const there = (await graph.createNode({ node: { name: "there", module: "there" } })).node?.id ?? "";
    await graph.createRelationship({ relationship: { fromId: await idOfName("Ann"), toId: there } });
    const all = (await graph.exportGraph({})).flatMap(({ relationships }) => relationships);
    expect(all.some(({ toId }) => toId === there)).toBe(false);
    const some = await graph.exportGraph({ labels: ["Entity"] });
    expect(some.flatMap(({ nodes }) => nodes).every(({ label }) => label === "Entity")).toBe(true);
    expect(some.flatMap(({ relationships }) => relationships).map(({ type }) => type)).toEqual(["RELATES_TO"]);
  });

  test("an export ends with a refusal when the right to it is taken back, never as if it were whole", async () => {
    await say("Ann Bob");
    const call = callIn(["cc"]);
    const { exportNodes } = graph.store;
    graph.store.exportNodes = async (...asked) => {
      const rows = await exportNodes(...asked);
      call.access.update({ ...call.access.principal, grants: new Map() });
      return rows;
    };
    expect(await refusalOf(graph.exportGraph({}, call))).toBe("MODULE_NOT_FOUND");
    expect(await refusalOf(graph.exportGraph({ module: "nowhere" }))).toBe("MODULE_NOT_FOUND");
  });

  test("a few export at a time; who comes then is told when to come back, and is let in when one has left", async () => {
    await say("Ann Bob");
    const streams = new OpenStreams({ ageMaxMs: 0 });
    const exporting = exportGraph({ store: graph.store, awaitPlace: async () => undefined, streams, exportsMax: 2 });
    const open = () => exporting(create(ExportGraphRequestSchema), someCall())[Symbol.asyncIterator]();
    const [first, second] = [open(), open()];
    await Promise.all([first.next(), second.next()]);
    await expect(open().next()).rejects.toMatchObject({ reasonName: "OVERLOADED", retryAfterMs: 10_000 });
    await first.return?.();
    await expect(open().next()).resolves.toMatchObject({ done: false });
  });

  test("what has nothing to do with the module of a read is not looked at", async () => {
    await say("Ann");
    expect((await graph.findNodes({ module: "cc", name: "nobody" })).nodes).toEqual([]);
    expect((await graph.searchGraph({ module: "cc", query: "nobody" })).hits).toEqual([]);
  });
});
