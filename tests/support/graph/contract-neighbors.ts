import { describe, expect, test } from "@jest/globals";
import type { EdgeRow, NodeRow } from "#services/graph/domain/graph-rows.ts";
import type { NeighborQuery } from "#services/graph/domain/graph-store.ts";
import { TYPES } from "#services/graph/domain/vocabulary.ts";
import { allPages, byId, type GraphCase, type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at } from "./rows.ts";

/** How a search goes from node to node (G6). */
export function neighborsContract(open: OpenGraph): void {
  const asking =
    ({ store, scope }: GraphCase, node: NodeRow) =>
    async (query: Partial<NeighborQuery>) => {
      const filter = { way: "both", types: TYPES, manual: true, limit: 100, ...query } as const;
      const found = await store.neighbors(scope, { node: node.id, ...filter });
      const steps = await store.expand(scope, { nodes: [node.id], fanOut: 100, ...filter });
      const names = found.map((row) => row.node.name);
      // Both reads follow the same edges.
      expect(steps.map(({ edge }) => edge).sort()).toEqual(found.map(({ edge }) => edge.id).sort());
      return names;
    };

  describe("neighbors", () => {
    const fresh = sharedGraph(open);

    test("an edge comes with the node at its other end, whichever end one asks from", async () => {
      const { store, scope, rows, write } = fresh();
      const [one, two] = [rows.entity("one"), rows.entity("two")];
      const edge = rows.related(one, two, 3);
      await write({ addNodes: [one, two], addEdges: [edge] });
      const query = { way: "both", types: ["RELATES_TO"], manual: false, limit: 5 } as const;
      expect(await store.neighbors(scope, { ...query, node: one.id })).toEqual([
        { edge: at(edge, 1), node: at(two, 1) },
      ]);
      expect(await store.neighbors(scope, { ...query, node: two.id })).toEqual([
        { edge: at(edge, 1), node: at(one, 1) },
      ]);
    });

    test("ways: outgoing, incoming and both", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [hub, into, out] = [rows.hand("hub"), rows.hand("into"), rows.hand("out")];
      const edges = [
        rows.edge("RELATES_TO", into, hub, { position: 2 }),
        rows.edge("RELATES_TO", hub, out, { position: 1 }),
      ];
      await write({ putNodes: [hub, into, out], putEdges: edges });
      const ask = asking(given, hub);
      expect(await ask({ way: "outgoing" })).toEqual(["out"]);
      expect(await ask({ way: "incoming" })).toEqual(["into"]);
      expect(await ask({ way: "both" })).toEqual(["into", "out"]);
    });

    test("types: those that are named, whatever their origin; manual adds all that were made by hand", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [hub, a, b, c] = ["hub", "a", "b", "c"].map((key) => rows.entity(key)) as [
        NodeRow,
        NodeRow,
        NodeRow,
        NodeRow,
      ];
      await write({
        addNodes: [hub, a, b, c],
        addEdges: [rows.related(hub, a, 5)],
        putEdges: [
          rows.edge("RELATES_TO", hub, b, { position: 3 }),
          rows.edge("DEPENDS_ON", c, hub, { position: 2 }),
          rows.edge("TRIGGERED_BY", hub, a, { origin: "derived", count: 1 }),
        ],
      });
      const ask = asking(given, hub);
      expect(await ask({ types: ["RELATES_TO"], manual: false })).toEqual(["a", "b"]);
      expect(await ask({ types: ["RELATES_TO"], manual: true })).toEqual(["a", "b", "c"]);
      expect(await ask({ types: [], manual: true })).toEqual(["b", "c"]);
      expect(await ask({ types: [], manual: false })).toEqual([]);
      expect(await ask({ types: ["TRIGGERED_BY", "DEPENDS_ON"], manual: false })).toEqual(["a", "c"]);
      expect(await ask({ types: ["CONTAINS"], manual: false })).toEqual([]);
      expect(await ask({ types: TYPES, manual: true })).toEqual(["a", "a", "b", "c"]);
    });

    test("ways and types narrow together", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [hub, a, b] = [rows.entity("hub"), rows.entity("a"), rows.entity("b")];
      await write({
        addNodes: [hub, a, b],
        addEdges: [rows.related(hub, a)],
        putEdges: [rows.edge("DEPENDS_ON", b, hub), rows.edge("RELATES_TO", b, hub)],
      });
      const ask = asking(given, hub);
      expect(await ask({ way: "outgoing", types: [], manual: true })).toEqual([]);
      expect(await ask({ way: "incoming", types: ["RELATES_TO"], manual: false })).toEqual(["b"]);
      expect(await ask({ way: "incoming", types: [], manual: true })).toEqual(["b", "b"]);
      expect(await ask({ way: "outgoing", types: ["RELATES_TO"], manual: true })).toEqual(["a"]);
    });

    test("an edge from a node to itself comes once", async () => {
      const { store, scope, rows, write } = fresh();
      const self = rows.hand("self");
      const edge = rows.edge("RELATES_TO", self, self);
      await write({ putNodes: [self], putEdges: [edge] });
      const filter = { types: ["RELATES_TO"], manual: true } as const;
      for (const way of ["both", "outgoing", "incoming"] as const) {
        const found = await store.neighbors(scope, { ...filter, way, node: self.id, limit: 5 });
        expect(found).toEqual([{ edge: at(edge, 1), node: at(self, 1) }]);
        const steps = await store.expand(scope, { ...filter, way, nodes: [self.id], fanOut: 5 });
        expect(steps).toEqual([{ edge: edge.id, from: self.id, to: self.id, count: 0 }]);
      }
    });

    test("G6: they come by count, then position, both the greatest first, then by edge id", async () => {
      const { store, scope, rows, write } = fresh();
      const hub = rows.entity("hub");
      const others = Array.from({ length: 12 }, (_, n) => rows.entity(`e${n}`));
      const counts = [5, 1, 1, 1, 1, 1, 0, 0, 0, 3, 1, 1];
      const positions = [1, 0, 7, 7, 7, 9, 4, 4, 90, 2, 0, 0];
      const edges = others.map((entity, n) => {
        const [from, to] = n % 2 === 0 ? [hub, entity] : [entity, hub];
        return rows.edge("RELATES_TO", from, to, { count: counts[n] as number, position: positions[n] as number });
      });
      await write({ addNodes: [hub, ...others], putEdges: edges });
      const query = { way: "both", types: ["RELATES_TO"], manual: false, node: hub.id, limit: 100 } as const;
      const found = await store.neighbors(scope, query);
      const wanted = byId(edges).sort((left, right) => right.count - left.count || right.position - left.position);
      expect(found.map(({ edge }) => edge)).toEqual(wanted.map((edge) => at(edge, 1)));
    });

    test("G6: pages follow each other without a gap or a repeat, each way and size", async () => {
      const { store, scope, rows, write } = fresh();
      const hub = rows.entity("hub");
      const others = Array.from({ length: 25 }, (_, n) => rows.entity(`e${n}`));
      const edges = others.map((entity, n) => {
        const [from, to] = n % 3 === 0 ? [hub, entity] : [entity, hub];
        return rows.edge("RELATES_TO", from, to, { count: n % 2, position: n % 4 });
      });
      await write({ addNodes: [hub, ...others], putEdges: edges });
      for (const [way, total] of [
        ["both", 25],
        ["outgoing", 9],
        ["incoming", 16],
      ] as const) {
        const query = { way, types: ["RELATES_TO"], manual: false, node: hub.id } as const;
        const all = await store.neighbors(scope, { ...query, limit: 100 });
        expect(all).toHaveLength(total);
        for (const limit of [1, 4, total]) {
          type Neighbor = { readonly edge: EdgeRow; readonly node: NodeRow };
          const pages = await allPages<Neighbor>(limit, (after) =>
            store.neighbors(scope, { ...query, after: after?.edge, limit }),
          );
          expect(pages).toEqual(all);
        }
      }
    });

    test("a node that is not there, or has no edges, has no neighbors", async () => {
      const given = fresh();
      const { rows, write } = given;
      await write({ addNodes: [rows.entity("alone")] });
      expect(await asking(given, rows.entity("alone"))({})).toEqual([]);
      expect(await asking(given, rows.entity("nobody"))({})).toEqual([]);
    });

    test("neighbors in other modules come with their own rows", async () => {
      const given = fresh();
      const { other, rows, otherRows, write } = given;
      const [one, two] = [rows.hand("one"), otherRows.hand("two")];
      await write({ putNodes: [two] }, other);
      await write({ putNodes: [one], putEdges: [rows.edge("RELATES_TO", one, two)] });
      expect(await asking(given, one)({ way: "outgoing" })).toEqual(["two"]);
      expect(await asking(given, two)({ way: "incoming" })).toEqual(["one"]);
    });
  });

  describe("expanding", () => {
    const fresh = sharedGraph(open);

    test("each step leads from the node that was asked to the other end, with the edge's count", async () => {
      const { store, scope, rows, write } = fresh();
      const [a, b, c] = [rows.entity("a"), rows.entity("b"), rows.entity("c")];
      const [ab, cb] = [rows.related(a, b, 4), rows.related(c, b, 2)];
      await write({ addNodes: [a, b, c], addEdges: [ab, cb] });
      const filter = { way: "both", types: ["RELATES_TO"], manual: false, fanOut: 9 } as const;
      const steps = await store.expand(scope, { ...filter, nodes: [b.id, c.id] });
      const text = steps.map(({ edge, from, to, count }) => `${edge} ${from} ${to} ${count}`).sort();
      expect(text).toEqual(
        [`${ab.id} ${b.id} ${a.id} 4`, `${cb.id} ${b.id} ${c.id} 2`, `${cb.id} ${c.id} ${b.id} 2`].sort(),
      );
    });

    test("G6: the fan-out keeps of each node the edges of the greatest count, ties by edge id", async () => {
      const { store, scope, rows, write } = fresh();
      const hubs = [rows.entity("hub"), rows.entity("other hub")] as const;
      const others = Array.from({ length: 9 }, (_, n) => rows.entity(`e${n}`));
      const edges = hubs.map((hub) =>
        others.map((entity, n) => {
          const [from, to] = n % 2 === 0 ? [hub, entity] : [entity, hub];
          return rows.related(from, to, n < 2 ? 7 : 1);
        }),
      );
      await write({ addNodes: [...hubs, ...others], addEdges: edges.flat() });
      const filter = { way: "both", types: ["RELATES_TO"], manual: false } as const;
      const steps = await store.expand(scope, { ...filter, nodes: hubs.map(({ id }) => id), fanOut: 5 });
      const wanted = edges.flatMap((of) => [...byId(of.slice(0, 2)), ...byId(of.slice(2)).slice(0, 3)]);
      expect(steps.map(({ edge }) => edge).sort()).toEqual(wanted.map(({ id }) => id).sort());
    });

    test("of equal counts the latest positions come first", async () => {
      const { store, scope, rows, write } = fresh();
      const hub = rows.hand("hub");
      const others = Array.from({ length: 5 }, (_, n) => rows.hand(`e${n}`));
      const edges = others.map((node, n) => rows.edge("DEPENDS_ON", hub, node, { position: n + 1 }));
      await write({ putNodes: [hub, ...others], putEdges: edges });
      const query = { way: "outgoing", types: [], manual: true, nodes: [hub.id], fanOut: 2 } as const;
      const steps = await store.expand(scope, query);
      expect(steps.map(({ edge }) => edge).sort()).toEqual(
        edges
          .slice(3)
          .map(({ id }) => id)
          .sort(),
      );
    });

    test("of no nodes, and of nodes that are not there: nothing", async () => {
      const { store, scope, rows } = fresh();
      const filter = { way: "both", types: TYPES, manual: true, fanOut: 9 } as const;
      expect(await store.expand(scope, { ...filter, nodes: [] })).toEqual([]);
      expect(await store.expand(scope, { ...filter, nodes: [rows.entity("nobody").id] })).toEqual([]);
    });
  });
}
