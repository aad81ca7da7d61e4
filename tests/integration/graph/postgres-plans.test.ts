import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { TYPES } from "#services/graph/domain/vocabulary.ts";
import { readChanges } from "#services/graph/store/postgres/changes.ts";
import { readEvidence } from "#services/graph/store/postgres/evidence.ts";
import { findNodes } from "#services/graph/store/postgres/find-nodes.ts";
import { expand, neighbors } from "#services/graph/store/postgres/follow-edges.ts";
import { projectionReads } from "#services/graph/store/postgres/projection-reads.ts";
import { readEdges, readNames, readNodes } from "#services/graph/store/postgres/read-items.ts";
import { exportEdges, exportNodes } from "#services/graph/store/postgres/scan.ts";
import { searchNames } from "#services/graph/store/postgres/search-names.ts";
import { readMemoryCounts, readStats } from "#services/graph/store/postgres/stats.ts";
import { readTopics } from "#services/graph/store/postgres/topics.ts";
import { writeDelta } from "#services/graph/store/postgres/write-delta.ts";
import { loosen } from "#services/graph/store/postgres/write-edges.ts";
import { localScope } from "#shared/auth/scope.ts";
import { deltaOf, rowsOf } from "#tests/support/graph/rows.ts";
import { type Explained, explainedStatements, type PlanNode } from "./explained-statements.ts";
import { openTestGraph, type TestGraph } from "./open-test-graph.ts";

/** The node of 100,000 edges, and another one. */
const hub = "00000000-0000-8000-8000-000000000001";
const some = "00000000-0000-8000-8000-000000000002";

/** 100,000 memories that reference one of 1,000 entities, and the hub: 200,000 edges, in generation 1, which is live. */
const load = `
  insert into cos_graph.generation (number, state, purpose, extractor_version, began_ms) values (1, 'live', 'rebuild', 1, 0);
  insert into cos_graph.place (generation, module, position, epoch, at_ms) values (1, 'cc', 100000, 'a', 0);
  insert into cos_graph.node (generation, module, id, label, kind, key, name, origin, count, position, changed, revision, event_type,
      session, forgotten)
    select 1, 'cc', ('00000000-0000-8000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'Entity', 'person', 'e' || i, 'entity ' || i, 'derived',
      1, 0, i, 0, '', '', false from generate_series(1, 1001) i;
  insert into cos_graph.name (generation, module, entity, id, kind, key, form, count, words)
    select 1, module, id, id, 'person', key, name, 1, to_tsvector('simple', name) from cos_graph.node;
  insert into cos_graph.node (generation, module, id, label, kind, key, name, origin, count, position, changed, revision, event_type,
      session, occurred_ms, forgotten)
    select 1, 'cc', ('10000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'LogEntry', '', '', 'memory ' || i, 'derived', 0, i, i,
      0, 'diary.entry', 's' || (i / 10), i, false from generate_series(1, 100000) i;
  insert into cos_graph.words (generation, module, id, memory, words)
    select 1, module, id, true, to_tsvector('simple', name) from cos_graph.node where label = 'LogEntry';
  insert into cos_graph.edge (generation, module, id, type, lane, from_id, to_id, origin, count, position, changed, revision, loose,
      mention_kind, mention_key, mention_count, forms, passages)
    select 1, 'cc', ('2000000' || o || '-0000-8000-8000-' || lpad(to_hex(i), 12, '0'))::uuid, 'REFERENCES', 12,
      ('10000000-0000-7000-8000-' || lpad(to_hex(i), 12, '0'))::uuid,
      ('00000000-0000-8000-8000-' || lpad(to_hex(case o when 0 then 1 else 2 + i % 1000 end), 12, '0'))::uuid,
      'derived', 1, i, i, 0, false, 'person', 'e', 1, '{e}', '{0}'
    from generate_series(1, 100000) i cross join generate_series(0, 1) o`;

const all = localScope();
const following = { way: "both", types: TYPES, manual: true } as const;

let graph: TestGraph;
let explained: Explained;
beforeAll(async () => {
  graph = await openTestGraph();
  explained = await explainedStatements(graph.client);
  // Every statement is planned once, while the tables are empty, as those of a new store are.
  await sendAll(explained);
  await graph.client.query(load);
}, 120_000);
afterAll(() => graph.close());

