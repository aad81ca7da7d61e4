import { beforeEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { type Graph, openGraph, refusalOf } from "./open-graph.ts";

let graph: Graph;
beforeEach(async () => {
  graph = await openGraph();
  await graph.say("cc", {
    names: [
      ["person", "Ann"],
      ["person", "Bob"],
    ],
  });
});

describe("reads of much", () => {
  test("an export ends when the graph is built anew in the middle, and tells to export again", async () => {
    const { exportEdges, activate, begin } = graph.store;
    graph.store.exportEdges = async (...asked) => {
      const rows = await exportEdges(...asked);
      const next = await begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
      await activate(next?.number ?? 0, 1);
      return rows;
    };
    await expect(graph.exportGraph({})).rejects.toMatchObject({
      reason: ErrorReason.DRAINING,
      message: "the graph was built anew while it was exported: export it again",
    });
  });

  test("an export ends with the process, and not by its age", async () => {
    const { exportNodes } = graph.store;
    graph.store.exportNodes = async (...asked) => {
      await new Promise((resolve) => setTimeout(resolve, 10));
      return exportNodes(...asked);
    };
    expect((await graph.exportGraph({})).length).toBeGreaterThan(0);
    graph.streams.drain();
    expect(await refusalOf(graph.exportGraph({}))).toBe("DRAINING");
  });

  test("nodes of a long page are read in parts, and no more of them than fit", async () => {
    const properties = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`p${n}`, "x".repeat(1_000)]));
    for (let n = 0; n < 230; n += 1) await graph.createNode({ node: { name: `n${n}`, properties } });
    const { findNodes } = graph.store;
    const read: number[] = [];
    graph.store.findNodes = async (...asked) => {
      const rows = await findNodes(...asked);
      read.push(rows.length);
      return rows;
    };
    const { nodes, nextPageToken } = await graph.findNodes({ labels: ["Entity"], pageSize: 1_000 });
    expect(nodes.length).toBeLessThan(100);
    expect(read).toEqual([100]);
    const all = [...nodes];
    for (let pageToken = nextPageToken; pageToken !== ""; ) {
      const page = await graph.findNodes({ labels: ["Entity"], pageSize: 1_000, pageToken });
      all.push(...page.nodes);
      pageToken = page.nextPageToken;
    }
    expect(new Set(all.map(({ id }) => id)).size).toBe(232);
    expect(Math.max(...read)).toBe(100);
  });

  test("a traversal reads what it met in parts, until its answer is full", async () => {
    const properties = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`p${n}`, "x".repeat(1_000)]));
    const hub = (await graph.createNode({ node: { name: "hub" } })).node?.id ?? "";
    for (let n = 0; n < 250; n += 1) {
      const { node } = await graph.createNode({ node: { name: `n${n}`, properties } });
      await graph.createRelationship({ relationship: { fromId: hub, toId: node?.id ?? "" } });
    }
    const { nodes } = graph.store;
    const read: number[] = [];
    graph.store.nodes = async (scope, ids, signal) => {
      read.push(ids.length);
      return nodes(scope, ids, signal);
    };
    const { visits, truncated } = await graph.traverse({ id: hub, depth: 1, limit: 1_000, fanOut: 500 });
    expect([visits.length < 200, truncated]).toEqual([true, true]);
    expect(read).toEqual([1, 200]);
  });
});
