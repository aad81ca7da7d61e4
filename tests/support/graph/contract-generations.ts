import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { Place } from "#services/graph/domain/graph-rows.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { localScope } from "#shared/auth/scope.ts";
import { caseIn, type OpenGraph } from "./contract-case.ts";
import { at, placeAt } from "./rows.ts";

const BUILD = { purpose: "rebuild", extractorVersion: 7, nowMs: 1_760_000_000_123 } as const;

/** How generations begin, change places and go (G1). Each case has a store of its own. */
export function generationsContract(open: OpenGraph): void {
  describe("generations", () => {
    let opened: Awaited<ReturnType<OpenGraph>>;
    let store: GraphStore;
    beforeEach(async () => {
      opened = await open();
      ({ store } = opened);
    });
    afterEach(() => opened.close());

    test("a store in which nothing was begun has no generation, no live one, and answers all reads", async () => {
      const scope = localScope();
      expect(await store.generations()).toEqual([]);
      expect(await store.live()).toBeUndefined();
      expect(await store.livePlaces(scope)).toEqual([]);
      expect(await store.places(1)).toEqual([]);
      expect(await store.findNodes(scope, { labels: [], properties: {}, limit: 10 })).toEqual([]);
      expect(await store.search(scope, { words: ["a"], labels: [], limit: 10 })).toEqual([]);
      expect(await store.stats(scope, undefined)).toEqual([]);
      expect(await store.namingOf(scope, "cc")).toEqual({ merges: {}, splits: {}, titles: {} });
      expect(await store.topics(scope, { module: "cc", kinds: [], limit: 5 })).toEqual({ memories: 0, topics: [] });
    });

    test("a store is ready, and can be asked again and again", async () => {
      await store.ready();
      await store.ready();
      expect(["postgres", "neo4j"]).toContain(store.engine);
    });

    test("the first generation is live at once, with all that was said of it", async () => {
      const begun = await store.begin(BUILD);
      expect(begun).toEqual({
        number: 1,
        state: "live",
        purpose: "rebuild",
        extractorVersion: 7,
        beganMs: 1_760_000_000_123,
        aliveMs: 0,
        retiredMs: undefined,
        resumeToken: "",
      });
      expect(await store.live()).toEqual(begun);
      expect(await store.generations()).toEqual([begun]);
    });

    test("the second one is built beside the live one", async () => {
      const first = await store.begin(BUILD);
      const second = await store.begin({ ...BUILD, purpose: "verify", extractorVersion: 8 });
      expect(second).toMatchObject({ number: 2, state: "building", purpose: "verify", extractorVersion: 8 });
      expect(await store.live()).toEqual(first);
      expect(await store.generations()).toEqual([first, second]);
    });

    test("a third one is not begun while the second is being built", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      expect(await store.begin(BUILD)).toBeUndefined();
      expect(await store.generations()).toHaveLength(2);
    });

    test("of several that begin at once, on a new store and beside a live one, one does each time", async () => {
      for (const state of ["live", "building"]) {
        const begun = await Promise.all([store.begin(BUILD), store.begin(BUILD), store.begin(BUILD)]);
        const states = begun.flatMap((row) => row?.state ?? []);
        // On a new store the second of them may find the first one live already, and is built beside it.
        expect(states.filter((one) => one === state)).toHaveLength(1);
        const building = (await store.generations()).find((row) => row.state === "building");
        if (building !== undefined) await store.drop(building.number);
      }
    });

    test("activating makes the new one live and retires the old one, with the time", async () => {
      await store.begin(BUILD);
      await store.begin({ ...BUILD, extractorVersion: 8 });
      await store.activate(2, 1_760_000_009_999);
      const [first, second] = await store.generations();
      expect(first).toMatchObject({ number: 1, state: "retired", retiredMs: 1_760_000_009_999 });
      expect(second).toMatchObject({ number: 2, state: "live", extractorVersion: 8, retiredMs: undefined });
      expect(await store.live()).toEqual(second);
    });

    test("activating what is not being built changes nothing", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      await store.activate(2, 5);
      const before = await store.generations();
      for (const generation of [1, 2, 77]) await store.activate(generation, 6).catch(() => undefined);
      expect(await store.generations()).toEqual(before);
    });

    test("after a swap the next one can be begun, and numbers are never given twice", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      await store.drop(2);
      expect(await store.begin(BUILD)).toMatchObject({ number: 3, state: "building" });
      await store.activate(3, 5);
      expect(await store.begin(BUILD)).toMatchObject({ number: 4, state: "building" });
    });

    test("a generation that is dropped is gone with all that it held; dropping again is nothing", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      const { rows, write } = caseIn(store, "cc", 2);
      await write({ putNodes: [rows.memory(1)], putEdges: [rows.edge("FLOWS_TO", rows.memory(1), rows.memory(2))] });
      await store.drop(2);
      await store.drop(2);
      expect((await store.generations()).map(({ number }) => number)).toEqual([1]);
      expect(await store.places(2)).toEqual([]);
      const part = { generation: 2, module: "cc", after: "", limit: 10 };
      expect(await store.scanNodes(part)).toEqual([]);
      expect(await store.scanEdges(part)).toEqual([]);
    });

    test("the live one cannot be dropped", async () => {
      await store.begin(BUILD);
      const { rows, write, scope } = caseIn(store, "cc");
      await write({ putNodes: [rows.memory(1)] });
      await store.drop(1).catch(() => undefined);
      expect(await store.live()).toMatchObject({ number: 1 });
      expect(await store.nodes(scope, [rows.memory(1).id])).toHaveLength(1);
    });

    test("that somebody builds one is noted of what is being built alone", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      for (const generation of [1, 2, 77]) await store.keepAlive(generation, 1_760_000_004_444);
      await store.keepAlive(2, 1_760_000_005_555);
      expect((await store.generations()).map(({ aliveMs }) => aliveMs)).toEqual([0, 1_760_000_005_555]);
    });

    test("with the signal nothing more is dropped, and a repetition goes on", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      await expect(store.drop(2, AbortSignal.abort(new Error("closing")))).rejects.toThrow("closing");
      expect(await store.generations()).toHaveLength(2);
      await store.drop(2, new AbortController().signal);
      expect(await store.generations()).toHaveLength(1);
    });

    test("a resume token is kept with its generation alone, the last one counts", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      await store.keepToken(1, "first");
      await store.keepToken(2, "of the build");
      await store.keepToken(1, "ünd ' \\ last");
      expect((await store.generations()).map(({ resumeToken }) => resumeToken)).toEqual([
        "ünd ' \\ last",
        "of the build",
      ]);
      expect(await store.live()).toMatchObject({ resumeToken: "ünd ' \\ last" });
    });

    test("G1: reads see the live generation alone, and all of the new one after the swap", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      const [old, built] = [caseIn(store, "cc", 1), caseIn(store, "cc", 2)];
      const { rows, scope } = old;
      const [memory, batten] = [rows.memory(1), rows.entity("batten")];
      const rest = { putNodes: [memory], putEdges: [rows.reference(memory, batten)] };
      await old.write({ ...rest, addNodes: [batten], addNames: [rows.name(batten, "Old")] });
      await old.step((transaction) => transaction.addFault(rows.fault(2)));
      await built.write({
        ...rest,
        addNodes: [{ ...batten, name: "Sir W. Batten", count: 5 }],
        addNames: [rows.name(batten, "New")],
      });

      const seen = async () => ({
        name: (await store.nodes(scope, [batten.id]))[0]?.name,
        names: (await store.names(scope, batten.id, 5)).map(({ form }) => form),
        found: (await store.search(scope, { words: ["new"], labels: [], limit: 5 })).length,
        edges: (await store.exportEdges(scope, "cc", "", 5)).length,
        places: await store.livePlaces(scope),
        faults: (await store.faults(scope, { module: "cc", kind: "parked", limit: 5 })).total,
      });
      const places = (position: number): Place[] => [placeAt("cc", position)];
      expect(await seen()).toEqual({
        name: "batten",
        names: ["Old"],
        found: 0,
        edges: 1,
        places: places(2),
        faults: 1,
      });
      await store.activate(2, 5);
      expect(await seen()).toEqual({
        name: "Sir W. Batten",
        names: ["New"],
        found: 1,
        edges: 1,
        places: places(1),
        faults: 0,
      });
    });

    test("G1: the same id has a node of its own in each generation, and dropping one leaves the other whole", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      const [old, built] = [caseIn(store, "cc", 1), caseIn(store, "cc", 2)];
      const batten = old.rows.entity("batten", { count: 3 });
      await old.write({ addNodes: [batten], addNames: [old.rows.name(batten, "Batten")] });
      await built.write({ addNodes: [batten], addNames: [old.rows.name(batten, "Batten")] });
      await built.write({ addNodes: [batten] });
      expect(await store.nodes(old.scope, [batten.id])).toEqual([at(batten, 1)]);
      await store.activate(2, 5);
      await store.drop(1);
      expect(await store.nodes(old.scope, [batten.id])).toEqual([at({ ...batten, count: 6 }, 2)]);
      expect(await store.names(old.scope, batten.id, 5)).toHaveLength(1);
    });

    test("a retired generation can still be scanned, until it is dropped", async () => {
      await store.begin(BUILD);
      await store.begin(BUILD);
      const { rows, write } = caseIn(store, "cc", 1);
      await write({ putNodes: [rows.memory(1)] });
      await store.activate(2, 5);
      const part = { generation: 1, module: "cc", after: "", limit: 10 };
      expect(await store.scanNodes(part)).toEqual([at(rows.memory(1), 1)]);
      await store.drop(1);
      expect(await store.scanNodes(part)).toEqual([]);
    });
  });
}