async function sendAll({ postgres, step }: Explained): Promise<void> {
  await neighbors(postgres, all, { ...following, node: hub, limit: 50 });
  await expand(postgres, all, { ...following, way: "outgoing", manual: false, nodes: [hub, some], fanOut: 5 });
  await searchNames(postgres, all, { words: ["ent", "7"], labels: [], limit: 20 });
  await readChanges(postgres, all, { module: "cc", after: { changed: 99_990, what: "removed", id: "" }, limit: 10 });
  await readEvidence(postgres, all, { pairs: [{ module: "cc", from: hub, to: some }], limit: 3 });
  await readTopics(postgres, all, { module: "cc", sinceMs: 100, untilMs: 110, kinds: [], limit: 5 });
  await findNodes(postgres, all, { labels: ["Entity"], properties: {}, limit: 5 });
  await findNodes(postgres, all, { labels: [], name: "entity 7", properties: {}, limit: 5 });
  await findNodes(postgres, all, { labels: [], properties: { a: 1 }, limit: 5 });
  await readNodes(postgres, all, [hub]);
  await readEdges(postgres, all, [hub]);
  await readNames(postgres, all, hub, 20);
  await readStats(postgres, all, undefined);
  await readMemoryCounts(postgres, all, ["cc"]);
  await exportNodes(postgres, all, { module: "cc", after: "", limit: 10 });
  await exportEdges(postgres, all, { module: "cc", after: "", limit: 10 });
  const reads = projectionReads(step);
  await reads.readNodes([hub]);
  await reads.readEdges([hub]);
  await reads.readEdgesAt([some], ["REFERENCES"]);
  await reads.readReferencesOf([hub]);
  await reads.readReferencesTo(hub, { position: 500, id: "" }, 10);
  await reads.readFirstReferences([hub]);
  await reads.readSessionEnds(["s7"]);
  const rows = rowsOf("cc");
  const [memory, entity] = [rows.memory(1), rows.entity("x")];
  const name = rows.name(entity, "X");
  const minus = { count: -1 };
  await writeDelta(step, {
    ...deltaOf(9, {
      putNodes: [memory],
      addNodes: [entity, rows.entity("y", minus)],
      renameNodes: [{ id: entity.id, name: "X" }],
      putEdges: [rows.reference(memory, entity)],
      addEdges: [rows.related(memory, entity), rows.related(entity, memory, -1)],
      deleteNodes: [hub],
      deleteEdges: [hub],
      addNames: [name, { ...name, ...minus }],
    }),
  });
  // A step that is only explained removes nothing, so that nothing would have to be loosened.
  await step.query("graph_loosen_edges", loosen, [`{${some}}`]);
}

async function indexesOf(name: string): Promise<string[]> {
  const plan = await explained.planOf(name);
  const scans = plan.flatMap((node) => node["Index Name"] ?? []);
  return [...new Set(scans)].sort();
}

/** How many rows a plan has taken out of a table. */
async function rowsMet(name: string, index: string): Promise<number> {
  const plan = await explained.planOf(name);
  const rowsOfNode = (node: PlanNode) =>
    ((node["Actual Rows"] ?? 0) + (node["Rows Removed by Filter"] ?? 0)) * (node["Actual Loops"] ?? 0);
  const met = plan.filter((node) => node["Index Name"] === index).reduce((sum, node) => sum + rowsOfNode(node), 0);
  // Rows of a node are told as an average of its loops.
  return Math.round(met);
}

const place = "place_pkey";
const live = "generation_live";

const reads: readonly (readonly [string, readonly string[]])[] = [
  ["graph_neighbors_both_true", ["edge_from", "edge_manual_from", "edge_manual_to", "edge_to", live, "node_pkey"]],
  ["graph_expand_outgoing_false", ["edge_from", live, "node_pkey"]],
  ["graph_search", [live, "name_words", "node_pkey", "words_of_memories", "words_of_others", "words_pkey"]],
  ["graph_changes", ["edge_changed", "edge_pkey", live, "node_changed", "node_pkey", "place_pkey", "removed_changed"]],
  ["graph_evidence", ["edge_from", "edge_to", live, "node_pkey"]],
  ["graph_topics", ["edge_from", live, "node_occurred", "node_pkey"]],
  ["graph_find", [live, "node_count", place]],
  ["graph_find_by_name", [live, "node_name", place]],
  ["graph_find_by_properties", [live, "node_properties", place]],
  ["graph_nodes", [live, "node_pkey"]],
  ["graph_edges", ["edge_pkey", live, "node_pkey"]],
  ["graph_names", [live, "name_pkey"]],
  ["graph_stats", ["edge_loose", live, "node_pkey", "tally_pkey"]],
  ["graph_memory_counts", [live, "tally_pkey"]],
  ["graph_export_nodes", [live, "node_pkey"]],
  ["graph_export_edges", ["edge_pkey", live, "node_pkey"]],
  ["graph_read_nodes", ["node_pkey"]],
  ["graph_read_edges", ["edge_pkey"]],
  ["graph_read_edges_at", ["edge_from", "edge_to"]],
  ["graph_references_of", ["edge_from"]],
  ["graph_references_to", ["edge_to"]],
  ["graph_first_references", ["edge_to"]],
  ["graph_session_ends", ["node_session"]],
];

