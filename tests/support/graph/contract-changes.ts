import { describe, expect, test } from "@jest/globals";
import type { Change } from "#services/graph/domain/graph-store.ts";
import { scopeOf } from "#shared/auth/scope.ts";
import { allPages, byId, type GraphCase, type OpenGraph, sharedGraph } from "./contract-case.ts";

type Place = { readonly changed: number; readonly what: Change["what"]; readonly id: string };

const BEGINNING: Place = { changed: 0, what: "removed", id: "" };

/** Where a change stands. */
export function changePlace(change: Change): Place {
  if (change.what === "removed") return change;
  const { id, changed } = change.what === "node" ? change.node : change.edge;
  return { what: change.what, id, changed };
}

/** What a watcher is told (G3, G4, G6). */
export function changesContract(open: OpenGraph): void {
  describe("changes", () => {
    const fresh = sharedGraph(open);
    const asking =
      ({ store, module, scope }: GraphCase) =>
      async (after: Place = BEGINNING, limit = 100) => {
        const { changes } = await store.changes(scope, { module, after, limit });
        return changes.map((change) => {
          const { what, id, changed } = changePlace(change);
          return { what, id, changed };
        });
      };

    test("what was added, changed and removed comes by its last position, as it is now", async () => {
      const given = fresh();
      const { store, module, scope, rows, write } = given;
      const [a, b, c] = [rows.entity("a"), rows.entity("b"), rows.entity("c")];
      await write({ addNodes: [a, b, c], addEdges: [rows.related(a, b)] });
      await write({ addNodes: [{ ...a, count: 4 }] });
      await write({ addNodes: [{ ...c, count: -1 }] });
      await write({ renameNodes: [{ id: b.id, name: "B" }] });
      expect(await asking(given)()).toEqual([
        { what: "edge", id: rows.related(a, b).id, changed: 1 },
        { what: "node", id: a.id, changed: 2 },
        { what: "removed", id: c.id, changed: 3 },
        { what: "node", id: b.id, changed: 4 },
      ]);
      const { changes } = await store.changes(scope, { module, after: BEGINNING, limit: 9 });
      expect(changes).toMatchObject([{ edge: { count: 1 } }, { node: { count: 5 } }, {}, { node: { name: "B" } }]);
    });

    test("G6: at one position what was removed comes first, then nodes, then edges, each by id", async () => {
      const given = fresh();
      const { rows, write } = given;
      const old = Array.from({ length: 4 }, (_, n) => rows.hand(`old ${n}`));
      const kept = Array.from({ length: 4 }, (_, n) => rows.hand(`kept ${n}`));
      const edges = kept.slice(1).map((node) => rows.edge("RELATES_TO", kept[0] as typeof node, node));
      await write({ putNodes: [...old, ...kept], putEdges: edges });
      await write({ deleteNodes: old.map(({ id }) => id), putNodes: kept, putEdges: edges });
      const wanted = [
        ...byId(old).map(({ id }) => ({ what: "removed", id, changed: 2 })),
        ...byId(kept).map(({ id }) => ({ what: "node", id, changed: 2 })),
        ...byId(edges).map(({ id }) => ({ what: "edge", id, changed: 2 })),
      ];
      expect(await asking(given)()).toEqual(wanted);
    });

    test("G6: pages follow each other through ties without a gap or a repeat, whatever their size", async () => {
      const given = fresh();
      const { rows, write } = given;
      const nodes = Array.from({ length: 5 }, (_, n) => rows.hand(`n${n}`));
      const edges = nodes.slice(1).map((node) => rows.edge("RELATES_TO", nodes[0] as typeof node, node));
      const gone = Array.from({ length: 5 }, (_, n) => rows.hand(`gone ${n}`));
      await write({ putNodes: [...nodes, ...gone], putEdges: edges });
      await write({
        deleteNodes: gone.slice(0, 3).map(({ id }) => id),
        putNodes: nodes.slice(0, 2),
        putEdges: edges.slice(0, 2),
      });
      await write({ deleteNodes: gone.slice(3).map(({ id }) => id), putNodes: nodes.slice(1, 3) });
      const ask = asking(given);
      const all = await ask();
      expect(all).toHaveLength(14);
      for (const limit of [1, 2, 3, 14])
        expect(await allPages<Place>(limit, (after) => ask(after, limit))).toEqual(all);
    });

    test("from a place on: only what stands above it", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [a, b] = byId([rows.hand("a"), rows.hand("b")]) as [
        ReturnType<typeof rows.hand>,
        ReturnType<typeof rows.hand>,
      ];
      await write({ putNodes: [a, b] });
      await write({ putNodes: [rows.hand("c")] });
      const ask = asking(given);
      expect(await ask({ changed: 1, what: "node", id: a.id })).toMatchObject([{ id: b.id }, { changed: 2 }]);
      expect(await ask({ changed: 1, what: "edge", id: "" })).toMatchObject([{ changed: 2 }]);
      expect(await ask({ changed: 1, what: "removed", id: "" })).toHaveLength(3);
      expect(await ask({ changed: 2, what: "removed", id: "" })).toHaveLength(1);
      expect(await ask({ changed: 2, what: "edge", id: "" })).toEqual([]);
      expect(await ask({ changed: 99, what: "removed", id: "" })).toEqual([]);
    });

    test("G3: what comes again after it was removed is told with both, in their order", async () => {
      const given = fresh();
      const { rows, write } = given;
      const batten = rows.entity("batten");
      await write({ addNodes: [batten] });
      await write({ addNodes: [{ ...batten, count: -1 }] });
      await write({ addNodes: [batten] });
      expect(await asking(given)()).toEqual([
        { what: "removed", id: batten.id, changed: 2 },
        { what: "node", id: batten.id, changed: 3 },
      ]);
    });

    test("G3: of what was removed several times the last time is told", async () => {
      const given = fresh();
      const { rows, write } = given;
      const batten = rows.entity("batten");
      for (const count of [1, -1, 1, -1]) await write({ addNodes: [{ ...batten, count }] });
      expect(await asking(given)()).toEqual([{ what: "removed", id: batten.id, changed: 4 }]);
    });

    test("G3: removed and added in one step, it comes after its own removal", async () => {
      const given = fresh();
      const { rows, write } = given;
      const ship = rows.hand("ship");
      await write({ putNodes: [ship] });
      await given.step(async (transaction) => {
        const none = {
          addNodes: [],
          renameNodes: [],
          putEdges: [],
          addEdges: [],
          deleteEdges: [],
          addNames: [],
          position: 2,
        };
        await transaction.write({ ...none, putNodes: [], deleteNodes: [ship.id] });
        await transaction.write({ ...none, putNodes: [{ ...ship, changed: 2 }], deleteNodes: [] });
      });
      expect(await asking(given)()).toEqual([
        { what: "removed", id: ship.id, changed: 2 },
        { what: "node", id: ship.id, changed: 2 },
      ]);
    });

    test("G5: each page says how far the module is told: to its last step, also where nothing is left to tell", async () => {
      const { store, module, other, scope, rows, write } = fresh();
      const told = async (after: Place, limit = 9, of = scope) =>
        (await store.changes(of, { module, after, limit })).upTo;
      expect(await told(BEGINNING)).toBe(0);
      await write({ putNodes: [rows.hand("a"), rows.hand("b")] });
      expect([await told(BEGINNING), await told(BEGINNING, 1)]).toEqual([1, 1]);
      // Steps that change nothing.
      await write({});
      await write({});
      expect([await told(BEGINNING), await told({ changed: 9, what: "removed", id: "" })]).toEqual([3, 3]);
      expect(await told(BEGINNING, 9, scopeOf([other]))).toBe(0);
    });

    test("a module's changes are its own, and names alone are none", async () => {
      const given = fresh();
      const { other, rows, otherRows, write } = given;
      const [mine, theirs] = [rows.entity("a"), otherRows.entity("a")];
      await write({ addNodes: [mine], addNames: [rows.name(mine, "A")] });
      await write({ addNodes: [theirs] }, other);
      await write({ addNodes: [{ ...theirs, count: -1 }] }, other);
      await write({ addNames: [rows.name(mine, "B")] });
      expect(await asking(given)()).toEqual([{ what: "node", id: mine.id, changed: 1 }]);
    });

    test("positions beyond 32 bits are kept exactly", async () => {
      const { store, module, scope, rows } = fresh();
      const position = 2 ** 40 + 1;
      const memory = rows.memory(1, { position, revision: position, changed: position });
      const place = { module, position, epoch: "e", atMs: 1 };
      await store.project({ generation: 1, module, after: 0 }, async (transaction) => {
        await transaction.write({
          putNodes: [memory],
          addNodes: [],
          renameNodes: [],
          deleteNodes: [],
          putEdges: [],
          addEdges: [],
          deleteEdges: [],
          addNames: [],
          position,
        });
        return place;
      });
      const after = { changed: position - 1, what: "edge" as const, id: "" };
      expect(await store.changes(scope, { module, after, limit: 9 })).toEqual({
        changes: [{ what: "node", node: memory }],
        upTo: position,
      });
      expect(await store.livePlaces(scope)).toEqual([place]);
    });
  });
}
