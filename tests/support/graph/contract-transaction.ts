import { describe, expect, test } from "@jest/globals";
import type { NodeRow } from "#services/graph/domain/graph-rows.ts";
import { allPages, byId, type OpenGraph, sharedGraph } from "./contract-case.ts";
import { at } from "./rows.ts";

const NAMING = {
  merges: { "person:w. batten": { kind: "person", key: "batten" } },
  splits: { "person:batten": { kind: "place", key: 'batten\'s "yard"' } },
  titles: { "person:batten": "Sir William Batten" },
} as const;

/** What a step may ask of its own module, within its transaction. */
export function transactionContract(open: OpenGraph): void {
  describe("what a step asks", () => {
    const fresh = sharedGraph(open);

    test("nodes and edges by id: those that are there, edges with or without their ends", async () => {
      const { rows, write, ask } = fresh();
      const [batten, penn, nobody] = [rows.entity("batten"), rows.entity("penn"), rows.entity("nobody")];
      const edges = [rows.related(batten, penn), rows.related(batten, nobody)];
      await write({ addNodes: [batten, penn], addEdges: edges });
      const nodes = await ask((transaction) => transaction.readNodes([batten.id, nobody.id, penn.id]));
      expect(byId(nodes)).toEqual(byId([at(batten, 1), at(penn, 1)]));
      const ids = [...edges, rows.related(penn, nobody)].map(({ id }) => id);
      const found = await ask((transaction) => transaction.readEdges(ids));
      expect(byId(found)).toEqual(byId(edges.map((edge) => at(edge, 1))));
    });

    test("of no ids: nothing", async () => {
      const { ask } = fresh();
      const answers = await ask(async (transaction) => [
        await transaction.readNodes([]),
        await transaction.readEdges([]),
        await transaction.readEdgesAt([], ["RELATES_TO"]),
        await transaction.readReferencesOf([]),
        await transaction.readFirstReferences([]),
        await transaction.readSessionEnds([]),
      ]);
      expect(answers).toEqual([[], [], [], [], [], []]);
    });

    test("edges at nodes: those of the types that touch one of them at either end, each once", async () => {
      const { rows, write, ask } = fresh();
      const [a, b, c, d] = ["a", "b", "c", "d"].map((key) => rows.entity(key)) as [NodeRow, NodeRow, NodeRow, NodeRow];
      const [ab, bc, cd] = [rows.related(a, b), rows.related(b, c), rows.related(c, d)];
      const byHand = rows.edge("DEPENDS_ON", a, d);
      await write({ addNodes: [a, b, c], addEdges: [ab, bc, cd], putEdges: [byHand] });
      const related = await ask((transaction) => transaction.readEdgesAt([a.id, b.id], ["RELATES_TO"]));
      expect(byId(related)).toEqual(byId([at(ab, 1), at(bc, 1)]));
      const both = await ask((transaction) => transaction.readEdgesAt([d.id], ["RELATES_TO", "DEPENDS_ON"]));
      expect(byId(both)).toEqual(byId([at(cd, 1), at(byHand, 1)]));
      expect(await ask((transaction) => transaction.readEdgesAt([a.id, b.id, c.id, d.id], []))).toEqual([]);
      expect(await ask((transaction) => transaction.readEdgesAt([a.id], ["CONTAINS"]))).toEqual([]);
    });

    test("references of memories: all their derived ones with their mentions, none made by hand", async () => {
      const { rows, write, ask } = fresh();
      const [first, second] = [rows.memory(1), rows.memory(2)];
      const [batten, penn] = [rows.entity("batten"), rows.entity("penn")];
      const mention = {
        kind: "person",
        key: "sir w",
        forms: ["Sir W.", "Sir W"],
        count: 3,
        passages: [-1, 0, 7],
      } as const;
      const references = [
        rows.reference(first, batten),
        rows.reference(first, batten, { name: "sir w", mention }),
        rows.reference(second, penn),
      ];
      await write({ putNodes: [first, second], putEdges: [...references, rows.edge("REFERENCES", first, penn)] });
      const ofFirst = await ask((transaction) => transaction.readReferencesOf([first.id]));
      expect(byId(ofFirst)).toEqual(byId(references.slice(0, 2).map((edge) => at(edge, 1))));
      const ofBoth = await ask((transaction) => transaction.readReferencesOf([second.id, first.id]));
      expect(byId(ofBoth)).toEqual(byId(references.map((edge) => at(edge, 1))));
    });

    test("references to an entity come by position, then id, page by page, none twice and none left out", async () => {
      const { rows, write, ask } = fresh();
      const batten = rows.entity("batten");
      const memories = Array.from({ length: 7 }, (_, n) => rows.memory(n + 1));
      const references = memories.flatMap((memory) => [
        rows.reference(memory, batten),
        rows.reference(memory, batten, { name: "sir w" }),
        rows.reference(memory, rows.entity("penn")),
      ]);
      await write({ putNodes: memories, addNodes: [batten], putEdges: references });
      const wanted = references
        .filter(({ to }) => to === batten.id)
        .sort((left, right) => left.position - right.position || (left.id < right.id ? -1 : 1));
      const paged = await allPages<{ readonly position: number; readonly id: string }>(3, (after) =>
        ask((transaction) => transaction.readReferencesTo(batten.id, after ?? { position: 0, id: "" }, 3)),
      );
      expect(paged).toEqual(wanted.map((edge) => at(edge, 1)));
    });

    test("first references: of each entity that has one that of the lowest position, then id", async () => {
      const { rows, write, ask } = fresh();
      const [batten, penn, pett] = [rows.entity("batten"), rows.entity("penn"), rows.entity("pett")];
      const [one, two] = [rows.memory(1), rows.memory(2)];
      const twice = [rows.reference(one, batten), rows.reference(one, batten, { name: "sir w" })];
      const edges = [rows.reference(two, batten, { name: "admiral" }), ...twice, rows.reference(two, penn)];
      await write({ putNodes: [one, two], addNodes: [batten, penn, pett], putEdges: edges });
      const first = await ask((transaction) => transaction.readFirstReferences([batten.id, penn.id, pett.id]));
      const wanted = [byId(twice)[0] as (typeof twice)[0], rows.reference(two, penn)];
      expect(byId(first)).toEqual(byId(wanted.map((edge) => at(edge, 1))));
    });

    test("session ends: of each session its latest memory that is not forgotten", async () => {
      const { rows, write, ask } = fresh();
      await write({
        putNodes: [
          rows.memory(1, { session: "evening" }),
          rows.memory(2, { session: "evening", label: "Prompt" }),
          rows.memory(3, { session: "", forgotten: true }),
          rows.memory(4, { session: "morning" }),
          rows.memory(5),
        ],
        addNodes: [rows.node("Session", "evening", { session: "" })],
      });
      const sessions = ["evening", "night", "morning"];
      const ends = await ask((transaction) => transaction.readSessionEnds(sessions));
      expect(ends.map(({ position }) => position).sort((left, right) => left - right)).toEqual([2, 4]);
      await write({ putNodes: [rows.memory(2, { forgotten: true }), rows.memory(1, { session: "evening" })] });
      const after = await ask((transaction) => transaction.readSessionEnds(["evening"]));
      expect(after).toMatchObject([{ position: 1, session: "evening" }]);
    });

    test("naming is none at first, is kept whole, and replaced whole", async () => {
      const { store, module, scope, step, ask } = fresh();
      expect(await ask((transaction) => transaction.readNaming())).toEqual({ merges: {}, splits: {}, titles: {} });
      await step(async (transaction) => {
        await transaction.writeNaming(NAMING);
        expect(await transaction.readNaming()).toEqual(NAMING);
      });
      expect(await store.naming(1, module)).toEqual(NAMING);
      expect(await store.namingOf(scope, module)).toEqual(NAMING);
      await step((transaction) => transaction.writeNaming({ ...NAMING, merges: {} }));
      expect(await store.naming(1, module)).toEqual({ ...NAMING, merges: {} });
    });

    test("naming belongs to its module and generation", async () => {
      const { store, module, other, step } = fresh();
      await step((transaction) => transaction.writeNaming(NAMING));
      expect(await store.naming(1, other)).toEqual({ merges: {}, splits: {}, titles: {} });
      expect(await store.naming(77, module)).toEqual({ merges: {}, splits: {}, titles: {} });
    });
  });

  describe("scans for digests", () => {
    const fresh = sharedGraph(open);

    test("nodes and edges come in the order of their ids, in parts, none twice and none left out", async () => {
      const { store, module, other, rows, otherRows, write } = fresh();
      const entities = Array.from({ length: 23 }, (_, n) => rows.entity(`e${n}`));
      const edges = entities.slice(1).map((entity) => rows.related(entities[0] as NodeRow, entity));
      await write({ addNodes: entities, addEdges: edges });
      await write({ addNodes: [otherRows.entity("e0")] }, other);
      const part = { generation: 1, module, limit: 5 };
      const nodes = await allPages<NodeRow>(5, (after) => store.scanNodes({ ...part, after: after?.id ?? "" }));
      expect(nodes).toEqual(byId(entities).map((node) => at(node, 1)));
      const found = await allPages<{ id: string }>(5, (after) => store.scanEdges({ ...part, after: after?.id ?? "" }));
      expect(found).toEqual(byId(edges).map((edge) => at(edge, 1)));
      expect(await store.scanNodes({ ...part, module: other, after: "" })).toHaveLength(1);
    });

    test("G4: edges are scanned whether their ends are there or not", async () => {
      const { store, module, rows, write } = fresh();
      const edge = rows.edge("TRIGGERED_BY", rows.memory(1), rows.memory(9), { origin: "derived", count: 1 });
      await write({ putEdges: [edge] });
      expect(await store.scanEdges({ generation: 1, module, after: "", limit: 5 })).toEqual([at(edge, 1)]);
    });

    test("G6: names come by entity, kind, key and form, in parts", async () => {
      const { store, module, rows, write } = fresh();
      const entities = ["batten", "penn", "pett"].map((key) => rows.entity(key));
      const names = entities.flatMap((entity) =>
        (["place", "person"] as const).flatMap((kind) =>
          ["w", "W", "ÿ", "a"].flatMap((key) => [
            rows.name(entity, "Z", 1, { kind, key }),
            rows.name(entity, "z", 2, { kind, key }),
          ]),
        ),
      );
      await write({ addNodes: entities, addNames: names });
      const part = { generation: 1, module, limit: 5 };
      const found = await allPages<(typeof names)[0]>(5, (after) => store.scanNames({ ...part, after }));
      const text = ({ entity, kind, key, form }: (typeof names)[0]) => [entity, kind, key, form].join("/");
      expect(found.map(text)).toEqual(
        byId(entities).flatMap(({ id }) =>
          ["person", "place"].flatMap((kind) =>
            ["W", "a", "w", "ÿ"].flatMap((key) => [`${id}/${kind}/${key}/Z`, `${id}/${kind}/${key}/z`]),
          ),
        ),
      );
    });
  });
}
