import { describe, expect, test } from "@jest/globals";
import { caseIn, type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at, deltaOf, placeAt } from "./rows.ts";

/** What a step of a projection promises (G2). */
export function projectionContract(open: OpenGraph): void {
  describe("a step of a projection", () => {
    const fresh = sharedGraph(open);
    const never = () => {
      throw new Error("the work of a step that must not begin was called");
    };

    test("G2: stores what it wrote together with the place", async () => {
      const { store, module, scope, rows } = fresh();
      const place = { module, position: 41, epoch: "12-0af", atMs: 1_760_000_000_999 };
      const answer = await store.project({ generation: 1, module, after: 0 }, async (transaction) => {
        await transaction.write(deltaOf(41, { putNodes: [rows.memory(41)] }));
        return place;
      });
      expect(answer).toEqual(place);
      expect(await store.livePlaces(scope)).toEqual([place]);
      expect(await store.nodes(scope, [rows.memory(41).id])).toEqual([at(rows.memory(41), 41)]);
    });

    test("G2: the next one begins where it came to", async () => {
      const { store, module, scope, rows, write } = fresh();
      await write({ putNodes: [rows.memory(1)] });
      const answer = await store.project({ generation: 1, module, after: 1 }, async () => placeAt(module, 9));
      expect(answer).toEqual(placeAt(module, 9));
      expect(await store.livePlaces(scope)).toEqual([placeAt(module, 9)]);
    });

    test("G2: repeated, it does not begin and is told the place", async () => {
      const { store, module, scope, rows, write } = fresh();
      const batten = rows.entity("batten");
      await write({ addNodes: [batten] });
      expect(await store.project({ generation: 1, module, after: 0 }, never)).toEqual(placeAt(module, 1));
      expect(await store.nodes(scope, [batten.id])).toEqual([at(batten, 1)]);
    });

    test("G2: from a place above the stored one it does not begin either", async () => {
      const { store, module, write } = fresh();
      await write({});
      expect(await store.project({ generation: 1, module, after: 2 }, never)).toEqual(placeAt(module, 1));
    });

    test("G2: from above where nothing is stored it does not begin; it is told position 0, and there is no place", async () => {
      const { store, module, scope } = fresh();
      expect(await store.project({ generation: 1, module, after: 3 }, never)).toMatchObject({ module, position: 0 });
      expect(await store.livePlaces(scope)).toEqual([]);
    });

    test("of a generation that is not there it does not begin, and is told so", async () => {
      const { store, module } = fresh();
      expect(await store.project({ generation: 77, module, after: 0 }, never)).toBeUndefined();
      expect(await store.places(77)).toEqual([]);
    });

    test("G2: work that throws leaves no node, edge, name, naming, fault, tombstone or place", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [memory, batten, penn] = [rows.memory(1), rows.entity("batten"), rows.entity("penn")];
      await write({ putNodes: [memory], addNodes: [penn], addNames: [rows.name(penn, "Penn")] });
      const broken = new Error("broken on purpose");
      const step = store.project({ generation: 1, module, after: 1 }, async (transaction) => {
        await transaction.write(
          deltaOf(2, {
            putNodes: [{ ...memory, name: "other" }],
            addNodes: [batten],
            addNames: [rows.name(batten, "Batten"), rows.name(penn, "Penn")],
            putEdges: [rows.reference(memory, batten)],
            deleteNodes: [penn.id],
          }),
        );
        await transaction.writeNaming({ merges: {}, splits: {}, titles: { "person:penn": "Penn" } });
        await transaction.addFault(rows.fault(2));
        throw broken;
      });
      await expect(step).rejects.toBe(broken);

      const part = { generation: 1, module, after: "", limit: 10 };
      expect(await store.scanNodes(part)).toHaveLength(2);
      expect(await store.nodes(scope, [memory.id, batten.id])).toEqual([at(memory, 1)]);
      expect(await store.scanEdges(part)).toEqual([]);
      expect(await store.scanNames({ ...part, after: undefined })).toEqual([rows.name(penn, "Penn")]);
      expect(await store.naming(1, module)).toEqual({ merges: {}, splits: {}, titles: {} });
      expect(await store.faultAt(scope, module, 2)).toBeUndefined();
      const above = { changed: 1, what: "edge" as const, id: "" };
      expect((await store.changes(scope, { module, after: above, limit: 10 })).changes).toEqual([]);
      expect(await store.livePlaces(scope)).toEqual([placeAt(module, 1)]);
    });

    test("G2: the very first one that throws leaves no place, and may be taken again", async () => {
      const { store, module, scope, rows, write } = fresh();
      const step = store.project({ generation: 1, module, after: 0 }, () => Promise.reject(new Error("broken")));
      await expect(step).rejects.toThrow("broken");
      expect(await store.livePlaces(scope)).toEqual([]);
      await write({ putNodes: [rows.memory(1)] });
      expect(await store.livePlaces(scope)).toEqual([placeAt(module, 1)]);
    });

    test("G2: of two at once from the same place one begins, and the other is told where it came to", async () => {
      const { store, module, scope, rows, write } = fresh();
      await write({});
      const batten = rows.entity("batten");
      let begun = 0;
      const take = () =>
        store.project({ generation: 1, module, after: 1 }, async (transaction) => {
          begun += 1;
          await transaction.write(deltaOf(2, { addNodes: [batten] }));
          return placeAt(module, 2);
        });
      expect(await Promise.all([take(), take()])).toEqual([placeAt(module, 2), placeAt(module, 2)]);
      expect(begun).toBe(1);
      expect(await store.nodes(scope, [batten.id])).toEqual([at(batten, 2)]);
    });

    test("G2: the same holds for the very first step", async () => {
      const { store, module, scope, rows } = fresh();
      const batten = rows.entity("batten");
      const take = () =>
        store.project({ generation: 1, module, after: 0 }, async (transaction) => {
          await transaction.write(deltaOf(1, { addNodes: [batten] }));
          return placeAt(module, 1);
        });
      expect(await Promise.all([take(), take(), take()])).toEqual([1, 1, 1].map((at) => placeAt(module, at)));
      expect(await store.nodes(scope, [batten.id])).toEqual([at(batten, 1)]);
    });

    test("G2: one that waited for another which failed begins", async () => {
      const { store, module, scope, rows } = fresh();
      const take = (key: string, meanwhile: () => void) =>
        store.project({ generation: 1, module, after: 0 }, async (transaction) => {
          await transaction.write(deltaOf(1, { addNodes: [rows.entity(key)] }));
          meanwhile();
          return placeAt(module, 1);
        });
      let waiting: ReturnType<typeof take> | undefined;
      const failing = take("penn", () => {
        waiting = take("batten", () => undefined);
        throw new Error("broken");
      });
      await expect(failing).rejects.toThrow("broken");
      expect(await waiting).toEqual(placeAt(module, 1));
      const found = await store.exportNodes(scope, module, "", 10);
      expect(found.map(({ name }) => name)).toEqual(["batten"]);
    });

    test("two modules take their steps at the same time, each inside the other's", async () => {
      const { store, module, other, scope, rows, otherRows } = fresh();
      await store.project({ generation: 1, module, after: 0 }, async (transaction) => {
        await transaction.write(deltaOf(1, { putNodes: [rows.memory(1)] }));
        await store.project({ generation: 1, module: other, after: 0 }, async (inner) => {
          await inner.write(deltaOf(1, { putNodes: [otherRows.memory(1)] }));
          return placeAt(other, 1);
        });
        return placeAt(module, 1);
      });
      expect(await store.livePlaces(scope)).toEqual([placeAt(module, 1), placeAt(other, 1)]);
      expect(await store.nodes(scope, [rows.memory(1).id, otherRows.memory(1).id])).toHaveLength(2);
    });

    test("two generations take their steps of one module at the same time", async () => {
      const { store, module, scope, rows, write } = fresh();
      const build = await store.begin({ purpose: "verify", extractorVersion: 1, nowMs: 1 });
      const number = build?.number as number;
      await store.project({ generation: number, module, after: 0 }, async (transaction) => {
        await transaction.write(deltaOf(1, { putNodes: [rows.memory(1)] }));
        await write({ putNodes: [rows.memory(1, { name: "live" })] });
        return placeAt(module, 1);
      });
      expect(await store.nodes(scope, [rows.memory(1).id])).toMatchObject([{ name: "live" }]);
      expect(await store.places(number)).toEqual([placeAt(module, 1)]);
      await store.drop(number);
    });

    test("G2: nobody sees a half of it, and its own questions see what it wrote", async () => {
      const { store, scope, rows, step } = fresh();
      const batten = rows.entity("batten");
      const seen: unknown[] = [];
      await step(async (transaction) => {
        await transaction.write(deltaOf(1, { addNodes: [batten] }));
        seen.push(await transaction.readNodes([batten.id]), await store.nodes(scope, [batten.id]));
        await transaction.write(deltaOf(1, { addNodes: [{ ...batten, count: 2 }] }));
        seen.push(await transaction.readNodes([batten.id]), await store.livePlaces(scope));
      });
      expect(seen).toEqual([[at(batten, 1)], [], [at({ ...batten, count: 3 }, 1)], []]);
      expect(await store.nodes(scope, [batten.id])).toEqual([at({ ...batten, count: 3 }, 1)]);
    });

    test("G2: it writes and reads nothing of another module", async () => {
      const { store, other, scope, rows, otherRows, write, step } = fresh();
      const [foreign, penn] = [otherRows.entity("batten"), otherRows.entity("penn")];
      const edge = otherRows.related(foreign, penn);
      await write({ addNodes: [foreign, penn], addEdges: [edge] }, other);
      await step(async (transaction) => {
        expect(await transaction.readNodes([foreign.id])).toEqual([]);
        expect(await transaction.readEdgesAt([foreign.id], ["RELATES_TO"])).toEqual([]);
        expect(await transaction.readEdges([edge.id])).toEqual([]);
        await transaction.write(
          deltaOf(1, { deleteEdges: [edge.id], renameNodes: [{ id: foreign.id, name: "taken" }] }),
        );
        await transaction.write(deltaOf(1, { deleteNodes: [penn.id] }));
      });
      expect(await store.nodes(scope, [foreign.id])).toEqual([at(foreign, 1)]);
      expect(await store.exportEdges(scope, other, "", 5)).toEqual([at(edge, 1)]);
      expect(await store.exportNodes(scope, rows.memory(1).module, "", 5)).toEqual([]);
    });

    test("a step that writes nothing moves the place", async () => {
      const { store, module, write, scope } = fresh();
      await write({});
      expect(await store.livePlaces(scope)).toEqual([placeAt(module, 1)]);
    });

    test("places are those of their generation, of all modules", async () => {
      const { store, module, other, write } = fresh();
      const build = await store.begin({ purpose: "verify", extractorVersion: 1, nowMs: 1 });
      const number = build?.number as number;
      const beside = caseIn(store, module, number);
      await beside.write({});
      await beside.write({});
      await beside.write({}, other);
      await write({});
      const places = await store.places(number);
      expect(places.sort((left, right) => (left.module < right.module ? -1 : 1))).toEqual([
        placeAt(module, 2),
        placeAt(other, 1),
      ]);
      await store.drop(number);
    });

    test("a delta of 5,000 rows is written whole", async () => {
      const { store, module, scope, rows, write } = fresh();
      const hub = rows.entity("hub", { count: 1 });
      const others = Array.from({ length: 1_600 }, (_, n) => rows.entity(`person ${n}`));
      await write({
        addNodes: [hub, ...others],
        addEdges: others.map((entity) => rows.related(hub, entity)),
        addNames: others.map((entity) => rows.name(entity, entity.name)),
        putNodes: Array.from({ length: 199 }, (_, n) => rows.memory(n + 1)),
      });
      const part = { generation: 1, module, after: "", limit: 9_000 };
      expect(await store.scanNodes(part)).toHaveLength(1_800);
      expect(await store.scanEdges(part)).toHaveLength(1_600);
      expect(await store.scanNames({ ...part, after: undefined })).toHaveLength(1_600);
      expect(await store.exportEdges(scope, module, "", 9_000)).toHaveLength(1_600);
    });

    test("faults are listed by kind, the latest first, counted whole, and found by position", async () => {
      const { store, module, other, scope, rows, otherRows, step } = fresh();
      const refused = rows.fault(2, { kind: "refused", error: "REVISION_STALE", attempts: 1 });
      await step(async (transaction) => {
        for (const fault of [rows.fault(1), refused, rows.fault(3), rows.fault(10)]) await transaction.addFault(fault);
      });
      await step((transaction) => transaction.addFault(otherRows.fault(1)), other);
      const faults = (kind: "parked" | "refused", limit: number) => store.faults(scope, { module, kind, limit });
      expect(await faults("parked", 2)).toEqual({ faults: [rows.fault(10), rows.fault(3)], total: 3 });
      expect(await faults("parked", 20)).toMatchObject({ total: 3, faults: [{}, {}, { position: 1 }] });
      expect(await faults("refused", 20)).toEqual({ faults: [refused], total: 1 });
      expect(await store.faultAt(scope, module, 2)).toEqual(refused);
      expect(await store.faultAt(scope, module, 4)).toBeUndefined();
      expect(await store.faultAt(scope, other, 2)).toBeUndefined();
    });
  });
}
