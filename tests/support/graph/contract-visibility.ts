import { describe, expect, test } from "@jest/globals";
import type { NodeRow } from "#services/graph/domain/graph-rows.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import { type GraphCase, type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at } from "./rows.ts";

const ALL_WAYS = { way: "both", types: [], manual: true } as const;

/** Who sees what (G4, G5). */
export function visibilityContract(open: OpenGraph): void {
  describe("what a scope shows", () => {
    const fresh = sharedGraph(open);

    /** A node in each of two modules, and two edges between them, one of each module. */
    const twoModules = async (given: GraphCase) => {
      const { rows, otherRows, other, write } = given;
      const [mine, theirs] = [rows.hand("mine"), otherRows.hand("theirs")];
      const [here, there] = [rows.edge("RELATES_TO", mine, theirs), otherRows.edge("DEPENDS_ON", theirs, mine)];
      await write({ putNodes: [mine], putEdges: [here] });
      await write({ putNodes: [theirs], putEdges: [there] }, other);
      return { mine, theirs, here, there };
    };

    test("G5: nodes are seen by those who may read their module", async () => {
      const given = fresh();
      const { store, module, other, scope } = given;
      const { mine, theirs } = await twoModules(given);
      const ids = [mine.id, theirs.id];
      expect(await store.nodes(scope, ids)).toHaveLength(2);
      expect(await store.nodes(localScope(), ids)).toHaveLength(2);
      expect(await store.nodes(scopeOf([module]), ids)).toEqual([at(mine, 1)]);
      expect(await store.nodes(scopeOf([other]), ids)).toEqual([at(theirs, 1)]);
      expect(await store.nodes(scopeOf(["elsewhere"]), ids)).toEqual([]);
    });

    test("G4: an edge between modules is seen with both modules, and with one of them not at all", async () => {
      const given = fresh();
      const { store, module, other, scope } = given;
      const { mine, theirs, here, there } = await twoModules(given);
      const ids = [here.id, there.id];
      const seen = async (of: typeof scope) => ({
        edges: (await store.edges(of, ids)).length,
        neighbors: (await store.neighbors(of, { ...ALL_WAYS, node: mine.id, limit: 9 })).length,
        steps: (await store.expand(of, { ...ALL_WAYS, nodes: [mine.id, theirs.id], fanOut: 9 })).length,
      });
      expect(await seen(scope)).toMatchObject({ edges: 2, neighbors: 2, steps: 4 });
      expect(await seen(localScope())).toMatchObject({ edges: 2, neighbors: 2, steps: 4 });
      for (const one of [scopeOf([module]), scopeOf([other]), scopeOf([])])
        expect(await seen(one)).toMatchObject({ edges: 0, neighbors: 0, steps: 0 });
    });

    test("G4: each edge is exported and watched with its own module", async () => {
      const given = fresh();
      const { store, module, other, scope } = given;
      const { here, there } = await twoModules(given);
      expect(await store.exportEdges(scope, module, "", 9)).toEqual([at(here, 1)]);
      expect(await store.exportEdges(scope, other, "", 9)).toEqual([at(there, 1)]);
      const after = { changed: 0, what: "removed" as const, id: "" };
      const changes = async (of: typeof scope) => (await store.changes(of, { module, after, limit: 9 })).changes;
      expect(await changes(scope)).toHaveLength(2);
      expect(await changes(scopeOf([module]))).toMatchObject([{ what: "node" }]);
      expect(await changes(scopeOf([other]))).toEqual([]);
    });

    test("G4: an edge of one module between nodes of another is seen with both modules only", async () => {
      const { store, module, other, scope, rows, otherRows, write } = fresh();
      const [one, two] = [otherRows.hand("one"), otherRows.hand("two")];
      const edge = rows.edge("RELATES_TO", one, two);
      await write({ putNodes: [one, two] }, other);
      await write({ putEdges: [edge] });
      expect(await store.edges(scope, [edge.id])).toEqual([at(edge, 1)]);
      for (const modules of [[module], [other]]) {
        const narrow = scopeOf(modules);
        expect(await store.edges(narrow, [edge.id])).toEqual([]);
        expect(await store.neighbors(narrow, { ...ALL_WAYS, node: one.id, limit: 9 })).toEqual([]);
        expect(await store.expand(narrow, { ...ALL_WAYS, nodes: [one.id], fanOut: 9 })).toEqual([]);
      }
    });

    test("G4: an edge whose end is missing is shown nowhere, whichever end it is", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [here, gone] = [rows.hand("here"), rows.hand("gone")];
      const edges = [rows.edge("RELATES_TO", here, gone), rows.edge("RELATES_TO", gone, here)];
      await write({ putNodes: [here], putEdges: edges });
      expect(
        await store.edges(
          scope,
          edges.map(({ id }) => id),
        ),
      ).toEqual([]);
      expect(await store.neighbors(scope, { ...ALL_WAYS, node: here.id, limit: 9 })).toEqual([]);
      expect(await store.neighbors(scope, { ...ALL_WAYS, node: gone.id, limit: 9 })).toEqual([]);
      expect(await store.expand(scope, { ...ALL_WAYS, nodes: [here.id, gone.id], fanOut: 9 })).toEqual([]);
      expect(await store.exportEdges(scope, module, "", 9)).toEqual([]);
      const after = { changed: 0, what: "removed" as const, id: "" };
      expect((await store.changes(scope, { module, after, limit: 9 })).changes).toMatchObject([{ what: "node" }]);
    });

    test("G4: it is shown as soon as the end is there", async () => {
      const { store, scope, rows, write } = fresh();
      const [cause, effect] = [rows.memory(1), rows.memory(2)];
      const edge = rows.edge("TRIGGERED_BY", effect, cause, { origin: "derived", count: 1, position: 2 });
      await write({ putNodes: [effect], putEdges: [edge] });
      await write({ putNodes: [cause] });
      expect(await store.edges(scope, [edge.id])).toEqual([at(edge, 1)]);
      const query = { way: "outgoing", types: ["TRIGGERED_BY"], manual: false, node: effect.id, limit: 9 } as const;
      expect(await store.neighbors(scope, query)).toEqual([{ edge: at(edge, 1), node: at(cause, 2) }]);
    });

    test("G5: missing ends do not use up the limit of neighbors or the fan-out", async () => {
      const { store, scope, module, rows, write } = fresh();
      const hub = rows.entity("hub");
      const [seen, ...gone] = Array.from({ length: 6 }, (_, n) => rows.entity(`e${n}`)) as [NodeRow, ...NodeRow[]];
      const edges = [rows.related(hub, seen, 1), ...gone.map((entity) => rows.related(hub, entity, 9))];
      await write({ addNodes: [hub, seen], addEdges: edges });
      const filter = { way: "both", types: ["RELATES_TO"], manual: false } as const;
      expect(await store.neighbors(scope, { ...filter, node: hub.id, limit: 1 })).toMatchObject([
        { node: { id: seen.id } },
      ]);
      expect(await store.expand(scope, { ...filter, nodes: [hub.id], fanOut: 1 })).toMatchObject([{ to: seen.id }]);
      expect(await store.exportEdges(scope, module, "", 1)).toMatchObject([{ to: seen.id }]);
    });

    test("G5: with an empty scope nothing is there, and nothing is counted", async () => {
      const { store, module, rows, write, step } = fresh();
      const [memory, batten] = [rows.memory(1), rows.entity("batten")];
      await write({
        putNodes: [memory],
        addNodes: [batten],
        putEdges: [rows.reference(memory, batten)],
        addNames: [rows.name(batten, "Batten")],
      });
      await step(async (transaction) => {
        await transaction.addFault(rows.fault(2));
        await transaction.writeNaming({ merges: {}, splits: {}, titles: { "person:batten": "Batten" } });
      });
      const none = scopeOf([]);
      const after = { changed: 0, what: "removed" as const, id: "" };
      expect(await store.livePlaces(none)).toEqual([]);
      expect(await store.faults(none, { module, kind: "parked", limit: 9 })).toEqual({ faults: [], total: 0 });
      expect(await store.faultAt(none, module, 2)).toBeUndefined();
      expect(await store.namingOf(none, module)).toEqual({ merges: {}, splits: {}, titles: {} });
      expect(await store.nodes(none, [memory.id, batten.id])).toEqual([]);
      expect(await store.names(none, batten.id, 9)).toEqual([]);
      expect(await store.findNodes(none, { labels: [], properties: {}, limit: 9 })).toEqual([]);
      expect(await store.findNodes(none, { module, labels: [], properties: {}, limit: 9 })).toEqual([]);
      expect(await store.search(none, { words: ["batten"], labels: [], limit: 9 })).toEqual([]);
      expect(await store.evidence(none, { pairs: [{ module, from: batten.id, to: batten.id }], limit: 9 })).toEqual([
        [],
      ]);
      expect(await store.topics(none, { module, kinds: [], limit: 9 })).toEqual({ memories: 0, topics: [] });
      expect((await store.memoryCounts(none, [module])).get(module) ?? 0).toBe(0);
      expect(await store.stats(none, undefined)).toEqual([]);
      expect(await store.stats(none, module)).toEqual([]);
      expect((await store.changes(none, { module, after, limit: 9 })).changes).toEqual([]);
      expect(await store.exportNodes(none, module, "", 9)).toEqual([]);
      expect(await store.exportEdges(none, module, "", 9)).toEqual([]);
    });

    test("G5: finding, searching and counting without a module stay inside the scope", async () => {
      const { store, module, other, scope, rows, otherRows, write } = fresh();
      const [mine, theirs] = [rows.entity("batten"), otherRows.entity("batten", { count: 5 })];
      await write({ addNodes: [mine], addNames: [rows.name(mine, "Batten")] });
      await write({ addNodes: [theirs], addNames: [otherRows.name(theirs, "Batten", 5)] }, other);
      const found = async (of: typeof scope, where?: string) => [
        (await store.findNodes(of, { module: where, labels: [], properties: {}, limit: 9 })).map(({ id }) => id),
        (await store.search(of, { module: where, words: ["bat"], labels: [], limit: 9 })).map(({ node }) => node.id),
        (await store.stats(of, where)).reduce((sum, { count }) => sum + count, 0),
      ];
      expect(await found(scope)).toEqual([[theirs.id, mine.id], [theirs.id, mine.id], 2]);
      expect(await found(scope, module)).toEqual([[mine.id], [mine.id], 1]);
      expect(await found(scopeOf([other]))).toEqual([[theirs.id], [theirs.id], 1]);
      expect(await found(scopeOf([other]), module)).toEqual([[], [], 0]);
    });

    test("G5: places are those of the scope's modules, by module", async () => {
      const { store, module, other, scope, write } = fresh();
      await write({}, other);
      await write({});
      expect((await store.livePlaces(scope)).map((place) => place.module)).toEqual([module, other]);
      expect((await store.livePlaces(scopeOf([other]))).map((place) => place.module)).toEqual([other]);
    });

    test("G5: the place of one module, if it is one of the scope's", async () => {
      const { store, module, other, scope, write } = fresh();
      await write({}, other);
      await write({});
      const [place] = await store.livePlaces(scopeOf([other]));
      expect(await store.livePlaces(scope, undefined, other)).toEqual([place]);
      expect(await store.livePlaces(scopeOf([module]), undefined, other)).toEqual([]);
      expect(await store.livePlaces(scope, undefined, `${other}_not`)).toEqual([]);
    });
  });
}
