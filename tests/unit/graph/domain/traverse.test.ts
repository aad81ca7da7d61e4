import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Step, Way } from "#services/graph/domain/graph-store.ts";
import { type Expand, type Met, traverse } from "#services/graph/domain/traverse.ts";
import { byCount, type Edge, expandOver, someEdges, someWay, stepsOf } from "./some-graph.ts";

interface Query {
  readonly way: Way;
  readonly depth: number;
  readonly limit: number;
  readonly fanOut: number;
}

/** The same, worked out naively: level by level over all edges. */
function naively(edges: readonly Edge[], start: string, { way, depth, limit, fanOut }: Query) {
  const met: Met[] = [{ id: start, depth: 0, edge: undefined }];
  let truncated = false;
  for (let level = 1; level <= depth; level += 1) {
    const before = met.filter((each) => each.depth === level - 1);
    const all = before.flatMap(({ id }) => {
      const steps = stepsOf(edges, id, way).sort(byCount);
      if (steps.length > fanOut) truncated = true;
      return steps.slice(0, fanOut);
    });
    const fresh = new Map<string, Step>();
    for (const step of all.sort(byCount)) {
      if (!met.some(({ id }) => id === step.to) && !fresh.has(step.to)) fresh.set(step.to, step);
    }
    const ordered = [...fresh.values()].sort((a, b) => b.count - a.count || (a.to < b.to ? -1 : 1));
    for (const { to, edge } of ordered) {
      if (met.length === limit) truncated = true;
      else met.push({ id: to, depth: level, edge });
    }
  }
  return { met, truncated };
}

const someQuery = fc.record({
  way: someWay,
  depth: fc.integer({ min: 1, max: 6 }),
  limit: fc.integer({ min: 1, max: 9 }),
  fanOut: fc.integer({ min: 1, max: 6 }),
});

describe("a walk through the graph", () => {
  test("T1, T2, T3: any walk through any graph is what a naive one is", async () => {
    await fc.assert(
      fc.asyncProperty(someEdges, someQuery, async (edges, query) => {
        const walked = await traverse(expandOver(edges, query.way), { start: "n0", ...query });
        expect(walked).toEqual(naively(edges, "n0", query));
      }),
      { numRuns: 500 },
    );
  });

  test("T2: a node is met by the strongest relationship of the level before, whoever is asked first", async () => {
    const edge = (from: string, to: string, count: number) => ({ edge: `${from}-${to}`, from, to, count });
    const edges = [edge("n0", "a", 9), edge("n0", "b", 8), edge("a", "c", 1), edge("b", "c", 2), edge("a", "d", 1)];
    for (const order of [1, -1]) {
      const expand: Expand = async (nodes, fanOut) =>
        (await expandOver(edges, "both")(nodes, fanOut)).toSorted((l, r) => order * (l.edge < r.edge ? -1 : 1));
      const { met } = await traverse(expand, { start: "n0", depth: 2, limit: 10, fanOut: 10 });
      expect(met.slice(3)).toEqual([
        { id: "c", depth: 2, edge: "b-c" },
        { id: "d", depth: 2, edge: "a-d" },
      ]);
    }
  });

  test("T3: a walk that had just enough room has left nothing out", async () => {
    const edges = [{ edge: "e", from: "n0", to: "n1", count: 1 }];
    const query = { start: "n0", depth: 6, limit: 2, fanOut: 1 };
    await expect(traverse(expandOver(edges, "both"), query)).resolves.toMatchObject({ truncated: false });
  });

  test("T3, T4: a super node costs what is followed of it, and a wide level is looked at up to the limit of steps", async () => {
    const asked: [number, number][] = [];
    // A graph without end: each node leads to as many new ones as are asked for.
    let fresh = 0;
    const endless: Expand = async (nodes, fanOut) => {
      asked.push([nodes.length, fanOut]);
      return nodes.flatMap((from) =>
        Array.from({ length: fanOut }, () => {
          fresh += 1;
          return { edge: `e${fresh}`, from, to: `x${String(fresh).padStart(9, "0")}`, count: 1 };
        }),
      );
    };
    const { met, truncated } = await traverse(endless, { start: "n0", depth: 3, limit: 10_000, fanOut: 1000 });
    expect({ met: met.length, truncated }).toEqual({ met: 10_000, truncated: true });
    expect(asked.every(([nodes, fanOut]) => nodes * fanOut <= 20_020)).toBe(true);
    expect(fresh).toBeLessThan(225_000);
  });

  test("T3: when there is no room any more, one more node is enough to know it", async () => {
    const asked: number[] = [];
    const expand: Expand = async (nodes) => {
      asked.push(nodes.length);
      return nodes.map((from) => ({ edge: `e${from}`, from, to: `${from}x`, count: 1 }));
    };
    await traverse(expand, { start: "n", depth: 6, limit: 3, fanOut: 1 });
    expect(asked).toEqual([1, 1, 1]);
  });
});
