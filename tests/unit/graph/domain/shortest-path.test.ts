import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Way } from "#services/graph/domain/graph-store.ts";
import { type Path, shortestPath } from "#services/graph/domain/shortest-path.ts";
import type { Expand } from "#services/graph/domain/traverse.ts";
import { type Edge, expandOver, someEdges, someWay, stepsOf } from "./some-graph.ts";

const backwards = { both: "both", outgoing: "incoming", incoming: "outgoing" } as const;

/** All ways without a circle from one node to another, of at most so many steps. */
function waysBetween(
  edges: readonly Edge[],
  from: string,
  to: string,
  way: Way,
  depth: number,
): (Path & { weakest: number })[] {
  if (from === to) return [{ nodes: [to], edges: [], weakest: Number.POSITIVE_INFINITY }];
  if (depth === 0) return [];
  return stepsOf(edges, from, way).flatMap((step) =>
    waysBetween(edges, step.to, to, way, depth - 1)
      .filter(({ nodes }) => !nodes.includes(from))
      .map((rest) => ({
        nodes: [from, ...rest.nodes],
        edges: [step.edge, ...rest.edges],
        weakest: Math.min(step.count, rest.weakest),
      })),
  );
}

describe("a shortest way", () => {
  test("P1, P2, P4: it is one of the shortest of all, and of these one whose weakest relationship is the strongest", async () => {
    await fc.assert(
      fc.asyncProperty(someEdges, someWay, fc.integer({ min: 1, max: 4 }), async (edges, way, depth) => {
        const query = { from: "n0", to: "n1", depth };
        const found = await shortestPath(expandOver(edges, way), expandOver(edges, backwards[way]), query);
        const all = waysBetween(edges, "n0", "n1", way, depth);
        const length = Math.min(...all.map((each) => each.edges.length));
        const shortest = all.filter((each) => each.edges.length === length);
        const best = Math.max(...shortest.map(({ weakest }) => weakest));
        const isAmongTheBest = shortest
          .filter(({ weakest }) => weakest === best)
          .some(({ nodes, edges: ids }) => JSON.stringify({ nodes, edges: ids }) === JSON.stringify(found.path));
        expect({ truncated: found.truncated, found: found.path !== undefined, isAmongTheBest }).toEqual({
          truncated: false,
          found: all.length > 0,
          isAmongTheBest: all.length > 0,
        });
      }),
      { numRuns: 500 },
    );
  });

  test("P2: the order of the engine's answers changes nothing", async () => {
    await fc.assert(
      fc.asyncProperty(someEdges, someWay, async (edges, way) => {
        const query = { from: "n0", to: "n1", depth: 6 };
        const shuffled: (inner: Expand) => Expand = (inner) => async (nodes, fanOut) =>
          [...(await inner(nodes, fanOut))].reverse();
        const [there, back] = [expandOver(edges, way), expandOver(edges, backwards[way])];
        expect(await shortestPath(shuffled(there), shuffled(back), query)).toEqual(
          await shortestPath(there, back, query),
        );
      }),
      { numRuns: 200 },
    );
  });

  test("P2: a node that two ways reach is taken by the one whose weakest relationship is the stronger, not by its last", async () => {
    const pairs = [
      ["n0", "a", 1],
      ["a", "c", 5],
      ["n0", "b", 3],
      ["b", "c", 3],
      ["c", "n1", 9],
    ] as const;
    // The goal has many neighbors, so that the search goes on from the start.
    const leaves = ["x", "y", "z"].map((leaf) => ["n1", leaf, 1] as const);
    const edges = [...pairs, ...leaves].map(([from, to, count]) => ({ edge: `${from}-${to}`, from, to, count }));
    const { path } = await shortestPath(expandOver(edges, "both"), expandOver(edges, "both"), {
      from: "n0",
      to: "n1",
      depth: 6,
    });
    expect(path?.nodes).toEqual(["n0", "b", "c", "n1"]);
  });

  const line = (length: number): Edge[] =>
    Array.from({ length }, (_, n) => ({ edge: `e${n}`, from: `n${n}`, to: `n${n + 1}`, count: 1 }));
  const along = (edges: readonly Edge[]) => [expandOver(edges, "both"), expandOver(edges, "both")] as const;

  test("P1: a way of exactly the depth is found, a longer one is not", async () => {
    const [there, back] = along(line(6));
    const six = await shortestPath(there, back, { from: "n0", to: "n6", depth: 6 });
    expect(six.path?.nodes).toEqual(["n0", "n1", "n2", "n3", "n4", "n5", "n6"]);
    expect(six.path?.edges).toEqual(["e0", "e1", "e2", "e3", "e4", "e5"]);
    await expect(shortestPath(there, back, { from: "n0", to: "n6", depth: 5 })).resolves.toEqual({
      path: undefined,
      truncated: false,
    });
  });

  test("P5: the ten thousandth relationship of a super node is followed too", async () => {
    const star = Array.from({ length: 12_000 }, (_, n) => ({ edge: `e${n}`, from: "hub", to: `s${n}`, count: 1 }));
    const edges = [
      ...star,
      { edge: "in", from: "n0", to: "hub", count: 1 },
      { edge: "out", from: "s11999", to: "n1", count: 1 },
    ];
    const byNode = new Map<string, Edge[]>();
    for (const edge of edges) {
      for (const end of [edge.from, edge.to])
        byNode.set(end, [...(byNode.get(end) ?? [])].concat(end === "hub" ? [] : [edge]));
    }
    byNode.set(
      "hub",
      edges.filter(({ from, to }) => from === "hub" || to === "hub"),
    );
    const ofHub: number[] = [];
    const expand: Expand = async (nodes, fanOut) => {
      if (nodes.includes("hub")) ofHub.push(fanOut);
      return nodes.flatMap((node) => stepsOf(byNode.get(node) ?? [], node, "both").slice(0, fanOut));
    };
    const { path } = await shortestPath(expand, expand, { from: "n0", to: "n1", depth: 6 });
    expect(path?.nodes).toEqual(["n0", "hub", "s11999", "n1"]);
    expect(ofHub).toEqual([100, 1000, 10_000, 100_000]);
  });

  test("P3: a search that meets too many nodes ends, and says that it is not sure", async () => {
    const [there, back] = along([
      ...line(3),
      ...line(3).map((edge) => ({ ...edge, edge: `x${edge.edge}`, to: `x${edge.to}` })),
    ]);
    const query = { from: "n0", to: "n3", depth: 6 };
    await expect(shortestPath(there, back, query, { nodes: 4, steps: 500 })).resolves.toEqual({
      path: undefined,
      truncated: true,
    });
    await expect(shortestPath(there, back, query, { nodes: 50, steps: 500 })).resolves.toMatchObject({
      truncated: false,
    });
  });

  test("P3: a dense graph is not looked at as a whole, and a search that ends so says that it is not sure", async () => {
    let looked = 0;
    /** Each node has a relationship to each of these. */
    const among =
      (name: string, size: number): Expand =>
      async (asked, fanOut) => {
        const to = Array.from({ length: Math.min(size, fanOut) }, (_, n) => `${name}${n}`);
        const found = asked.flatMap((from) =>
          to.map((node) => ({ edge: `${from}-${node}`, from, to: node, count: 1 })),
        );
        looked += found.length;
        return found;
      };
    const [here, there] = [among("a", 400), among("b", 500)];
    const [query, limits] = [
      { from: "n0", to: "n1", depth: 12 },
      { nodes: 50_000, steps: 20_000 },
    ];
    await expect(shortestPath(here, there, query, limits)).resolves.toEqual({ path: undefined, truncated: true });
    expect(looked).toBeLessThan(limits.steps + 20_000);
    const met = await shortestPath(here, here, query, limits);
    expect([met.path?.nodes.length, met.truncated]).toEqual([3, false]);
  });

  test("P3: a way that is found on the last nodes that there was room for is still a shortest one", async () => {
    const [there, back] = along(line(1));
    const found = await shortestPath(there, back, { from: "n0", to: "n1", depth: 6 }, { nodes: 3, steps: 500 });
    expect(found).toEqual({ path: { nodes: ["n0", "n1"], edges: ["e0"] }, truncated: false });
  });
});
