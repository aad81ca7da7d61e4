import { describe, expect, test } from "@jest/globals";
import type { NodeRow } from "#services/graph/domain/graph-rows.ts";
import type { NodeQuery } from "#services/graph/domain/graph-store.ts";
import { allPages, byId, type GraphCase, type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at } from "./rows.ts";

/** How nodes and edges are got, found, named and exported (G6). */
export function findContract(open: OpenGraph): void {
  describe("finding", () => {
    const fresh = sharedGraph(open);
    const finding =
      ({ store, scope }: GraphCase) =>
      async (query: Partial<NodeQuery>) => {
        const found = await store.findNodes(scope, { labels: [], properties: {}, limit: 100, ...query });
        return found.map(({ name }) => name);
      };

    test("nodes and edges are got by id, whole; those that are not there are left out", async () => {
      const { store, scope, rows, write } = fresh();
      const nodes = [rows.memory(1, { session: "s", eventType: "t" }), rows.entity("batten"), rows.hand("ship")];
      const [memory, batten, ship] = nodes as [NodeRow, NodeRow, NodeRow];
      const edges = [rows.reference(memory, batten), rows.edge("DEPENDS_ON", ship, batten, { properties: { a: 1 } })];
      await write({ putNodes: [memory, ship], addNodes: [batten], putEdges: edges });
      const missing = rows.entity("nobody").id;
      const found = await store.nodes(scope, [...nodes.map(({ id }) => id), missing]);
      expect(byId(found)).toEqual(byId(nodes.map((node) => at(node, 1))));
      const got = await store.edges(scope, [...edges.map(({ id }) => id), missing]);
      expect(byId(got)).toEqual(byId(edges.map((edge) => at(edge, 1))));
      expect(await store.nodes(scope, [])).toEqual([]);
      expect(await store.edges(scope, [])).toEqual([]);
    });

    test("a node's id finds no edge, and an edge's id no node", async () => {
      const { store, scope, rows, write } = fresh();
      const [one, two] = [rows.entity("one"), rows.entity("two")];
      const edge = rows.related(one, two);
      await write({ addNodes: [one, two], addEdges: [edge] });
      expect(await store.nodes(scope, [edge.id])).toEqual([]);
      expect(await store.edges(scope, [one.id])).toEqual([]);
    });

    test("G6: nodes come by count, the greatest first, then by id", async () => {
      const given = fresh();
      const { store, module, scope, rows, write } = given;
      const tied = Array.from({ length: 8 }, (_, n) => rows.entity(`tied ${n}`, { count: 2 }));
      const [most, least] = [rows.entity("most", { count: 10 }), rows.entity("least", { count: 1 })];
      await write({ addNodes: [least, ...tied, most], putNodes: [rows.memory(1)] });
      const found = await store.findNodes(scope, { module, labels: [], properties: {}, limit: 100 });
      expect(found.map(({ id }) => id)).toEqual([most, ...byId(tied), least, rows.memory(1)].map(({ id }) => id));
    });

    test("G6: pages of nodes follow each other without a gap or a repeat, whatever their size", async () => {
      const { store, module, scope, rows, write } = fresh();
      const nodes = Array.from({ length: 30 }, (_, n) => rows.entity(`e${n}`, { count: 1 + (n % 3) }));
      await write({ addNodes: nodes });
      const all = await store.findNodes(scope, { module, labels: [], properties: {}, limit: 100 });
      expect(all).toHaveLength(30);
      for (const limit of [1, 4, 30])
        expect(
          await allPages<NodeRow>(limit, (after) =>
            store.findNodes(scope, { module, labels: [], properties: {}, after, limit }),
          ),
        ).toEqual(all);
    });

    test("by labels: any of them; of none given, all", async () => {
      const given = fresh();
      const { rows, write } = given;
      await write({
        putNodes: [rows.memory(1), rows.memory(2, { label: "Prompt", name: "prompt" })],
        addNodes: [
          rows.entity("batten", { count: 3 }),
          rows.entity("music", { kind: "concept", count: 2 }),
          rows.node("Session", "evening"),
        ],
      });
      const find = finding(given);
      expect(await find({ labels: ["Prompt"] })).toEqual(["prompt"]);
      expect(await find({ labels: ["Concept", "Entity", "Source"] })).toEqual(["batten", "music"]);
      expect(await find({ labels: ["Module"] })).toEqual([]);
      expect(await find({})).toHaveLength(5);
    });

    test("by kind and by name: exactly", async () => {
      const given = fresh();
      const { rows, write } = given;
      await write({
        putNodes: [rows.hand("Deptford", { kind: "ship" }), rows.hand("deptford", { kind: "yard" })],
        addNodes: [rows.entity("deptford", { kind: "place", name: "Deptford" })],
      });
      const find = finding(given);
      expect(await find({ kind: "ship" })).toEqual(["Deptford"]);
      expect(await find({ kind: "shi" })).toEqual([]);
      expect(await find({ name: "Deptford" })).toHaveLength(2);
      expect(await find({ name: "deptford" })).toHaveLength(1);
      expect(await find({ name: "Dept" })).toEqual([]);
      expect(await find({ name: "Deptford", kind: "place", labels: ["Entity"] })).toHaveLength(1);
    });

    test('by properties: value and type must be the same, so that "1" is not 1 is not true', async () => {
      const given = fresh();
      const { rows, write } = given;
      await write({
        putNodes: [
          rows.hand("text", { properties: { v: "1" } }),
          rows.hand("number", { properties: { v: 1 } }),
          rows.hand("truth", { properties: { v: true } }),
          rows.hand("word", { properties: { v: "true" } }),
          rows.hand("none", { properties: {} }),
        ],
      });
      const find = finding(given);
      expect(await find({ properties: { v: "1" } })).toEqual(["text"]);
      expect(await find({ properties: { v: 1 } })).toEqual(["number"]);
      expect(await find({ properties: { v: true } })).toEqual(["truth"]);
      expect(await find({ properties: { v: "true" } })).toEqual(["word"]);
      expect(await find({ properties: { v: false } })).toEqual([]);
    });

    test("by several properties: all of them, whatever else there is", async () => {
      const given = fresh();
      const { rows, write } = given;
      await write({
        putNodes: [
          rows.hand("both", { properties: { a: 1.5, b: "x", c: false } }),
          rows.hand("one", { properties: { a: 1.5 } }),
        ],
      });
      const find = finding(given);
      expect(await find({ properties: { a: 1.5, b: "x" } })).toEqual(["both"]);
      expect((await find({ properties: { a: 1.5 } })).sort()).toEqual(["both", "one"]);
      expect(await find({ properties: { c: false } })).toEqual(["both"]);
      expect(await find({ properties: { a: 1.5, d: "" } })).toEqual([]);
    });

    test("by properties that look like parts of a query: nothing but what has them", async () => {
      const given = fresh();
      const { rows, write } = given;
      const texts = ["' or 1=1 --", "$1", "{}", '"}', "%", "_", "null", ""];
      await write({ putNodes: texts.map((v, n) => rows.hand(`n${n}`, { properties: { v } })) });
      const find = finding(given);
      for (const [n, v] of texts.entries()) expect(await find({ properties: { v } })).toEqual([`n${n}`]);
      expect(await find({ name: "' or 1=1 --" })).toEqual([]);
      expect(await find({ kind: "' or 1=1 --" })).toEqual([]);
    });

    test("G6: names of an entity come by count, the greatest first, then by form and key, bytes compared", async () => {
      const { store, scope, rows, write } = fresh();
      const batten = rows.entity("batten");
      const forms = ["Ä", "Z", "a", "ÿ", "\u{ff5e}", "\u{1f600}"];
      const names = [
        rows.name(batten, "most", 9),
        ...forms.map((form) => rows.name(batten, form, 2)),
        rows.name(batten, "least", 1, { key: "b" }),
        rows.name(batten, "least", 1, { key: "a" }),
      ];
      await write({ addNodes: [batten], addNames: [...names].reverse() });
      const found = await store.names(scope, batten.id, 20);
      expect(found.map(({ form }) => form)).toEqual([
        "most",
        ...["Z", "a", "Ä", "ÿ", "\u{ff5e}", "\u{1f600}"],
        "least",
        "least",
      ]);
      expect(found.slice(-2).map(({ key }) => key)).toEqual(["a", "b"]);
      expect(await store.names(scope, batten.id, 3)).toEqual(found.slice(0, 3));
    });

    test("an export comes in the order of ids, page by page, and holds what the module has", async () => {
      const { store, module, other, scope, rows, otherRows, write } = fresh();
      const entities = Array.from({ length: 12 }, (_, n) => rows.entity(`e${n}`));
      const edges = entities.slice(1).map((entity) => rows.related(entities[0] as NodeRow, entity));
      const dangling = rows.related(entities[0] as NodeRow, rows.entity("nobody"));
      await write({ addNodes: entities, addEdges: [...edges, dangling] });
      await write({ addNodes: [otherRows.entity("e0")] }, other);
      const nodes = await allPages<NodeRow>(5, (after) => store.exportNodes(scope, module, after?.id ?? "", 5));
      expect(nodes).toEqual(byId(entities).map((node) => at(node, 1)));
      const found = await allPages<{ id: string }>(5, (after) => store.exportEdges(scope, module, after?.id ?? "", 5));
      expect(found).toEqual(byId(edges).map((edge) => at(edge, 1)));
    });
  });
}
