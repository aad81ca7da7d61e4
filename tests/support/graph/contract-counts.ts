import { describe, expect, test } from "@jest/globals";
import { type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at } from "./rows.ts";

/** How rows are counted, put, moved and removed (G3). */
export function countsContract(open: OpenGraph): void {
  describe("what a delta writes", () => {
    const fresh = sharedGraph(open);

    test("G3: a counted node that is new is written whole", async () => {
      const { store, scope, rows, write } = fresh();
      const session = rows.node("Session", "evening", { count: 3 });
      await write({ addNodes: [session] });
      expect(await store.nodes(scope, [session.id])).toEqual([at(session, 1)]);
    });

    test("G3: added again its count grows, its place of change moves, and all else stays", async () => {
      const { store, scope, rows, write } = fresh();
      const batten = rows.entity("batten", { name: "Sir W. Batten", count: 2 });
      await write({ addNodes: [batten] });
      await write({ addNodes: [{ ...batten, name: "W. Batten", kind: "place", key: "other", count: 5 }] });
      expect(await store.nodes(scope, [batten.id])).toEqual([at({ ...batten, count: 7 }, 2)]);
    });

    test("G3: adding 0 to what is there changes its place of change alone; to what is not there, nothing", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [batten, penn] = [rows.entity("batten"), rows.entity("penn")];
      await write({ addNodes: [batten] });
      await write({
        addNodes: [
          { ...batten, count: 0 },
          { ...penn, count: 0 },
        ],
      });
      expect(await store.exportNodes(scope, module, "", 10)).toEqual([at(batten, 2)]);
    });

    test("G3: what is taken from a count that is not there leaves nothing behind, nor a debt", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [batten, penn] = [rows.entity("batten"), rows.entity("penn")];
      await write({
        addNodes: [{ ...batten, count: -2 }],
        addEdges: [{ ...rows.related(batten, penn), count: -2 }],
        addNames: [rows.name(batten, "Batten", -2)],
      });
      await write({
        addNodes: [batten, penn],
        addEdges: [rows.related(batten, penn)],
        addNames: [rows.name(batten, "Batten")],
      });
      expect((await store.exportNodes(scope, module, "", 10)).map(({ count }) => count)).toEqual([1, 1]);
      expect((await store.exportEdges(scope, module, "", 10)).map(({ count }) => count)).toEqual([1]);
      expect((await store.names(scope, batten.id, 10)).map(({ count }) => count)).toEqual([1]);
    });

    test("G3: a node whose count comes to 0 is removed and leaves a tombstone with the position", async () => {
      const { store, module, scope, rows, write } = fresh();
      const batten = rows.entity("batten", { count: 2 });
      await write({ addNodes: [batten] });
      await write({ addNodes: [{ ...batten, count: -2 }] });
      expect(await store.nodes(scope, [batten.id])).toEqual([]);
      const after = { changed: 0, what: "removed" as const, id: "" };
      expect((await store.changes(scope, { module, after, limit: 10 })).changes).toEqual([
        { what: "removed", id: batten.id, changed: 2 },
      ]);
    });

    test("G3: a count that falls below 0 is removed too, and begins anew", async () => {
      const { store, scope, rows, write } = fresh();
      const batten = rows.entity("batten", { count: 2 });
      await write({ addNodes: [batten] });
      await write({ addNodes: [{ ...batten, count: -5 }] });
      expect(await store.nodes(scope, [batten.id])).toEqual([]);
      await write({ addNodes: [{ ...batten, name: "anew", count: 1 }] });
      expect(await store.nodes(scope, [batten.id])).toEqual([at({ ...batten, name: "anew", count: 1 }, 3)]);
    });

    test("G3: edges are counted in the same way, and the first one's ends and type stay", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [batten, penn] = [rows.entity("batten"), rows.entity("penn")];
      const edge = rows.related(batten, penn, 2);
      await write({ addNodes: [batten, penn], addEdges: [edge] });
      await write({ addEdges: [{ ...edge, from: penn.id, to: batten.id, count: 3 }] });
      expect(await store.edges(scope, [edge.id])).toEqual([at({ ...edge, count: 5 }, 2)]);
      await write({ addEdges: [{ ...edge, count: -5 }] });
      expect(await store.edges(scope, [edge.id])).toEqual([]);
      const after = { changed: 2, what: "edge" as const, id: edge.id };
      expect((await store.changes(scope, { module, after, limit: 10 })).changes).toEqual([
        { what: "removed", id: edge.id, changed: 3 },
      ]);
      await write({ addEdges: [{ ...edge, count: 1 }] });
      expect(await store.edges(scope, [edge.id])).toEqual([at({ ...edge, count: 1 }, 4)]);
    });

    test("G3: names are counted by entity, kind, key and form, and go at 0", async () => {
      const { store, scope, rows, write } = fresh();
      const batten = rows.entity("batten");
      const other = rows.name(batten, "Batten", 1, { key: "w. batten" });
      await write({ addNodes: [batten], addNames: [rows.name(batten, "Batten", 2), other] });
      await write({ addNames: [rows.name(batten, "Batten", 3), rows.name(batten, "batten", 1)] });
      expect(await store.names(scope, batten.id, 10)).toEqual([
        rows.name(batten, "Batten", 5),
        other,
        rows.name(batten, "batten", 1),
      ]);
      await write({ addNames: [rows.name(batten, "Batten", -5), { ...other, count: -1 }] });
      expect(await store.names(scope, batten.id, 10)).toEqual([rows.name(batten, "batten", 1)]);
      await write({ addNames: [rows.name(batten, "Batten", 1)] });
      expect(await store.names(scope, batten.id, 10)).toHaveLength(2);
    });

    test("a node that is put is written whole, whether it is there or not", async () => {
      const { store, scope, rows, write } = fresh();
      const memory = rows.memory(1, { session: "evening", eventType: "diary.entry" });
      await write({ putNodes: [memory] });
      const forgotten = rows.memory(1, { name: "", forgotten: true, eventType: "", label: "Prompt" });
      await write({ putNodes: [forgotten] });
      expect(await store.nodes(scope, [memory.id])).toEqual([at(forgotten, 2)]);
    });

    test("what was put may be put anew with other properties, and none of the old ones stays", async () => {
      const { store, scope, rows, write } = fresh();
      const ship = rows.hand("Royal James", { properties: { guns: 100, flag: true, master: "Batten" } });
      await write({ putNodes: [ship] });
      const after = rows.hand("Royal James", { properties: { burnt: true }, revision: 2, kind: "ship" });
      await write({ putNodes: [after] });
      expect(await store.nodes(scope, [ship.id])).toEqual([at(after, 2)]);
    });

    test("an edge that is put is written whole: its ends, type, mention and properties", async () => {
      const { store, scope, rows, write } = fresh();
      const [one, two, three] = [rows.hand("one"), rows.hand("two"), rows.hand("three")];
      const edge = rows.edge("DEPENDS_ON", one, two, { properties: { why: "x" }, revision: 1, position: 1 });
      await write({ putNodes: [one, two, three], putEdges: [edge] });
      const after = { ...edge, type: "RELATES_TO" as const, from: three.id, to: one.id, properties: {}, revision: 2 };
      await write({ putEdges: [after] });
      expect(await store.edges(scope, [edge.id])).toEqual([at(after, 2)]);
    });

    test("a reference that is put again leads to its new entity, and to the old one no more", async () => {
      const { store, scope, rows, write, ask } = fresh();
      const [memory, batten, penn] = [rows.memory(1), rows.entity("batten"), rows.entity("penn")];
      const reference = rows.reference(memory, batten);
      await write({ putNodes: [memory], addNodes: [batten, penn], putEdges: [reference] });
      await write({ putEdges: [{ ...reference, to: penn.id }] });
      const query = { way: "both", types: ["REFERENCES"], manual: false, limit: 5 } as const;
      expect(await store.neighbors(scope, { ...query, node: batten.id })).toEqual([]);
      expect(await store.neighbors(scope, { ...query, node: penn.id })).toMatchObject([{ node: { id: memory.id } }]);
      expect(await store.neighbors(scope, { ...query, node: memory.id })).toMatchObject([{ node: { id: penn.id } }]);
      const above = { position: 0, id: "" };
      expect(await ask((transaction) => transaction.readReferencesTo(batten.id, above, 5))).toEqual([]);
      expect(await ask((transaction) => transaction.readReferencesTo(penn.id, above, 5))).toHaveLength(1);
    });

    test("a renamed node has its new name and place of change, and keeps its count", async () => {
      const { store, scope, rows, write } = fresh();
      const batten = rows.entity("batten", { count: 4 });
      await write({ addNodes: [batten] });
      await write({ renameNodes: [{ id: batten.id, name: "Sir William Batten" }] });
      expect(await store.nodes(scope, [batten.id])).toEqual([at({ ...batten, name: "Sir William Batten" }, 2)]);
    });

    test("a node is renamed after all else of its delta; one that is not there is not made", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [batten, penn, pett] = [rows.entity("batten"), rows.entity("penn"), rows.entity("pett")];
      await write({ addNodes: [penn] });
      await write({
        addNodes: [batten, { ...penn, count: -1 }],
        renameNodes: [batten, penn, pett].map(({ id }) => ({ id, name: "renamed" })),
      });
      expect(await store.exportNodes(scope, module, "", 10)).toEqual([at({ ...batten, name: "renamed" }, 2)]);
    });

    test("a node that is deleted leaves a tombstone and its dangling edges", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [one, two] = [rows.hand("one"), rows.hand("two")];
      const edge = rows.edge("RELATES_TO", one, two);
      await write({ putNodes: [one, two], putEdges: [edge] });
      await write({ deleteNodes: [two.id] });
      expect(await store.nodes(scope, [one.id, two.id])).toEqual([at(one, 1)]);
      expect(await store.edges(scope, [edge.id])).toEqual([]);
      const part = { generation: 1, module, after: "", limit: 10 };
      expect(await store.scanEdges(part)).toEqual([at(edge, 1)]);
      const after = { changed: 1, what: "edge" as const, id: edge.id };
      expect((await store.changes(scope, { module, after, limit: 10 })).changes).toEqual([
        { what: "removed", id: two.id, changed: 2 },
      ]);
      await write({ putNodes: [two] });
      expect(await store.edges(scope, [edge.id])).toEqual([at(edge, 1)]);
    });

    test("an edge that is deleted leaves a tombstone, and its ends stay", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [one, two] = [rows.hand("one"), rows.hand("two")];
      const edge = rows.edge("RELATES_TO", one, two);
      await write({ putNodes: [one, two], putEdges: [edge] });
      await write({ deleteEdges: [edge.id] });
      expect(await store.edges(scope, [edge.id])).toEqual([]);
      expect(await store.nodes(scope, [one.id, two.id])).toHaveLength(2);
      const after = { changed: 1, what: "edge" as const, id: edge.id };
      expect((await store.changes(scope, { module, after, limit: 10 })).changes).toEqual([
        { what: "removed", id: edge.id, changed: 2 },
      ]);
    });

    test("deleting what is not there is nothing: no tombstone, no error", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [one, two] = [rows.hand("one"), rows.hand("two")];
      await write({ deleteNodes: [one.id], deleteEdges: [rows.edge("RELATES_TO", one, two).id] });
      const after = { changed: 0, what: "removed" as const, id: "" };
      expect((await store.changes(scope, { module, after, limit: 10 })).changes).toEqual([]);
    });

    test("a counted node or edge may be deleted whatever its count", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [batten, penn] = [rows.entity("batten", { count: 9 }), rows.entity("penn")];
      await write({ addNodes: [batten, penn], addEdges: [rows.related(batten, penn, 9)] });
      await write({ deleteNodes: [batten.id], deleteEdges: [rows.related(batten, penn).id] });
      expect(await store.exportNodes(scope, module, "", 5)).toEqual([at(penn, 1)]);
      expect(await store.scanEdges({ generation: 1, module, after: "", limit: 5 })).toEqual([]);
    });

    test("several deltas of one step add up, in their order", async () => {
      const { store, scope, rows, step } = fresh();
      const batten = rows.entity("batten");
      await step(async (transaction) => {
        const delta = {
          putNodes: [],
          addNodes: [batten],
          renameNodes: [],
          deleteNodes: [],
          putEdges: [],
          addEdges: [],
          deleteEdges: [],
          addNames: [],
        };
        await transaction.write({ ...delta, position: 1 });
        await transaction.write({ ...delta, addNodes: [{ ...batten, count: -1 }], position: 2 });
        await transaction.write({
          ...delta,
          addNodes: [{ ...batten, count: 4, name: "again", changed: 3 }],
          position: 3,
        });
      });
      expect(await store.nodes(scope, [batten.id])).toEqual([at({ ...batten, count: 4, name: "again" }, 3)]);
    });

    test("all ways of writing work together in one delta", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [old, kept, fresher] = [rows.hand("old"), rows.hand("kept"), rows.entity("fresher")];
      const gone = rows.edge("RELATES_TO", old, kept);
      await write({ putNodes: [old, kept], putEdges: [gone] });
      await write({
        putNodes: [rows.memory(2)],
        addNodes: [fresher],
        renameNodes: [{ id: kept.id, name: "renamed" }],
        deleteNodes: [old.id],
        putEdges: [rows.reference(rows.memory(2), fresher)],
        addEdges: [rows.related(kept, fresher)],
        deleteEdges: [gone.id],
        addNames: [rows.name(fresher, "Fresher")],
      });
      const names = (await store.exportNodes(scope, module, "", 10)).map(({ name }) => name);
      expect(names.sort()).toEqual(["entry 2", "fresher", "renamed"]);
      const types = (await store.exportEdges(scope, module, "", 10)).map(({ type }) => type);
      expect(types.sort()).toEqual(["REFERENCES", "RELATES_TO"]);
      expect(await store.names(scope, fresher.id, 5)).toHaveLength(1);
    });
  });
}
