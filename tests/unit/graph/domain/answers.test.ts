// What rows become on their way to a caller: sizes of pages, lists of ids, stats, aliases, messages.
import { create, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { NodeSchema, Origin, RelationshipSchema } from "#gen/cos/graph/v1/graph_pb.ts";
import { Direction } from "#gen/cos/graph/v1/queries_pb.ts";
import { aliasesOf } from "#services/graph/domain/aliases-of.ts";
import { followedEdges, listedEdges, reversed } from "#services/graph/domain/edge-filter.ts";
import { openIdList } from "#services/graph/domain/id-list.ts";
import { idOf } from "#services/graph/domain/ids.ts";
import { edgeSize, nodeSize, partsWithin, takeWithin } from "#services/graph/domain/item-size.ts";
import { moduleStats } from "#services/graph/domain/module-stats.ts";
import { nodeOf } from "#services/graph/domain/node-of.ts";
import { evidenceOf, evidencePlaceOf, relationshipOf } from "#services/graph/domain/relationship-of.ts";
import { TYPES } from "#services/graph/domain/vocabulary.ts";
import { rowsOf } from "#tests/support/graph/rows.ts";

const rows = rowsOf("cc");

describe("pages", () => {
  test("parts hold all of the items in their order, and are not larger than asked unless one item is", () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 })), fc.integer({ min: 1, max: 30 }), (sizes, most) => {
        const parts = [...partsWithin(sizes, (size) => size, most)];
        expect(parts.flat()).toEqual(sizes);
        const sum = (part: number[]) => part.reduce((total, size) => total + size, 0);
        for (const part of parts) expect(part.length === 1 || sum(part) <= most).toBe(true);
        expect(takeWithin(sizes, (size) => size, most)).toEqual(parts[0] ?? []);
      }),
    );
  });

  test("what is said of a size is not less than it is", () => {
    const properties = {
      ...Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`p_${n}`, "é".repeat(900)])),
      n: 1,
      t: true,
    };
    const node = rows.hand("ü".repeat(200), { properties, session: "s" });
    expect(nodeSize(node)).toBeGreaterThanOrEqual(toBinary(NodeSchema, nodeOf(node)).length);
    const memory = rows.memory(1, { name: "x".repeat(200) });
    const [one, other] = [rows.entity("one"), rows.entity("other")];
    const edge = rows.edge("RELATES_TO", one, other, { properties });
    const evidence = Array.from({ length: 3 }, () => evidenceOf(memory));
    const sent = toBinary(RelationshipSchema, relationshipOf(edge, { evidence }));
    expect(edgeSize(edge, 3)).toBeGreaterThanOrEqual(sent.length);
    const reference = rows.reference(memory, one, { name: "ö".repeat(150) });
    expect(edgeSize(reference)).toBeGreaterThanOrEqual(toBinary(RelationshipSchema, relationshipOf(reference)).length);
  });
});

test("a list of ids has what was added to it, and nothing else", () => {
  const ids = Array.from({ length: 3000 }, (_, n) => idOf(String(n))).sort();
  const list = openIdList();
  expect(list.has(ids[0] as string)).toBe(false);
  for (const id of ids) list.add(id);
  expect(ids.every((id) => list.has(id))).toBe(true);
  expect(["a", "b", "c"].map((other) => list.has(idOf(other)))).toEqual([false, false, false]);
});

test("an alias tells what its name means in the end, by name", () => {
  const person = (key: string) => ({ kind: "person", key }) as const;
  const naming = {
    merges: { "person:b": person("c"), "person:c": person("d: e") },
    splits: { "place:a:b": person("c") },
    titles: {},
  };
  expect(aliasesOf(naming)).toEqual([
    { name: person("b"), entity: person("d: e") },
    { name: person("c"), entity: person("d: e") },
    { name: { kind: "place", key: "a:b" }, entity: person("d: e") },
  ]);
});

