import { describe, expect, test } from "@jest/globals";
import type { NodeRow } from "#services/graph/domain/graph-rows.ts";
import { searchWords } from "#services/graph/domain/search-words.ts";
import type { Properties } from "#services/graph/domain/vocabulary.ts";
import { scopeOf } from "#shared/auth/scope.ts";
import { caseIn, type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at } from "./rows.ts";

/** Texts that are something else to an engine, a driver or a terminal. */
export const STRANGE_TEXTS: readonly string[] = [
  'it\'s "quoted" `all` ways',
  "back\\slash \\n \\u0041 \\",
  "line\nbreak\r\n\ttab",
  "  spaces around  ",
  "🖋️👩‍👩‍👧‍👦🏴",
  "\u{20000}".repeat(200),
  `x${"\u{20000}".repeat(99)}`,
  "e\u0301 is not é",
  "right \u202e to \u200b left \ufeff",
  "\u0001\u001b[31m\u007f",
  "$name $\u007bname} $1 :name @name ?",
  "'; drop table cos_graph.nodes; --",
  "}) detach delete n //",
  "{a,b} [1] (x) NULL null true",
  "%_*~\\%",
  "\u{ffff}\u{10ffff}",
  "constructor __proto__ toString",
];

/** What is kept is what comes back. */
export function valuesContract(open: OpenGraph): void {
  describe("values", () => {
    const fresh = sharedGraph(open);

    test.each(STRANGE_TEXTS.map((text) => [JSON.stringify(text).slice(0, 40), text]))(
      "a text comes back as it was written, and is found: %s",
      async (_, text) => {
        const { store, module, scope, rows, write, step } = fresh();
        const node = rows.hand(text, { properties: { text }, eventType: text, session: text, key: text });
        const batten = rows.entity("batten");
        const mention = { kind: "person", key: text, forms: [text, `${text}2`], count: 1, passages: [0] } as const;
        const edge = rows.reference(rows.memory(1), batten, { mention, properties: { text } });
        const naming = { merges: { [`person:${text}`]: mention }, splits: {}, titles: { [text]: text } };
        const kept = { ...naming, merges: { [`person:${text}`]: { kind: "person", key: text } as const } };
        await write({
          putNodes: [node, rows.memory(1)],
          addNodes: [batten],
          putEdges: [edge],
          addNames: [rows.name(batten, text, 2, { key: text }), rows.name(batten, "Batten")],
        });
        await step(async (transaction) => {
          await transaction.writeNaming(kept);
          await transaction.addFault(rows.fault(2, { error: text }));
        });
        expect(await store.nodes(scope, [node.id])).toEqual([at(node, 1)]);
        expect(await store.edges(scope, [edge.id])).toEqual([at(edge, 1)]);
        expect(await store.names(scope, batten.id, 1)).toEqual([rows.name(batten, text, 2, { key: text })]);
        expect(await store.namingOf(scope, module)).toEqual(kept);
        expect(await store.faultAt(scope, module, 2)).toEqual(rows.fault(2, { error: text }));
        const query = { labels: [], limit: 5 };
        expect(await store.findNodes(scope, { ...query, name: text, properties: {} })).toEqual([at(node, 1)]);
        expect(await store.findNodes(scope, { ...query, properties: { text } })).toEqual([at(node, 1)]);
        const words = searchWords(text).slice(0, 16);
        const found = words.length === 0 ? [] : await store.search(scope, { ...query, words });
        expect(found.map(({ name }) => name)).toEqual(words.length === 0 ? [] : [text, text]);
      },
    );

    test("properties come back with their types, and an empty list as one", async () => {
      const { store, scope, rows, write } = fresh();
      const lists: Properties[] = [
        {},
        { text: "", zero: 0, no: false },
        { one: 1, yes: true, number_text: "1", truth_text: "true" },
        { small: -1.5, tiny: 1e-9, huge: 1e300, long: 2 ** 53 - 1, minus: -(2 ** 53 - 1), third: 1 / 3 },
        Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`p${n}`, n % 2 === 0 ? n : "x".repeat(1_000)])),
        { id: "x", name: "y", count: 5, gid: "z", constructor: 1, a2345678901234567890123456789012345678_9: true },
      ];
      const nodes = lists.map((properties, n) => rows.hand(`n${n}`, { properties }));
      const edges = nodes.map((node) =>
        rows.edge("RELATES_TO", nodes[0] as NodeRow, node, { properties: node.properties }),
      );
      await write({ putNodes: nodes, putEdges: edges });
      for (const [n, node] of nodes.entries()) {
        expect(await store.nodes(scope, [node.id])).toEqual([at(node, 1)]);
        expect(await store.edges(scope, [(edges[n] as (typeof edges)[0]).id])).toEqual([
          at(edges[n] as (typeof edges)[0], 1),
        ]);
      }
    });

    test("what is not said of a node or an edge comes back as not said", async () => {
      const { store, scope, rows, write } = fresh();
      const bare = rows.memory(1, { name: "", eventType: "", occurredMs: undefined, forgotten: true });
      const edge = rows.edge("FLOWS_TO", bare, bare);
      await write({ putNodes: [bare], putEdges: [edge] });
      const [node] = await store.nodes(scope, [bare.id]);
      expect(node).toStrictEqual(at(bare, 1));
      const [found] = await store.edges(scope, [edge.id]);
      expect(found).toStrictEqual(at(edge, 1));
    });

    test("times, counts and positions come back as the numbers that they were", async () => {
      const { store, scope, rows, write } = fresh();
      const times = [
        "0001-01-01T00:00:00.001Z",
        "1660-01-01T00:00:00Z",
        "1969-12-31T23:59:59.999Z",
        "9999-12-31T23:59:59.999Z",
      ];
      const memories = times.map((time, n) => rows.memory(n + 1, { occurredMs: Date.parse(time) }));
      const batten = rows.entity("batten", { count: 1_234_567_890 });
      await write({ putNodes: [...memories, rows.memory(9, { occurredMs: 0 })], addNodes: [batten] });
      for (const memory of memories) expect(await store.nodes(scope, [memory.id])).toStrictEqual([at(memory, 1)]);
      expect(await store.nodes(scope, [rows.memory(9).id])).toMatchObject([{ occurredMs: 0, position: 9 }]);
      expect(await store.nodes(scope, [batten.id])).toMatchObject([{ count: 1_234_567_890 }]);
    });

    test("a mention of 8 forms and 32 passages comes back whole and in order", async () => {
      const { store, scope, rows, write, ask } = fresh();
      const [memory, batten] = [rows.memory(1), rows.entity("batten")];
      const forms = Array.from({ length: 8 }, (_, n) => `Form, "${8 - n}" {x} ${"y".repeat(150)}`);
      const passages = [-1, ...Array.from({ length: 31 }, (_, n) => n * 3)];
      const mention = { kind: "organisation", key: 'navy, "office"', forms, count: 99, passages } as const;
      const edge = rows.reference(memory, batten, { mention });
      await write({ putNodes: [memory], addNodes: [batten], putEdges: [edge] });
      expect(await store.edges(scope, [edge.id])).toStrictEqual([at(edge, 1)]);
      expect(await ask((transaction) => transaction.readReferencesOf([memory.id]))).toStrictEqual([at(edge, 1)]);
    });

    test("module names from one letter to 40 characters are told apart", async () => {
      const { store } = fresh();
      const long = `m${"0123456789".repeat(3)}_bcdefgh`;
      const names = ["cc", "c", "cc_1", `${long}a`, `${long}b`];
      expect(names.at(-1)).toHaveLength(40);
      const scope = scopeOf(names);
      for (const [n, name] of names.entries()) {
        const { rows, write } = caseIn(store, name);
        await write({ addNodes: [rows.entity("batten", { count: n + 1 })] });
      }
      for (const [n, name] of names.entries()) {
        expect(await store.exportNodes(scope, name, "", 5)).toMatchObject([{ module: name, count: n + 1 }]);
        expect(
          await store.nodes(
            scopeOf([name]),
            (await store.exportNodes(scope, name, "", 5)).map(({ id }) => id),
          ),
        ).toHaveLength(1);
      }
      expect((await store.livePlaces(scope)).map(({ module }) => module)).toEqual([...names].sort());
    });

    test("a name of the greatest length is kept and found, as node, name and key", async () => {
      const { store, module, scope, rows, write } = fresh();
      const long = `zebra ${"🦓".repeat(97)}`;
      const batten = rows.entity(long, { count: 2 });
      await write({ addNodes: [batten], addNames: [rows.name(batten, long, 2)] });
      expect(await store.search(scope, { module, words: ["zebra"], labels: [], limit: 5 })).toEqual([
        { node: at(batten, 1), name: long },
      ]);
    });
  });

  describe("a signal that has fired", () => {
    const fresh = sharedGraph(open);

    test("rejects every read with its reason", async () => {
      const { store, module, scope, rows } = fresh();
      const reason = new Error("the caller has gone");
      const signal = AbortSignal.abort(reason);
      const { id } = rows.memory(1);
      const filter = { way: "both", types: ["RELATES_TO"], manual: true } as const;
      const after = { changed: 0, what: "removed" as const, id: "" };
      const reads: (() => Promise<unknown>)[] = [
        () => store.ready(signal),
        () => store.generations(signal),
        () => store.places(1, signal),
        () => store.live(signal),
        () => store.livePlaces(scope, signal),
        () => store.faults(scope, { module, kind: "parked", limit: 5 }, signal),
        () => store.faultAt(scope, module, 1, signal),
        () => store.namingOf(scope, module, signal),
        () => store.nodes(scope, [id], signal),
        () => store.edges(scope, [id], signal),
        () => store.names(scope, id, 5, signal),
        () => store.findNodes(scope, { labels: [], properties: {}, limit: 5 }, signal),
        () => store.search(scope, { words: ["a"], labels: [], limit: 5 }, signal),
        () => store.neighbors(scope, { ...filter, node: id, limit: 5 }, signal),
        () => store.expand(scope, { ...filter, nodes: [id], fanOut: 5 }, signal),
        () => store.evidence(scope, { pairs: [{ module, from: id, to: id }], limit: 5 }, signal),
        () => store.topics(scope, { module, kinds: [], limit: 5 }, signal),
        () => store.memoryCounts(scope, [module], signal),
        () => store.stats(scope, module, signal),
        () => store.changes(scope, { module, after, limit: 5 }, signal),
        () => store.exportNodes(scope, module, "", 5, signal),
        () => store.exportEdges(scope, module, "", 5, signal),
      ];
      for (const read of reads) await expect(read()).rejects.toBe(reason);
    });

    test("changes nothing for others: the same reads answer without it", async () => {
      const { store, module, scope, rows, write } = fresh();
      await write({ putNodes: [rows.memory(1)] });
      await store.exportNodes(scope, module, "", 5, AbortSignal.abort()).catch(() => undefined);
      expect(await store.exportNodes(scope, module, "", 5, new AbortController().signal)).toEqual([
        at(rows.memory(1), 1),
      ]);
    });
  });
}
