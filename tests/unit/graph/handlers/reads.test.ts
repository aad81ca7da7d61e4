import { create } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { FindNodesRequestSchema, ListNeighborsRequestSchema, NeighborOrder } from "#gen/cos/graph/v1/queries_pb.ts";
import { listOf } from "#services/graph/handlers/list-page.ts";
import { encodePageToken } from "#shared/paging/page-token.ts";
import { callIn, type Graph, memoryAt, openGraph, refusalOf } from "./open-graph.ts";

const UNKNOWN = "01930000-0000-7000-8000-000000000000";
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

/** All pages of a list, with how many there were. */
async function pages<Page extends { nextPageToken: string }, Item>(
  read: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => Item[],
): Promise<Item[][]> {
  const all: Item[][] = [];
  for (let token = ""; ; ) {
    const page = await read(token);
    all.push(itemsOf(page));
    if (all.length > 100) throw new Error("the list has no end");
    token = page.nextPageToken;
    if (token === "") return all;
  }
}

describe("finding nodes", () => {
  beforeEach(() => say("Ann Bob", "Ann", "Cis"));

  test("those with the most memories come first, a page at a time", async () => {
    const found = await pages(
      (pageToken) => graph.findNodes({ labels: ["Entity"], pageSize: 2, pageToken }),
      ({ nodes }) => nodes.map(({ name }) => name),
    );
    expect(found[0]?.[0]).toBe("Ann");
    expect(found.map(({ length }) => length)).toEqual([2, 1]);
    expect(found.flat().sort()).toEqual(["Ann", "Bob", "Cis"]);
  });

  test("kind, name and properties narrow it", async () => {
    await graph.createNode({ node: { name: "Naseby", kind: "ship", properties: { guns: 80 } } });
    const names = async (query: Parameters<Graph["findNodes"]>[0]) =>
      (await graph.findNodes(query)).nodes.map(({ name }) => name);
    expect(await names({ kind: "ship", module: "cc" })).toEqual(["Naseby"]);
    expect(await names({ properties: { guns: 80 } })).toEqual(["Naseby"]);
    expect(await names({ properties: { guns: 81 } })).toEqual([]);
    expect(await names({ name: "Bob" })).toEqual(["Bob"]);
  });

  test("a page ends before it is too large", async () => {
    const properties = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`p${n}`, "x".repeat(1000)]));
    for (let n = 0; n < 25; n += 1) await graph.createNode({ node: { name: `n${n}`, kind: "large", properties } });
    const found = await pages(
      (pageToken) => graph.findNodes({ kind: "large", pageToken }),
      ({ nodes }) => nodes.map(({ name }) => name),
    );
    expect(found.length).toBeGreaterThan(1);
    expect(new Set(found.flat()).size).toBe(25);
  });

  test("properties that are none, tokens of another list, and modules that are not there are refused", async () => {
    expect(await refusalOf(graph.findNodes({ properties: { "x`]": 1 } }))).toBe("INVALID_FIELD properties");
    const nine = Object.fromEntries(Array.from({ length: 9 }, (_, n) => [`p${n}`, n]));
    expect(await refusalOf(graph.findNodes({ properties: nine }))).toBe("INVALID_FIELD properties");
    const { nextPageToken: pageToken } = await graph.findNodes({ pageSize: 1 });
    expect(await refusalOf(graph.findNodes({ kind: "person", pageToken }))).toBe("PAGE_TOKEN_INVALID page_token");
    const list = listOf(FindNodesRequestSchema, create(FindNodesRequestSchema));
    const large = encodePageToken(list, ["2147483648", UNKNOWN]);
    expect(await refusalOf(graph.findNodes({ pageToken: large }))).toBe("PAGE_TOKEN_INVALID page_token");
    const largest = encodePageToken(list, ["2147483647", UNKNOWN]);
    expect(await refusalOf(graph.findNodes({ pageToken: largest }))).toBe("not refused");
    expect(await refusalOf(graph.findNodes({ module: "nowhere" }))).toBe("MODULE_NOT_FOUND");
    expect(await refusalOf(graph.findNodes({ module: "cc" }, callIn(["there"])))).toBe("MODULE_NOT_FOUND");
    expect((await graph.findNodes({}, callIn(["there"]))).nodes).toEqual([]);
  });
});

