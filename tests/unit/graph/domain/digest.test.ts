import { beforeEach, describe, expect, test } from "@jest/globals";
import { differencesOf, digestOf } from "#services/graph/domain/digest.ts";
import type { NodeRow } from "#services/graph/domain/graph-rows.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import type { Naming } from "#services/graph/domain/naming.ts";
import { caseIn, type GraphCase } from "#tests/support/graph/contract-case.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import type { DeltaParts, Rows } from "#tests/support/graph/rows.ts";

const MODULE = "cc";

describe("the digest of a module", () => {
  let store: GraphStore;
  let left: GraphCase;
  let right: GraphCase;
  let rows: Rows;
  beforeEach(async () => {
    store = openMemoryGraph();
    const build = { extractorVersion: 1, nowMs: 1 };
    await store.begin({ ...build, purpose: "rebuild" });
    await store.begin({ ...build, purpose: "verify" });
    [left, right] = [caseIn(store, MODULE, 1), caseIn(store, MODULE, 2)];
    ({ rows } = left);
  });
  const digests = async () => [await digestOf(store, 1, MODULE), await digestOf(store, 2, MODULE)] as const;
  const differences = (max = 10) => differencesOf(store, MODULE, 1, 2, max);

  /** Writes both, and finds them different in digest and in these lines; then the other way round. */
  const expectDifferent = async (one: DeltaParts, other: DeltaParts, lines: readonly string[]) => {
    await left.write(one);
    await right.write(other);
    const [here, there] = await digests();
    expect(here.digest).not.toBe(there.digest);
    expect(await differences()).toEqual(lines);
    expect(await differencesOf(store, MODULE, 2, 1, 10)).toHaveLength(lines.length);
  };

  test("counts what it has seen, and is 64 hexadecimal digits", async () => {
    const [batten, penn] = [rows.entity("batten"), rows.entity("penn")];
    await left.write({ addNodes: [batten, penn], addEdges: [rows.related(batten, penn)], putNodes: [rows.memory(1)] });
    const { digest, nodes, edges } = await digestOf(store, 1, MODULE);
    expect(digest).toMatch(/^[0-9a-f]{64}$/);
    expect({ nodes, edges }).toEqual({ nodes: 3, edges: 1 });
  });

  test("is the same for two that hold nothing, and one of them is not there", async () => {
    expect(await digestOf(store, 1, MODULE)).toEqual(await digestOf(store, 77, MODULE));
    expect(await differences()).toEqual([]);
  });

  test("is the same whatever the history, the order of fields, and the position of the last change", async () => {
    const batten = rows.entity("batten", { count: 3 });
    const ship = rows.hand("ship", { properties: { guns: 100, flag: true } });
    const edge = rows.reference(rows.memory(1), batten);
    const naming: Naming = { merges: {}, splits: {}, titles: { "person:a": "A", "person:b": "B" } };
    await left.write({ putNodes: [ship], addNodes: [batten], putEdges: [edge], addNames: [rows.name(batten, "B", 2)] });
    await left.step((transaction) => transaction.writeNaming(naming));

    await right.write({
      addNodes: [{ ...batten, count: 1 }],
      addNames: [rows.name(batten, "B")],
      putNodes: [rows.memory(7)],
    });
    await right.write({
      addNodes: [{ ...batten, count: 2 }],
      addNames: [rows.name(batten, "B")],
      deleteNodes: [rows.memory(7).id],
    });
    await right.write({ putNodes: [{ ...ship, properties: { flag: true, guns: 100 } }], putEdges: [edge] });
    await right.step((transaction) =>
      transaction.writeNaming({ titles: { "person:b": "B", "person:a": "A" }, splits: {}, merges: {} }),
    );
    const [here, there] = await digests();
    expect(there).toEqual(here);
    expect(await differences()).toEqual([]);
  });

  test("is another one for each field of a node; of counts the numbers are told, of the rest the name", async () => {
    const node = rows.memory(1, { session: "s" });
    const changes: [Partial<NodeRow>, string][] = [
      [{ label: "Prompt" }, "label differs"],
      [{ kind: "x" }, "kind differs"],
      [{ key: "x" }, "key differs"],
      [{ name: "secret" }, "name differs"],
      [{ origin: "manual" }, "origin differs"],
      [{ count: 7 }, "count (0 and 7) differs"],
      [{ position: 3 }, "position (1 and 3) differs"],
      [{ eventType: "x" }, "eventType differs"],
      [{ session: "" }, "session differs"],
      [{ occurredMs: undefined }, "occurredMs differs"],
      [{ forgotten: true }, "forgotten differs"],
      [{ properties: { a: 1 } }, "properties differs"],
      [{ revision: 9 }, "revision (0 and 9) differs"],
    ];
    for (const [change, line] of changes) {
      await left.write({ putNodes: [node] });
      await right.write({ putNodes: [{ ...node, ...change }] });
      const [here, there] = await digests();
      expect(here.digest).not.toBe(there.digest);
      expect(await differences()).toEqual([`node ${node.id}: ${line}`]);
    }
  });

  test("is another one for each part of an edge's mention, and for properties of another type", async () => {
    const [memory, batten] = [rows.memory(1), rows.entity("batten")];
    const edge = rows.reference(memory, batten);
    const mention = { kind: "person", key: "batten", forms: ["batten"], count: 1, passages: [0] } as const;
    const others = [
      { ...edge, mention: { ...mention, passages: [0, 1] } },
      { ...edge, mention: { ...mention, forms: [] } },
      { ...edge, mention: undefined },
    ];
    for (const other of others) {
      await left.write({ putEdges: [edge] });
      await right.write({ putEdges: [other] });
      const [here, there] = await digests();
      expect(here.digest).not.toBe(there.digest);
      expect(await differences()).toEqual([`edge ${edge.id}: mention differs`]);
    }
    await left.write({ putEdges: [{ ...edge, properties: { v: 1 } }] });
    await right.write({ putEdges: [{ ...edge, properties: { v: "1" }, to: memory.id }] });
    expect(await differences()).toEqual([`edge ${edge.id}: to, properties differ`]);
  });

  test("tells what is only here and only there, in the order of ids", async () => {
    const entities = Array.from({ length: 6 }, (_, n) => rows.entity(`e${n}`));
    entities.sort((one, other) => (one.id < other.id ? -1 : 1));
    await expectDifferent(
      { addNodes: entities.filter((_, n) => n % 3 !== 0) },
      { addNodes: entities.filter((_, n) => n % 3 !== 1) },
      entities.flatMap(({ id }, n) => {
        if (n % 3 === 0) return [`node ${id}: only in generation 2`];
        return n % 3 === 1 ? [`node ${id}: only in generation 1`] : [];
      }),
    );
  });

  test("tells edges, and names without saying them", async () => {
    const [batten, penn] = [rows.entity("batten"), rows.entity("penn")];
    const edge = rows.related(batten, penn, 4);
    await expectDifferent(
      { addEdges: [edge], addNames: [rows.name(batten, "\u{ff5e}"), rows.name(batten, "a", 2)] },
      { addEdges: [{ ...edge, count: 5 }], addNames: [rows.name(batten, "\u{1f600}"), rows.name(batten, "a", 3)] },
      [
        `edge ${edge.id}: count (4 and 5) differs`,
        `a name of ${batten.id}: count (2 and 3) differs`,
        `a name of ${batten.id}: only in generation 1`,
        `a name of ${batten.id}: only in generation 2`,
      ],
    );
  });

  test("tells that the naming differs, by how many rows it has", async () => {
    const key = { kind: "person", key: "b" } as const;
    const merges = { "person:a": key };
    await left.step((transaction) => transaction.writeNaming({ merges, splits: merges, titles: {} }));
    await right.step((transaction) => transaction.writeNaming({ merges, splits: {}, titles: { "person:b": "B" } }));
    const [here, there] = await digests();
    expect(here.digest).not.toBe(there.digest);
    expect(await differences()).toEqual([
      "naming: splits differ (1 in generation 1, 0 in 2)",
      "naming: titles differ (0 in generation 1, 1 in 2)",
    ]);
  });

  test("tells no more than it is asked for, and nothing of other modules", async () => {
    await left.write({ addNodes: Array.from({ length: 20 }, (_, n) => rows.entity(`e${n}`)) });
    expect(await differences(3)).toHaveLength(3);
    expect(await differences(0)).toEqual([]);
    expect(await differences(100)).toHaveLength(20);
    await left.write({ addNodes: [left.otherRows.entity("x")] }, left.other);
    expect(await differences(100)).toHaveLength(20);
  });

  test("of a large module is read in parts of 1,000, and each row counts", async () => {
    const many = Array.from({ length: 2_300 }, (_, n) => rows.entity(`e${n}`));
    const hub = rows.entity("hub");
    const parts = { addNodes: [hub, ...many], addEdges: many.map((entity) => rows.related(hub, entity)) };
    const addNames = many.map((entity) => rows.name(entity, entity.name));
    const seen: number[] = [];
    const scanNodes = store.scanNodes.bind(store);
    const watched: GraphStore = {
      ...store,
      scanNodes: async (part) => {
        seen.push(part.limit);
        return scanNodes(part);
      },
    };
    await left.write({ ...parts, addNames });
    await right.write({ ...parts, addNames: addNames.slice(0, -1) });
    const [here, there] = [await digestOf(watched, 1, MODULE), await digestOf(store, 2, MODULE)];
    expect(seen).toEqual([1_000, 1_000, 1_000]);
    expect(here).toMatchObject({ nodes: 2_301, edges: 2_300 });
    expect(there).toMatchObject({ nodes: 2_301, edges: 2_300 });
    expect(here.digest).not.toBe(there.digest);
    expect(await differences()).toHaveLength(1);
  });

  test("a thousand rows to the row are read to their end", async () => {
    const thousand = Array.from({ length: 1_000 }, (_, n) => rows.entity(`e${n}`));
    await left.write({ addNodes: thousand });
    expect(await digestOf(store, 1, MODULE)).toMatchObject({ nodes: 1_000, edges: 0 });
  });
});
