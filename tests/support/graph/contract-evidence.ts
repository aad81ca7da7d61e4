import { describe, expect, test } from "@jest/globals";
import type { NodeRow } from "#services/graph/domain/graph-rows.ts";
import type { StatsRow } from "#services/graph/domain/graph-store.ts";
import { scopeOf } from "#shared/auth/scope.ts";
import { allPages, byId, type GraphCase, type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at, dayOf } from "./rows.ts";

/** What memories tell: evidence, topics and counts. */
export function evidenceContract(open: OpenGraph): void {
  /** A reference with these passages. */
  const reference = ({ rows }: GraphCase, memory: NodeRow, entity: NodeRow, passages: number[], name = entity.key) => {
    const mention = { kind: "person", key: name, forms: [name], count: passages.length, passages } as const;
    return rows.reference(memory, entity, { name, mention });
  };

  describe("evidence", () => {
    const fresh = sharedGraph(open);
    const asking =
      ({ store, module, scope }: GraphCase, from: NodeRow, to: NodeRow) =>
      async (before?: number, limit = 100) => {
        const pairs = [{ module, from: from.id, to: to.id }];
        const [memories] = await store.evidence(scope, { pairs, before, limit });
        return memories?.map(({ position }) => position);
      };

    test("is the memories that reference both ends in a common passage, the latest first", async () => {
      const given = fresh();
      const { store, module, scope, rows, write } = given;
      const [a, b] = [rows.entity("a"), rows.entity("b")];
      const memories = [1, 2, 3, 4, 5].map((position) => rows.memory(position)) as [
        NodeRow,
        NodeRow,
        NodeRow,
        NodeRow,
        NodeRow,
      ];
      const [one, two, three, four, five] = memories;
      await write({
        putNodes: memories,
        addNodes: [a, b],
        putEdges: [
          ...[reference(given, one, a, [0, 3]), reference(given, one, b, [3, 4])],
          ...[reference(given, two, a, [0, 1]), reference(given, two, b, [2])],
          reference(given, three, a, [0]),
          reference(given, four, b, [0]),
          ...[reference(given, five, a, [7]), reference(given, five, b, [5, 6, 7])],
        ],
      });
      const pairs = [{ module, from: a.id, to: b.id }];
      expect(await store.evidence(scope, { pairs, limit: 9 })).toEqual([[at(five, 1), at(one, 1)]]);
      expect(await asking(given, b, a)()).toEqual([5, 1]);
    });

    test("passage -1 is one like any other, and meets itself alone", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [a, b] = [rows.entity("a"), rows.entity("b")];
      const [one, two] = [rows.memory(1), rows.memory(2)];
      await write({
        putNodes: [one, two],
        addNodes: [a, b],
        putEdges: [
          ...[reference(given, one, a, [-1]), reference(given, one, b, [-1, 2])],
          ...[reference(given, two, a, [-1]), reference(given, two, b, [0, 1])],
        ],
      });
      expect(await asking(given, a, b)()).toEqual([1]);
    });

    test("any two names of the ends may meet, and the memory comes once", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [a, b] = [rows.entity("a"), rows.entity("b")];
      const memory = rows.memory(1);
      await write({
        putNodes: [memory],
        addNodes: [a, b],
        putEdges: [
          reference(given, memory, a, [0, 4]),
          reference(given, memory, a, [4, 5], "other a"),
          reference(given, memory, b, [4, 5]),
          reference(given, memory, b, [4], "other b"),
        ],
      });
      expect(await asking(given, a, b)()).toEqual([1]);
    });

    test("names that meet in different memories are none", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [a, b] = [rows.entity("a"), rows.entity("b")];
      const [one, two] = [rows.memory(1), rows.memory(2)];
      const edges = [reference(given, one, a, [0]), reference(given, two, b, [0])];
      await write({ putNodes: [one, two], addNodes: [a, b], putEdges: edges });
      expect(await asking(given, a, b)()).toEqual([]);
    });

    test("references made by hand have no passages, and are none", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [a, b, memory] = [rows.entity("a"), rows.entity("b"), rows.memory(1)];
      const edges = [reference(given, memory, a, [0]), rows.edge("REFERENCES", memory, b)];
      await write({ putNodes: [memory], addNodes: [a, b], putEdges: edges });
      expect(await asking(given, a, b)()).toEqual([]);
    });

    test("G6: pages go on below a position", async () => {
      const given = fresh();
      const { rows, write } = given;
      const [a, b] = [rows.entity("a"), rows.entity("b")];
      const memories = Array.from({ length: 11 }, (_, n) => rows.memory(n + 1));
      const edges = memories.flatMap((memory) => [reference(given, memory, a, [0]), reference(given, memory, b, [0])]);
      await write({ putNodes: memories, addNodes: [a, b], putEdges: edges });
      const ask = asking(given, a, b);
      expect(await allPages<number>(4, async (last) => (await ask(last, 4)) ?? [])).toEqual([
        11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1,
      ]);
      expect(await ask(1)).toEqual([]);
    });

    test("of several pairs, modules mixed, each has its own list and limit, in their order", async () => {
      const given = fresh();
      const { store, module, other, scope, rows, otherRows, write } = given;
      const [a, b, c] = [rows.entity("a"), rows.entity("b"), rows.entity("c")];
      const memories = [1, 2, 3].map((position) => rows.memory(position));
      const edges = memories.flatMap((memory) => [
        reference(given, memory, a, [0]),
        reference(given, memory, b, [0]),
        reference(given, memory, c, [1]),
      ]);
      await write({ putNodes: memories, addNodes: [a, b, c], putEdges: edges });
      const [x, y, foreign] = [otherRows.entity("a"), otherRows.entity("b"), otherRows.memory(1)];
      const foreignEdges = [otherRows.reference(foreign, x), otherRows.reference(foreign, y)];
      await write({ putNodes: [foreign], addNodes: [x, y], putEdges: foreignEdges }, other);

      const pairs = [
        { module, from: a.id, to: c.id },
        { module, from: a.id, to: b.id },
        { module: other, from: y.id, to: x.id },
        { module, from: b.id, to: a.id },
      ];
      const found = await store.evidence(scope, { pairs, limit: 2 });
      expect(found.map((list) => list.map(({ id }) => id))).toEqual([
        [],
        [rows.memory(3).id, rows.memory(2).id],
        [foreign.id],
        [rows.memory(3).id, rows.memory(2).id],
      ]);
      const narrow = await store.evidence(scopeOf([other]), { pairs, limit: 2 });
      expect(narrow.map((list) => list.length)).toEqual([0, 0, 1, 0]);
      expect(await store.evidence(scope, { pairs: [], limit: 2 })).toEqual([]);
    });
  });

  describe("topics and counts", () => {
    const fresh = sharedGraph(open);

    test("topics are what the memories of a time reference, by count, with the first and last time", async () => {
      const given = fresh();
      const { store, module, scope, rows, write } = given;
      const [a, b] = [rows.entity("a"), rows.entity("b", { kind: "place" })];
      const memories = Array.from({ length: 6 }, (_, n) => rows.memory(n + 1)) as [NodeRow, ...NodeRow[]];
      const edges = memories.flatMap((memory, n) => [
        rows.reference(memory, b),
        ...(n % 2 === 0 ? [rows.reference(memory, a), rows.reference(memory, a, { name: "other a" })] : []),
      ]);
      await write({ putNodes: memories, addNodes: [a, b], putEdges: edges });
      const query = { module, kinds: [], limit: 10 };
      expect(await store.topics(scope, query)).toEqual({
        memories: 6,
        topics: [
          { node: at(b, 1), count: 6, firstMs: dayOf(1), lastMs: dayOf(6) },
          { node: at(a, 1), count: 3, firstMs: dayOf(1), lastMs: dayOf(5) },
        ],
      });
      expect(await store.topics(scope, { ...query, sinceMs: dayOf(2), untilMs: dayOf(4) })).toEqual({
        memories: 2,
        topics: [
          { node: at(b, 1), count: 2, firstMs: dayOf(2), lastMs: dayOf(3) },
          { node: at(a, 1), count: 1, firstMs: dayOf(3), lastMs: dayOf(3) },
        ],
      });
    });

    test("a time begins with its first millisecond and ends before its last", async () => {
      const { store, module, scope, rows, write } = fresh();
      await write({ putNodes: [rows.memory(1, { occurredMs: 1_000 }), rows.memory(2, { occurredMs: 2_000 })] });
      const count = async (sinceMs?: number, untilMs?: number) =>
        (await store.topics(scope, { module, sinceMs, untilMs, kinds: [], limit: 5 })).memories;
      expect(await count(1_000, 2_000)).toBe(1);
      expect(await count(1_001, 2_001)).toBe(1);
      expect(await count(1_001, 2_000)).toBe(0);
      expect(await count(1_000)).toBe(2);
      expect(await count(undefined, 1_000)).toBe(0);
      expect(await count(2_000, 1_000)).toBe(0);
    });

    test("times before 1970 back to the year 1, and to the end of the year 9999, are times like any other", async () => {
      const { store, module, scope, rows, write } = fresh();
      const times = [Date.parse("0001-01-01T00:00:00Z"), -1, Date.parse("9999-12-31T23:59:59.999Z")];
      const batten = rows.entity("batten");
      const memories = times.map((occurredMs, n) => rows.memory(n + 1, { occurredMs }));
      const edges = memories.map((memory) => rows.reference(memory, batten));
      await write({ putNodes: memories, addNodes: [batten], putEdges: edges });
      const query = { module, kinds: [], limit: 5 };
      expect(await store.topics(scope, query)).toMatchObject({
        memories: 3,
        topics: [{ count: 3, firstMs: times[0], lastMs: times[2] }],
      });
      expect(await store.topics(scope, { ...query, untilMs: 0 })).toMatchObject({
        memories: 2,
        topics: [{ lastMs: -1 }],
      });
      expect(
        byId(
          await store.nodes(
            scope,
            memories.map(({ id }) => id),
          ),
        ),
      ).toEqual(byId(memories.map((row) => at(row, 1))));
    });

    test("G6: topics of one count come by id, narrowed by kind, up to the limit", async () => {
      const { store, module, scope, rows, write } = fresh();
      const memory = rows.memory(1);
      const people = Array.from({ length: 6 }, (_, n) => rows.entity(`p${n}`));
      const concept = rows.entity("music", { kind: "concept" });
      const edges = [...people, concept].map((entity) => rows.reference(memory, entity));
      await write({ putNodes: [memory], addNodes: [...people, concept], putEdges: edges });
      const ids = async (kinds: string[], limit: number) =>
        (await store.topics(scope, { module, kinds, limit })).topics.map(({ node }) => node.id);
      expect(await ids([], 4)).toEqual(
        byId([...people, concept])
          .slice(0, 4)
          .map(({ id }) => id),
      );
      expect(await ids(["person"], 9)).toEqual(byId(people).map(({ id }) => id));
      expect(await ids(["concept", "ship"], 9)).toEqual([concept.id]);
      expect(await ids(["ship"], 9)).toEqual([]);
    });

    test("references made by hand are no topics, nor are memories of other modules", async () => {
      const { store, module, other, scope, rows, otherRows, write } = fresh();
      const [memory, batten] = [rows.memory(1), rows.entity("batten")];
      await write({ putNodes: [memory], addNodes: [batten], putEdges: [rows.edge("REFERENCES", memory, batten)] });
      await write({ putNodes: [otherRows.memory(1), otherRows.memory(2)] }, other);
      expect(await store.topics(scope, { module, kinds: [], limit: 5 })).toEqual({ memories: 1, topics: [] });
    });

    test("a topic whose entity is gone is left out", async () => {
      const { store, module, scope, rows, write } = fresh();
      const [memory, batten, gone] = [rows.memory(1), rows.entity("batten"), rows.entity("gone")];
      const edges = [rows.reference(memory, batten), rows.reference(memory, gone)];
      await write({ putNodes: [memory], addNodes: [batten], putEdges: edges });
      const { topics } = await store.topics(scope, { module, kinds: [], limit: 5 });
      expect(topics.map(({ node }) => node.id)).toEqual([batten.id]);
    });

    test("forgotten memories are not counted, in a time or in all", async () => {
      const { store, module, other, scope, rows, otherRows, write } = fresh();
      await write({
        putNodes: [
          rows.memory(1),
          rows.memory(2, { label: "Prompt" }),
          rows.memory(3, { forgotten: true, occurredMs: undefined, name: "" }),
          rows.hand("no memory"),
        ],
        addNodes: [rows.node("Session", "evening")],
      });
      await write({ putNodes: [otherRows.memory(1)] }, other);
      const counts = await store.memoryCounts(scope, [module, other, "nowhere"]);
      expect([module, other, "nowhere"].map((name) => counts.get(name) ?? 0)).toEqual([2, 1, 0]);
      expect(await store.topics(scope, { module, kinds: [], limit: 5 })).toMatchObject({ memories: 2 });
      await write({ putNodes: [rows.memory(1, { forgotten: true, occurredMs: undefined })] });
      expect((await store.memoryCounts(scope, [module])).get(module)).toBe(1);
      const narrow = await store.memoryCounts(scopeOf([other]), [module, other]);
      expect([narrow.get(module) ?? 0, narrow.get(other)]).toEqual([0, 1]);
    });

    const statsOf = async ({ store, scope }: GraphCase, module?: string) => {
      const rows = await store.stats(scope, module);
      const text = ({ module, what, name, kind, origin, count }: StatsRow) =>
        `${module} ${what} ${name} ${kind} ${origin} ${count}`;
      return rows.map(text).sort();
    };

    test("stats count nodes by label, kind and origin, and edges by type and origin", async () => {
      const given = fresh();
      const { module, other, rows, otherRows, write } = given;
      const [a, b, ship, memory] = [
        rows.entity("a"),
        rows.entity("b"),
        rows.hand("ship", { kind: "ship" }),
        rows.memory(1),
      ];
      await write({
        putNodes: [memory, ship],
        addNodes: [a, b, rows.entity("music", { kind: "concept", count: 7 })],
        addEdges: [rows.related(a, b, 5)],
        putEdges: [rows.reference(memory, a), rows.reference(memory, b), rows.edge("RELATES_TO", ship, a)],
      });
      await write({ addNodes: [otherRows.entity("a")] }, other);
      const mine = [
        `${module} edge REFERENCES  derived 2`,
        `${module} edge RELATES_TO  derived 1`,
        `${module} edge RELATES_TO  manual 1`,
        `${module} node Concept concept derived 1`,
        `${module} node Entity person derived 2`,
        `${module} node Entity ship manual 1`,
        `${module} node LogEntry  derived 1`,
      ];
      expect(await statsOf(given, module)).toEqual(mine);
      expect(await statsOf(given)).toEqual([...mine, `${other} node Entity person derived 1`].sort());
    });

    test("stats follow what is changed and removed, and show no row for none", async () => {
      const given = fresh();
      const { module, rows, write } = given;
      const [a, b] = [rows.entity("a"), rows.entity("b")];
      await write({ addNodes: [a, b], addEdges: [rows.related(a, b)], putNodes: [rows.memory(1)] });
      await write({ putNodes: [rows.memory(1, { label: "Prompt" })], addNodes: [{ ...b, count: 3 }] });
      expect(await statsOf(given)).toEqual([
        `${module} edge RELATES_TO  derived 1`,
        `${module} node Entity person derived 2`,
        `${module} node Prompt  derived 1`,
      ]);
      await write({ addEdges: [{ ...rows.related(a, b), count: -1 }], deleteNodes: [rows.memory(1).id] });
      expect(await statsOf(given)).toEqual([`${module} node Entity person derived 2`]);
    });

    test("G4: stats leave out edges with a missing end, until it is there", async () => {
      const given = fresh();
      const { module, rows, write } = given;
      const [a, b] = [rows.entity("a"), rows.entity("b")];
      await write({ addNodes: [a], addEdges: [rows.related(a, b)] });
      expect(await statsOf(given)).toEqual([`${module} node Entity person derived 1`]);
      await write({ addNodes: [b] });
      expect(await statsOf(given)).toContain(`${module} edge RELATES_TO  derived 1`);
      await write({ addNodes: [{ ...a, count: -1 }] });
      expect(await statsOf(given)).toEqual([`${module} node Entity person derived 1`]);
    });

    test("G4: stats count an edge between modules for those who see both", async () => {
      const given = fresh();
      const { store, module, other, scope, rows, otherRows, write } = given;
      const [one, two] = [rows.hand("one"), otherRows.hand("two")];
      await write({ putNodes: [two] }, other);
      await write({ putNodes: [one], putEdges: [rows.edge("RELATES_TO", one, two)] });
      const edges = async (of: typeof scope) => (await store.stats(of, module)).filter(({ what }) => what === "edge");
      expect(await edges(scope)).toMatchObject([{ module, name: "RELATES_TO", count: 1 }]);
      expect(await edges(scopeOf([module]))).toEqual([]);
    });
  });
}