describe("searching", () => {
  test("entities are found by any of their names, memories by their first words, the best first", async () => {
    await graph.say("cc", { names: [["person", "Sir William Batten"]] });
    await graph.say("cc", { names: [["person", "Sir W. Batten"]], text: "Dined with Batten" });
    const { hits } = await graph.searchGraph({ query: "william BATTEN" });
    expect(hits).toMatchObject([{ node: { name: "Sir William Batten" }, matchedName: "" }]);
    const found = (await graph.searchGraph({ query: "w bat" })).hits;
    expect(found).toMatchObject([
      { node: { kind: "person" }, matchedName: expect.stringMatching(/Batten/) },
      { node: { label: "LogEntry" } },
    ]);
    expect(found[0]?.score).toBeGreaterThan(found[1]?.score ?? 0);
    expect(
      (await graph.searchGraph({ query: "w bat", labels: ["LogEntry"], module: "cc", limit: 1 })).hits,
    ).toHaveLength(1);
  });

  test("words are needed, and not too many", async () => {
    expect(await refusalOf(graph.searchGraph({ query: " .,! " }))).toBe("INVALID_FIELD query");
    expect(await refusalOf(graph.searchGraph({ query: "a ".repeat(17) }))).toBe("INVALID_FIELD query");
    expect((await graph.searchGraph({ query: "a ".repeat(16) })).hits).toEqual([]);
    expect(await refusalOf(graph.searchGraph({ query: "a", module: "nowhere" }))).toBe("MODULE_NOT_FOUND");
  });
});

describe("neighbors", () => {
  // Ann occurs with Bob wherever there is somebody, with Cis alone, and in general.
  beforeEach(() =>
    say("Ann Bob", "Ann Bob", "Ann Bob", "Bob Dan", "Bob Eve", "Ann Cis", "Ann Cis", "Fay", "Fay", "Fay"),
  );

  const listed = async (query: object) =>
    (await graph.listNeighbors({ id: await idOfName("Ann"), types: ["RELATES_TO"], ...query })).neighbors;

  test("those that most memories relate come first, each with its weight and latest evidence", async () => {
    const neighbors = await listed({ evidenceMax: 2 });
    expect(neighbors.map(({ node }) => node?.name)).toEqual(["Bob", "Cis"]);
    const [bob] = neighbors;
    expect(bob?.relationship).toMatchObject({ type: "RELATES_TO", count: 3n });
    expect(bob?.relationship?.weight).toBeGreaterThan(0);
    expect(bob?.relationship?.evidence).toMatchObject([
      { memoryId: memoryAt("cc", 3), module: "cc", position: 3n, excerpt: "entry of Ann Bob" },
      { position: 2n },
    ]);
  });

  test("by weight those come first that are nobody else's", async () => {
    const neighbors = await listed({ order: NeighborOrder.WEIGHT });
    const weights = neighbors.map(({ relationship }) => relationship?.weight ?? 0);
    expect(neighbors.map(({ node }) => node?.name)).toEqual(["Cis", "Bob"]);
    expect(weights[0]).toBeGreaterThan(weights[1] ?? 1);
  });

  test.each([NeighborOrder.COUNT, NeighborOrder.WEIGHT])(
    "pages go on where the one before ended, in order %d",
    async (order) => {
      const id = memoryAt("cc", 1);
      const query = { id, order, evidenceMax: -1 };
      const whole = (await graph.listNeighbors(query)).neighbors.map(({ relationship }) => relationship?.id);
      const paged = await pages(
        (pageToken) => graph.listNeighbors({ ...query, pageSize: 1, pageToken }),
        ({ neighbors }) => neighbors.map(({ relationship }) => relationship?.id),
      );
      expect(paged.flat()).toEqual(whole);
      expect(whole.length).toBeGreaterThan(3);
    },
  );

  test("weights that are fractions page as well", async () => {
    const query = { id: await idOfName("Bob"), types: ["RELATES_TO"], order: NeighborOrder.WEIGHT };
    const paged = await pages(
      (pageToken) => graph.listNeighbors({ ...query, pageSize: 1, pageToken }),
      ({ neighbors }) => neighbors.map(({ node }) => node?.name),
    );
    expect(new Set(paged.flat())).toEqual(new Set(["Ann", "Dan", "Eve"]));
  });

  test("every type is listed unless some are named, or only what was made by hand", async () => {
    const [ann, fay] = [await idOfName("Ann"), await idOfName("Fay")];
    await graph.createRelationship({ relationship: { fromId: ann, toId: fay, type: "DEPENDS_ON" } });
    const { neighbors } = await graph.listNeighbors({ id: ann.toUpperCase() });
    expect(new Set(neighbors.map(({ relationship }) => relationship?.type))).toEqual(
      new Set(["RELATES_TO", "REFERENCES", "DEPENDS_ON"]),
    );
    const byHand = (await graph.listNeighbors({ id: ann, manualOnly: true })).neighbors;
    expect(byHand).toMatchObject([
      { node: { name: "Fay" }, relationship: { weight: 0, evidence: [{ position: 11n, memoryId: "" }] } },
    ]);
  });

  test("an unknown node and a token of another order are refused", async () => {
    expect(await refusalOf(graph.listNeighbors({ id: UNKNOWN }))).toBe("NODE_NOT_FOUND id");
    const query = { id: memoryAt("cc", 1), pageSize: 1 };
    const { nextPageToken: pageToken } = await graph.listNeighbors(query);
    expect(await refusalOf(graph.listNeighbors({ ...query, order: NeighborOrder.WEIGHT, pageToken }))).toBe(
      "PAGE_TOKEN_INVALID page_token",
    );
    const request = create(ListNeighborsRequestSchema, query);
    for (const key of [
      ["1", "1", "'; drop table"],
      ["2147483648", "1", UNKNOWN],
    ]) {
      const made = encodePageToken(listOf(ListNeighborsRequestSchema, request), key);
      expect(await refusalOf(graph.listNeighbors({ ...query, pageToken: made }))).toBe("PAGE_TOKEN_INVALID page_token");
    }
    const late = encodePageToken(listOf(ListNeighborsRequestSchema, request), ["0", "999999999999999", UNKNOWN]);
    expect(await refusalOf(graph.listNeighbors({ ...query, pageToken: late }))).toBe("not refused");
  });
});