test("counts come by module, in the order of the vocabulary", () => {
  const row = (
    module: string,
    what: "node" | "edge",
    name: string,
    kind = "",
    origin: "derived" | "manual" = "derived",
  ) => ({
    module,
    what,
    name,
    kind,
    origin,
    count: 2,
  });
  const stats = moduleStats([
    row("b", "node", "Entity", "place"),
    row("b", "node", "Entity", "person", "manual"),
    row("b", "node", "Entity", "person"),
    row("b", "edge", "RELATES_TO"),
    row("b", "node", "Module"),
    row("b", "edge", "CONTAINS"),
    row("a", "node", "Session"),
  ]);
  expect(stats.map(({ module }) => module)).toEqual(["a", "b"]);
  expect(stats[1]?.nodes.map(({ label, kind, origin }) => [label, kind, origin])).toEqual([
    ["Module", "", Origin.DERIVED],
    ["Entity", "person", Origin.DERIVED],
    ["Entity", "person", Origin.MANUAL],
    ["Entity", "place", Origin.DERIVED],
  ]);
  expect(stats[1]?.relationships.map(({ type, count }) => [type, count])).toEqual([
    ["CONTAINS", 2n],
    ["RELATES_TO", 2n],
  ]);
});

describe("messages", () => {
  test("a memory of 1660 is told with its time, to the millisecond", () => {
    const node = nodeOf(rows.memory(1, { occurredMs: Date.UTC(1660, 0, 1) + 7 }));
    expect(node).toMatchObject({ label: "LogEntry", origin: Origin.DERIVED, position: 1n, forgotten: false });
    expect(node.occurredAt).toMatchObject({ seconds: BigInt(Date.UTC(1660, 0, 1) / 1000), nanos: 7_000_000 });
    expect(node.properties).toBeUndefined();
  });

  test("a forgotten memory has no time, and what was made by hand has its properties and revision", () => {
    expect(nodeOf(rows.memory(1, { forgotten: true, occurredMs: undefined })).occurredAt).toBeUndefined();
    const hand = nodeOf(rows.hand("x", { properties: { a: 1 }, revision: 9 }));
    expect(hand).toMatchObject({ origin: Origin.MANUAL, properties: { a: 1 }, revision: 9n });
    expect(create(NodeSchema, hand)).toEqual(hand);
  });

  test("a reference tells the forms in which it was written", () => {
    const reference = rows.reference(rows.memory(1), rows.entity("w. batten"), { name: "sir w. batten" });
    expect(relationshipOf(reference).properties).toEqual({ names: ["sir w. batten"] });
    expect(relationshipOf(rows.related(rows.entity("a"), rows.entity("b"), 3))).toMatchObject({ count: 3n, weight: 0 });
  });

  test("each type's evidence is found where its memories are", () => {
    const [memory, next, entity] = [rows.memory(1), rows.memory(2), rows.entity("a")];
    const derived = { origin: "derived", position: 2 } as const;
    const placeOf = (type: (typeof TYPES)[number]) => evidencePlaceOf(rows.edge(type, memory, next, derived));
    expect(placeOf("FLOWS_TO")).toEqual({ by: "ends", ids: [memory.id, next.id] });
    expect(placeOf("CONTAINS")).toEqual({ by: "ends", ids: [next.id] });
    for (const type of ["TRIGGERED_BY", "CREATED_BY", "REFERENCES"] as const)
      expect(placeOf(type)).toEqual({ by: "ends", ids: [memory.id] });
    expect(evidencePlaceOf(rows.related(entity, rows.entity("b")))).toEqual({ by: "pair" });
    expect(evidencePlaceOf(rows.edge("RELATES_TO", memory, entity, { position: 7 }))).toMatchObject({
      by: "act",
      evidence: { module: "cc", position: 7n, memoryId: "" },
    });
    expect(evidenceOf(rows.memory(3, { occurredMs: undefined })).occurredAt).toBeUndefined();
  });
});

describe("which relationships", () => {
  test("a list is of all types unless some are named, a walk of those that relate and of what was made by hand", () => {
    expect(listedEdges(Direction.UNSPECIFIED, [], false)).toEqual({ way: "both", types: TYPES, manual: false });
    expect(listedEdges(Direction.INCOMING, ["REFERENCES"], false)).toEqual({
      way: "incoming",
      types: ["REFERENCES"],
      manual: false,
    });
    expect(listedEdges(Direction.BOTH, [], true)).toEqual({ way: "both", types: [], manual: true });
    expect(followedEdges(Direction.OUTGOING, [])).toEqual({
      way: "outgoing",
      types: ["RELATES_TO", "DEPENDS_ON"],
      manual: true,
    });
    expect(followedEdges(Direction.BOTH, ["FLOWS_TO"])).toEqual({ way: "both", types: ["FLOWS_TO"], manual: false });
  });

  test("from the other end they lead the other way", () => {
    const ways = (["both", "outgoing", "incoming"] as const).map(
      (way) => reversed({ way, types: [], manual: true }).way,
    );
    expect(ways).toEqual(["both", "incoming", "outgoing"]);
  });
});