const writes: readonly (readonly [string, readonly string[]])[] = [
  ["graph_put_nodes", ["node_pkey"]],
  ["graph_add_nodes", ["node_pkey"]],
  ["graph_subtract_nodes", ["node_pkey", "words_pkey"]],
  ["graph_delete_nodes", ["node_pkey", "words_pkey"]],
  ["graph_rename_nodes", ["node_pkey", "words_pkey"]],
  ["graph_put_edges", ["edge_pkey"]],
  ["graph_add_edges", ["edge_pkey"]],
  ["graph_subtract_edges", ["edge_pkey"]],
  ["graph_delete_edges", ["edge_pkey"]],
  ["graph_loosen_edges", ["edge_from", "edge_to"]],
  ["graph_ends", ["node_pkey"]],
  ["graph_add_names", []],
  ["graph_subtract_names", ["name_pkey"]],
];

describe("plans that were made while the tables were empty, on 200,000 edges", () => {
  test.each([...reads, ...writes])(
    "%s meets the index that it means, and no table from end to end",
    async (name, indexes) => {
      expect(await indexesOf(name)).toEqual([...indexes].sort());
      const kinds = (await explained.planOf(name)).map((node) => node["Node Type"]);
      for (const kind of ["Seq Scan", "Hash Join", "Merge Join"]) expect(kinds).not.toContain(kind);
    },
  );

  describe("what they meet, of a node of 100,000 edges", () => {
    beforeAll(() => explained.analyze());

    test("a page of neighbors takes no more edges than the page holds, of each type", async () => {
      await neighbors(explained.postgres, all, { ...following, node: hub, limit: 50 });
      expect(await rowsMet("graph_neighbors_both_true", "edge_to")).toBe(50);
    });

    test("so does one from the middle", async () => {
      const after = { count: 1, position: 50_000, id: "20000000-0000-8000-8000-00000000c350" };
      await neighbors(explained.postgres, all, { ...following, node: hub, after, limit: 50 });
      expect(await rowsMet("graph_neighbors_both_true", "edge_to")).toBe(50);
    });

    test("references to it come by position from where the last page ended", async () => {
      await projectionReads(explained.step).readReferencesTo(hub, { position: 500, id: "" }, 10);
      expect(await rowsMet("graph_references_to", "edge_to")).toBeLessThan(50);
    });

    test("evidence begins at the end that fewer memories mention", async () => {
      await graph.client.query("update cos_graph.node set count = 100000 where id = $1", [hub]);
      await readEvidence(explained.postgres, all, { pairs: [{ module: "cc", from: hub, to: some }], limit: 3 });
      // It sorts those of one position, and takes 32 to begin with.
      expect(await rowsMet("graph_evidence", "edge_to")).toBeLessThan(50);
    });

    test("the latest changes are found without the earlier ones", async () => {
      expect(await rowsMet("graph_changes", "edge_changed")).toBeLessThan(100);
      expect(await rowsMet("graph_changes", "node_changed")).toBeLessThan(100);
    });

    test("a search that entities answer does not look at memories", async () => {
      await searchNames(explained.postgres, all, { words: ["ent"], labels: [], limit: 20 });
      expect(await rowsMet("graph_search", "words_pkey")).toBe(0);
      expect(await rowsMet("graph_search", "words_of_memories")).toBe(0);
    });

    test("a search for what many memories hold looks at the first of them, and not into the index of words", async () => {
      await searchNames(explained.postgres, all, { words: ["mem"], labels: [], limit: 20 });
      expect(await rowsMet("graph_search", "words_pkey")).toBeLessThan(100);
      expect(await rowsMet("graph_search", "words_of_memories")).toBe(0);
    });

    test("a search for what few memories hold finds them by the index of words", async () => {
      await searchNames(explained.postgres, all, { words: ["99999"], labels: [], limit: 20 }, { looksAt: 100 });
      expect(await rowsMet("graph_search", "words_pkey")).toBe(100);
      expect(await rowsMet("graph_search", "words_of_memories")).toBe(1);
    });
  });
});
