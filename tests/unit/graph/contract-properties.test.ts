import { describe, expect, test } from "@jest/globals";
import type { GraphDelta, GraphStore } from "#services/graph/domain/graph-store.ts";
import { sameAsModel } from "#tests/support/graph/contract-properties.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";

type Defect = (store: GraphStore) => Partial<GraphStore>;

/** A store whose steps write something else than they are told. */
function writing(change: (delta: GraphDelta) => GraphDelta): Defect {
  return (store) => ({
    project: (step, work) =>
      store.project(step, (transaction) =>
        work({ ...transaction, write: (delta) => transaction.write(change(delta)) }),
      ),
  });
}

const DEFECTS: readonly (readonly [string, Defect])[] = [
  [
    "pays no heed to the place",
    (store) => ({
      project: async (step, work) => {
        const place = (await store.places(step.generation)).find(({ module }) => module === step.module);
        return store.project({ ...step, after: place?.position ?? 0 }, work);
      },
    }),
  ],
  [
    "stores what a step wrote that threw",
    (store) => ({
      project: async (step, work) => {
        let failure: unknown;
        const place = await store.project(step, async (transaction) => {
          try {
            return await work(transaction);
          } catch (error) {
            failure = error;
            return {
              module: step.module,
              position: step.after + 1,
              epoch: "1-a",
              atMs: 1_760_000_000_001 + step.after,
            };
          }
        });
        if (failure !== undefined) throw failure;
        return place;
      },
    }),
  ],
  ["forgets renames", writing((delta) => ({ ...delta, renameNodes: [] }))],
  ["forgets tombstones of what is deleted", writing((delta) => ({ ...delta, deleteEdges: [] }))],
  [
    "adds names twice",
    writing((delta) => ({ ...delta, addNames: delta.addNames.map((row) => ({ ...row, count: row.count * 2 })) })),
  ],
  [
    "never moves a reference",
    writing((delta) => ({ ...delta, putEdges: delta.putEdges.filter(({ type }) => type !== "REFERENCES") })),
  ],
  [
    "follows edges of the wrong origin",
    (store) => ({
      neighbors: (scope, query) => store.neighbors(scope, { ...query, manual: false }),
    }),
  ],
  [
    "expands by one edge too few",
    (store) => ({
      expand: (scope, query) => store.expand(scope, { ...query, fanOut: Math.max(1, query.fanOut - 1) }),
    }),
  ],
  [
    "ignores the place to go on from",
    (store) => ({
      findNodes: (scope, query) => store.findNodes(scope, { ...query, after: undefined }),
    }),
  ],
  [
    "finds by any one word",
    (store) => ({
      search: (scope, query) => store.search(scope, { ...query, words: query.words.slice(0, 1) }),
    }),
  ],
  [
    "compares times with a second's tolerance",
    (store) => ({
      topics: (scope, query) => store.topics(scope, { ...query, untilMs: query.untilMs && query.untilMs + 1_000 }),
    }),
  ],
  [
    "shows evidence of the position itself",
    (store) => ({
      evidence: (scope, query) => store.evidence(scope, { ...query, before: query.before && query.before + 1 }),
    }),
  ],
];

describe("random sequences", () => {
  test.each(DEFECTS)("find a store that %s", async (_, defect) => {
    const open = async () => {
      const store = openMemoryGraph();
      return { store: { ...store, ...defect(store) }, close: () => store.close() };
    };
    await expect(sameAsModel(open, { numRuns: 2_000, seed: 7, endOnFailure: true })).rejects.toThrow("Property failed");
  });
});
