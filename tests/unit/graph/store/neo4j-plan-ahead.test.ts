import { expect, test } from "@jest/globals";
import { Direction } from "#gen/cos/graph/v1/queries_pb.ts";
import { followedEdges, listedEdges } from "#services/graph/domain/edge-filter.ts";
import { expand, readNeighbors } from "#services/graph/store/neo4j/follow-edges.ts";
import type { Neo4j } from "#services/graph/store/neo4j/open-neo4j.ts";
import { planAhead } from "#services/graph/store/neo4j/plan-ahead.ts";
import { readChanges } from "#services/graph/store/neo4j/read-changes.ts";
import { readStats } from "#services/graph/store/neo4j/read-stats.ts";
import type { Reading } from "#services/graph/store/neo4j/reading.ts";
import { searchNames } from "#services/graph/store/neo4j/search-names.ts";

const NODE = "11111111-1111-1111-1111-111111111111";

async function plannedAhead(): Promise<Map<string, object>> {
  const planned = new Map<string, object>();
  const neo4j = {
    plan: (texts: readonly string[], parameters: object) => {
      for (const text of texts) planned.set(text, parameters);
      return Promise.resolve();
    },
  };
  await planAhead(neo4j as Neo4j, "cos");
  return planned;
}

test.each<[string, (reading: Reading) => Promise<unknown>]>([
  ["the counts of a module", (reading) => readStats(reading, "pepys")],
  ["a search by two words", (reading) => searchNames(reading, { words: ["sir", "w"], labels: [], limit: 20 })],
  [
    "the neighbors of a node, of all types and both ways",
    (reading) => readNeighbors(reading, { ...listedEdges(Direction.UNSPECIFIED, [], false), node: NODE, limit: 20 }),
  ],
  [
    "the steps of a search for a path",
    (reading) => expand(reading, { ...followedEdges(Direction.UNSPECIFIED, []), nodes: [NODE], fanOut: 50 }),
  ],
  [
    "what a watcher is told",
    (reading) => readChanges(reading, { module: "pepys", after: { changed: 9, what: "edge", id: NODE }, limit: 500 }),
  ],
])("%s: planned before anybody asks, with parameters of the same names", async (_, ask) => {
  const planned = await plannedAhead();
  const asked: [string, string[]][] = [];
  // A module that is settled, so that changes are asked for too.
  const run = (texts: string | readonly string[], parameters = {}) => {
    for (const text of [texts].flat()) asked.push([text, Object.keys(parameters)]);
    return Promise.resolve(asked.length === 1 ? [{ upTo: 7 }] : []);
  };
  await ask({ run } as Reading).catch(() => undefined);
  expect(asked).not.toHaveLength(0);
  for (const [text, names] of asked) {
    const parameters = planned.get(text) ?? { notPlanned: text };
    expect(Object.keys(parameters).sort()).toEqual(["graph", "modules", ...names].sort());
  }
});
