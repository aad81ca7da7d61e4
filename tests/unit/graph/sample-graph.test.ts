import { describe, expect, test } from "@jest/globals";
import { localScope } from "#shared/auth/scope.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import { projectSample, sampleDeltas } from "#tests/support/graph/sample-graph.ts";

const SMALL = { entities: 30, memories: 90, seed: 5, step: 25 };

describe("a sample graph", () => {
  test("is the same for the same seed, and another one for another", () => {
    expect([...sampleDeltas(SMALL)]).toEqual([...sampleDeltas(SMALL)]);
    expect([...sampleDeltas(SMALL)]).not.toEqual([...sampleDeltas({ ...SMALL, seed: 6 })]);
  });

  test("comes in deltas of so many memories, each id once in a list", () => {
    const deltas = [...sampleDeltas(SMALL)];
    expect(deltas.map(({ position }) => position)).toEqual([25, 50, 75, 90]);
    expect(deltas.map(({ putNodes }) => putNodes.length)).toEqual([25, 25, 25, 15]);
    for (const { addNodes, putEdges, addEdges } of deltas)
      for (const rows of [addNodes, putEdges, addEdges])
        expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  });

  test("has the counts that its references come to", async () => {
    const store = openMemoryGraph();
    await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
    expect(await projectSample(store, 1, SMALL)).toBe(90);
    const scope = localScope();
    const { topics, memories } = await store.topics(scope, { module: "sample", kinds: [], limit: 100 });
    expect(memories).toBe(90);
    for (const { node, count } of topics) expect(node.count).toBe(count);
    expect(topics[0]?.node.name).toBe("Person 0 of Sample");
    expect(topics[0]?.count).toBeGreaterThanOrEqual(45);

    const edges = await store.exportEdges(scope, "sample", "", 10_000);
    const related = edges.filter(({ type }) => type === "RELATES_TO");
    expect(related.length).toBeGreaterThan(100);
    const pairs = related.slice(0, 50).map(({ from, to }) => ({ module: "sample", from, to }));
    const evidence = await store.evidence(scope, { pairs, limit: 1_000 });
    expect(evidence.map((list) => list.length)).toEqual(related.slice(0, 50).map(({ count }) => count));
    // Each memory has 8 references, its session and its source; all but the first of a session follow another one.
    expect(edges.length - related.length).toBe(90 * 10 + 85);
  });

  test("names no more entities than there are", () => {
    const [delta] = sampleDeltas({ entities: 3, memories: 2, seed: 1, module: "tiny" });
    expect(delta?.putEdges.filter(({ type }) => type === "REFERENCES")).toHaveLength(6);
    expect(delta?.putNodes[0]?.module).toBe("tiny");
  });

  test("is refused by a generation that has come further", async () => {
    const store = openMemoryGraph();
    await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
    await projectSample(store, 1, SMALL);
    await expect(projectSample(store, 1, SMALL)).rejects.toThrow("did not begin");
  });
});