describe("evidence", () => {
  test("a co-occurrence stands on all memories of both, the latest first, a page at a time", async () => {
    await say("Ann Bob", "Ann", "Ann Bob", "Ann Bob");
    const [{ relationship } = {}] = (await graph.listNeighbors({ id: await idOfName("Ann"), types: ["RELATES_TO"] }))
      .neighbors;
    const relationshipId = relationship?.id?.toUpperCase() ?? "";
    const paged = await pages(
      (pageToken) => graph.listEvidence({ relationshipId, pageSize: 2, pageToken }),
      ({ evidence }) => evidence.map(({ position }) => position),
    );
    expect(paged).toEqual([[4n, 3n], [1n]]);
    const { relationship: again } = await graph.getRelationship({ id: relationshipId });
    expect(again?.evidence.map(({ position }) => position)).toEqual([4n, 3n, 1n]);
  });

  test("other relationships stand on the memory that made them, the later one of two", async () => {
    await say("Ann", "Bob");
    const at = async (id: string) => (await graph.listNeighbors({ id })).neighbors;
    const positions = new Map(
      [...(await at(memoryAt("cc", 2))), ...(await at(await idOfName("cc")))].map(({ relationship: edge }) => [
        edge?.type === "CONTAINS" ? `CONTAINS ${edge.count}` : edge?.type,
        edge?.evidence.map(({ position }) => Number(position)),
      ]),
    );
    expect(Object.fromEntries(positions)).toMatchObject({
      FLOWS_TO: [2],
      REFERENCES: [2],
      "CONTAINS 1": [2],
      "CONTAINS 2": [],
    });
    const [flows] = (await graph.listNeighbors({ id: memoryAt("cc", 1), types: ["FLOWS_TO"] })).neighbors;
    const listed = await graph.listEvidence({ relationshipId: flows?.relationship?.id ?? "" });
    expect(listed).toMatchObject({ evidence: [{ memoryId: memoryAt("cc", 2) }], nextPageToken: "" });
    expect(await refusalOf(graph.listEvidence({ relationshipId: UNKNOWN }))).toBe(
      "RELATIONSHIP_NOT_FOUND relationship_id",
    );
  });
});

describe("walks", () => {
  beforeEach(() => say("Ann Bob", "Bob Cis", "Cis Dan", "Ann Bob", "Eve"));

  test("a walk meets nodes by distance, and tells by which relationship", async () => {
    const { visits, truncated } = await graph.traverse({ id: await idOfName("Ann") });
    expect(visits.map(({ node, depth, relationship }) => [node?.name, depth, relationship?.count])).toEqual([
      ["Ann", 0, undefined],
      ["Bob", 1, 2n],
      ["Cis", 2, 1n],
    ]);
    expect(truncated).toBe(false);
    const far = await graph.traverse({ id: await idOfName("Ann"), depth: 6, limit: 3, fanOut: 1 });
    expect([far.visits.length, far.truncated]).toEqual([2, true]);
  });

  test("an answer that would be too large is cut, and says so", async () => {
    const properties = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`p${n}`, "x".repeat(1000)]));
    const hub = (await graph.createNode({ node: { name: "hub" } })).node?.id ?? "";
    for (let n = 0; n < 60; n += 1) {
      const { node } = await graph.createNode({ node: { name: `n${n}`, properties } });
      await graph.createRelationship({ relationship: { fromId: hub, toId: node?.id ?? "" } });
    }
    const { visits, truncated } = await graph.traverse({ id: hub, fanOut: 100 });
    expect(visits.length).toBeGreaterThan(20);
    expect(visits.length).toBeLessThan(61);
    expect(truncated).toBe(true);
  });

  test("a shortest way comes with its nodes, relationships and their evidence", async () => {
    const [fromId, toId] = [await idOfName("Ann"), await idOfName("Dan")];
    const { nodes, relationships, truncated } = await graph.findShortestPath({ fromId: fromId.toUpperCase(), toId });
    expect(nodes.map(({ name }) => name)).toEqual(["Ann", "Bob", "Cis", "Dan"]);
    expect(relationships.map(({ evidence }) => evidence.map(({ position }) => position))).toEqual([
      [4n, 1n],
      [2n],
      [3n],
    ]);
    expect(truncated).toBe(false);
    expect(await graph.findShortestPath({ fromId, toId, depth: 2 })).toMatchObject({
      nodes: [],
      relationships: [],
      truncated: false,
    });
  });

  test("ends that are unknown or the same are refused, naming the end", async () => {
    const ann = await idOfName("Ann");
    const path = (fromId: string, toId: string) => refusalOf(graph.findShortestPath({ fromId, toId }));
    expect(await path(ann, UNKNOWN)).toBe("NODE_NOT_FOUND to_id");
    expect(await path(UNKNOWN, ann)).toBe("NODE_NOT_FOUND from_id");
    expect(await path(ann, ann.toUpperCase())).toBe("INVALID_FIELD to_id");
    expect(await refusalOf(graph.traverse({ id: UNKNOWN }))).toBe("NODE_NOT_FOUND id");
  });

  test("what was deleted while a search went on is left out of a walk, and is no way", async () => {
    const make = async (name: string) => (await graph.createNode({ node: { name } })).node?.id ?? "";
    const [one, two, three] = [await make("one"), await make("two"), await make("three")];
    for (const toId of [two, three]) await graph.createRelationship({ relationship: { fromId: one, toId } });
    const { expand } = graph.store;
    const meanwhile = (act: () => Promise<unknown>) => {
      graph.store.expand = async (...asked) => {
        graph.store.expand = expand;
        const steps = await expand(...asked);
        await act();
        return steps;
      };
    };
    meanwhile(() => graph.deleteNode({ id: two, force: true }));
    expect(await graph.findShortestPath({ fromId: one, toId: two })).toMatchObject({ nodes: [], truncated: false });
    meanwhile(() => graph.deleteNode({ id: three, force: true }));
    const { visits } = await graph.traverse({ id: one });
    expect(visits.map(({ node }) => node?.name)).toEqual(["one"]);
  });
});
