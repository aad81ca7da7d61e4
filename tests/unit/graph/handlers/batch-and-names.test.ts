// Several changes together, and what names mean.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { beforeEach, describe, expect, test } from "@jest/globals";
import type { GraphChangeSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { NAMING_MAX } from "#services/graph/domain/decide-naming.ts";
import { sourceId } from "#services/graph/domain/entity-id.ts";
import { callIn, type Graph, memoryAt, openGraph, refusalOf } from "./open-graph.ts";

type Change = MessageInitShape<typeof GraphChangeSchema>["change"];

const uuid = (n: number) => `01930000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const node = (id: string, more: object = {}): Change => ({
  case: "nodeWritten",
  value: { id, label: "Entity", name: "n", ...more },
});
const relation = (id: string, fromId: string, toId: string, more: object = {}): Change => ({
  case: "relationshipWritten",
  value: { id, type: "RELATES_TO", fromId, toId, ...more },
});
const nodeGone = (id: string, revision = 0n): Change => ({
  case: "nodeDeleted",
  value: { id, revision, withRelationships: true },
});
const relationGone = (id: string, revision = 0n): Change => ({ case: "relationshipDeleted", value: { id, revision } });

let graph: Graph;
beforeEach(async () => {
  graph = await openGraph();
  await graph.say("cc", { source: "diary" });
});

const batch = (changes: readonly Change[], more: object = {}, call?: Parameters<Graph["batchChangeGraph"]>[1]) =>
  graph.batchChangeGraph({ changes: changes.map((change) => ({ change })), ...more } as never, call);

describe("changes that go together", () => {
  test("nodes and what relates them are made in one act, under ids of the mesh's", async () => {
    const [one, other] = [uuid(1), uuid(2)];
    const made = await batch([
      node(one, { name: "one" }),
      node(other, { name: "other" }),
      relation(uuid(3), one.toUpperCase(), other),
    ]);
    expect(made.nodes.map(({ name, revision }) => [name, revision])).toEqual([
      ["one", 2n],
      ["other", 2n],
    ]);
    expect(made.relationships).toMatchObject([
      { fromId: made.nodes[0]?.id, toId: made.nodes[1]?.id, evidence: [{ position: 2n }] },
    ]);
    expect(made.cursor?.position).toBe(2n);
    expect(graph.acts).toHaveLength(1);
    expect(made.nodes[0]?.id).not.toBe(one);
  });

  test("B1: what somebody calls a node never meets what another module has", async () => {
    const there = await batch([node(uuid(1), { name: "theirs" })], { module: "there" });
    const mine = await batch([node(uuid(1), { name: "mine" })], { module: "here" }, callIn(["here"]));
    const taken = await batch(
      [node(there.nodes[0]?.id ?? "", { name: "taken" })],
      { module: "here" },
      callIn(["here"]),
    );
    expect(new Set([there, mine, taken].map(({ nodes }) => nodes[0]?.id)).size).toBe(3);
    expect((await graph.getNode({ id: there.nodes[0]?.id ?? "" })).node).toMatchObject({
      name: "theirs",
      module: "there",
    });
  });

  test("B2: what an earlier change makes or takes away counts for the later ones", async () => {
    const made = await batch([node(uuid(1)), node(uuid(2)), relation(uuid(3), uuid(1), uuid(2)), nodeGone(uuid(2))]);
    expect(made.nodes).toHaveLength(1);
    expect(made.relationships).toEqual([]);
    const late = batch([node(uuid(4)), nodeGone(uuid(4)), relation(uuid(5), uuid(4), made.nodes[0]?.id ?? "")]);
    expect(await refusalOf(late)).toBe("NODE_NOT_FOUND changes[2].relationship_written.from_id");
    expect(await refusalOf(batch([relation(uuid(6), made.nodes[0]?.id ?? "", uuid(9))]))).toBe(
      "NODE_NOT_FOUND changes[0].relationship_written.to_id",
    );
  });

  test("what is there is replaced and deleted by its revision", async () => {
    const made = await batch([node(uuid(1)), node(uuid(2)), relation(uuid(3), uuid(1), uuid(2))]);
    const [one, other] = made.nodes.map(({ id }) => id) as [string, string];
    const edge = made.relationships[0]?.id ?? "";
    const changed = await batch([
      node(one, { revision: 2n, name: "new" }),
      relation(edge, one, other, { revision: 2n, type: "DEPENDS_ON" }),
    ]);
    expect(changed).toMatchObject({
      nodes: [{ id: one, name: "new" }],
      relationships: [{ id: edge, type: "DEPENDS_ON" }],
    });
    await batch([relationGone(edge, 3n), nodeGone(other), nodeGone(one, 3n)]);
    expect((await graph.findNodes({ labels: ["Entity"] })).nodes).toEqual([]);
  });

  test.each([
    ["node_written.revision", "REVISION_STALE", (id: string) => node(id, { revision: 1n })],
    ["node_deleted.revision", "REVISION_STALE", (id: string) => nodeGone(id, 1n)],
    ["node_written.id", "NODE_NOT_FOUND", () => node(uuid(9), { revision: 1n })],
    ["node_deleted.id", "NODE_NOT_FOUND", () => nodeGone(uuid(9))],
    ["relationship_deleted.id", "RELATIONSHIP_NOT_FOUND", () => relationGone(uuid(9))],
    ["node_written.id", "ITEM_DERIVED", () => node(sourceId("cc", "diary"), { revision: 1n })],
    ["relationship_written.to_id", "INVALID_FIELD", (id: string) => relation(uuid(9), id, id.toUpperCase())],
    ["node_written.properties.x", "INVALID_FIELD", () => node(uuid(9), { properties: { x: null } })],
    ["node_written.name", "INVALID_FIELD", () => node(uuid(9), { name: "" })],
  ] as const)("a change that is not good refuses all of them, by its place: %s %s", async (field, reason, of) => {
    const { node: made } = await graph.createNode({ node: { name: "there" } });
    const refused = await refusalOf(batch([node(uuid(1)), of(made?.id ?? "")]));
    expect(refused).toBe(`${reason} changes[1].${field}`);
    expect((await graph.findNodes({ labels: ["Entity"] })).nodes).toHaveLength(1);
  });

  test("B4: what is in another module is not there", async () => {
    const { node: there } = await graph.createNode({ node: { name: "there", module: "there" } });
    const refused = batch([nodeGone(there?.id ?? "")]);
    expect(await refusalOf(refused)).toBe("NODE_NOT_FOUND changes[0].node_deleted.id");
  });

  test("B3: a batch that is repeated with its key answers the same", async () => {
    const { node: made } = await graph.createNode({ node: { name: "there" } });
    const asked = [node(uuid(1)), node(made?.id ?? "", { revision: 2n, name: "new" })];
    const first = await batch(asked, { idempotencyKey: "k" });
    expect(await batch(asked, { idempotencyKey: "k" })).toEqual(first);
    expect(await refusalOf(batch(asked))).toBe("REVISION_STALE changes[0].node_written.revision");
    const gone = [nodeGone(made?.id ?? "", 3n)];
    const deleted = await batch(gone, { idempotencyKey: "g" });
    expect(await batch(gone, { idempotencyKey: "g" })).toEqual(deleted);
  });

  test("B3: a batch that is repeated with its key is answered with its act when an end of it is gone by now", async () => {
    const { node: made } = await graph.createNode({ node: { name: "there" } });
    const id = made?.id ?? "";
    const asked = [node(uuid(1)), relation(uuid(2), uuid(1), id)];
    const { cursor } = await batch(asked, { idempotencyKey: "k" });
    await graph.deleteNode({ id, force: true });
    const again = await batch(asked, { idempotencyKey: "k" });
    expect(again).toMatchObject({ cursor, nodes: [{ name: "n" }], relationships: [] });
  });

  test("B3: what is wrong with a batch that has a new key is told, and nothing is recorded", async () => {
    const { node: made } = await graph.createNode({ node: { name: "there" } });
    const before = graph.appended;
    const wrong = {
      "NODE_NOT_FOUND changes[0].relationship_written.to_id": relation(uuid(1), made?.id ?? "", uuid(9)),
      "NODE_NOT_FOUND changes[0].node_deleted.id": nodeGone(uuid(9)),
      "REVISION_STALE changes[0].node_written.revision": node(made?.id ?? "", { revision: 1n }),
    };
    for (const [refusal, change] of Object.entries(wrong)) {
      expect(await refusalOf(batch([change], { idempotencyKey: "new" }))).toBe(refusal);
    }
    expect(graph.appended).toBe(before);
  });

  test("together they are 64 KiB at most", async () => {
    const large = Array.from({ length: 40 }, (_, n) =>
      node(uuid(n), { properties: { a: "x".repeat(1000), b: "x".repeat(1000) } }),
    );
    expect(await refusalOf(batch(large))).toBe("INVALID_FIELD changes");
  });

  test("a change that nobody knows is passed over", async () => {
    await expect(batch([{ case: undefined }, node(uuid(1))])).resolves.toMatchObject({ nodes: [{ name: "n" }] });
  });
});

const person = (name: string) => ({ kind: "person", name });

describe("what names mean", () => {
  beforeEach(async () => {
    await graph.say("cc", { names: [["person", "Elizabeth Pepys"]] });
    await graph.say("cc", {
      names: [
        ["person", "my wife"],
        ["person", "Besse"],
      ],
    });
  });

  test("merged entities are one, called as they were merged, in the past and from now on", async () => {
    const { node: merged, cursor } = await graph.mergeEntities({
      entities: [person("my wife"), person("Besse")],
      into: person("Elizabeth Pepys"),
    });
    expect(merged).toMatchObject({ name: "Elizabeth Pepys", memoryCount: 2n });
    expect(cursor?.position).toBe(4n);
    await graph.say("cc", { names: [["person", "Besse"]] });
    expect((await graph.getNode({ name: "my wife" })).node).toMatchObject({ id: merged?.id, memoryCount: 3n });
    const { aliases } = await graph.listAliases({});
    expect(aliases.map(({ name, entity }) => [name?.name, entity?.kind, entity?.name])).toEqual([
      ["besse", "person", "elizabeth pepys"],
      [expect.any(String), "person", "elizabeth pepys"],
    ]);
  });

  test("they may become somebody whom no memory has named", async () => {
    const { node: merged } = await graph.mergeEntities({
      entities: [person("Besse")],
      into: person("Elizabeth de St. Michel"),
    });
    expect(merged).toMatchObject({ name: "Elizabeth de St. Michel", memoryCount: 1n });
  });

  test("what is not there, is no name, or is that entity already is refused by its place", async () => {
    const merge = (names: string[], into = "Elizabeth Pepys") =>
      refusalOf(graph.mergeEntities({ entities: names.map(person), into: person(into) }));
    expect(await merge(["Besse", "my wife", "Mr. Nobody"])).toBe("NODE_NOT_FOUND entities[2]");
    expect(await merge(["Besse", "[]"])).toBe("INVALID_FIELD entities[1].name");
    expect(await merge(["elizabeth pepys"])).toBe("INVALID_FIELD entities[0]");
    expect(await merge(["Besse"], "@")).toBe("INVALID_FIELD into.name");
    expect(await refusalOf(graph.mergeEntities({ entities: [person("Besse")] }))).toBe("INVALID_FIELD into.name");
    expect(graph.acts).toEqual([]);
  });

  test("a split undoes a merge, and both are told", async () => {
    await graph.mergeEntities({ entities: [person("Besse")], into: person("Elizabeth Pepys") });
    const { entity, split } = await graph.splitEntity({ entity: person("Elizabeth Pepys"), name: person("Besse") });
    expect(entity).toMatchObject({ name: "Elizabeth Pepys", memoryCount: 1n });
    expect(split).toMatchObject({ name: "Besse", memoryCount: 1n });
    expect((await graph.listAliases({})).aliases).toEqual([]);
  });

  test("what another module says of a merged entity is hidden, and shown again when a split brings the entity back", async () => {
    const besse = (await graph.getNode({ name: "Besse" })).node?.id ?? "";
    const { node: there } = await graph.createNode({ node: { name: "there", module: "there" } });
    const ends = { fromId: there?.id ?? "", toId: besse };
    const { relationship } = await graph.createRelationship({ relationship: { module: "there", ...ends } });
    const id = relationship?.id ?? "";
    await graph.mergeEntities({ entities: [person("Besse")], into: person("Elizabeth Pepys") });
    expect(await refusalOf(graph.getRelationship({ id }))).toBe("RELATIONSHIP_NOT_FOUND id");
    await graph.splitEntity({ entity: person("Elizabeth Pepys"), name: person("Besse") });
    expect((await graph.getRelationship({ id })).relationship).toMatchObject(ends);
  });

  test("of an entity whose only name leaves it nothing is left; of a name that no memory uses nothing is there", async () => {
    await graph.mergeEntities({ entities: [person("Besse")], into: person("Nobody Else") });
    const { entity, split } = await graph.splitEntity({ entity: person("Nobody Else"), name: person("Besse") });
    expect(entity).toBeUndefined();
    expect(split?.name).toBe("Besse");
    await graph.say("cc", { names: [["person", "Sir William Batten"]] });
    const unused = await graph.splitEntity({ entity: person("Sir William Batten"), name: person("Sir W. Batten") });
    expect(unused.entity?.name).toBe("Sir William Batten");
    expect(unused.split).toBeUndefined();
    expect((await graph.listAliases({})).aliases).toHaveLength(1);
  });

  test("an entity that is not there, and a name that is not its own, are refused by their fields", async () => {
    const split = (entity: string, name: string) =>
      refusalOf(graph.splitEntity({ entity: person(entity), name: person(name) }));
    expect(await split("Mr. Nobody", "Besse")).toBe("NODE_NOT_FOUND entity");
    expect(await split("Elizabeth Pepys", "Besse")).toBe("NODE_NOT_FOUND name");
    expect(await split("Elizabeth Pepys", "")).toBe("INVALID_FIELD name.name");
    expect(await refusalOf(graph.splitEntity({}))).toBe("INVALID_FIELD entity.name");
    expect(graph.acts).toEqual([]);
  });

  test("a module's table of aliases takes ten thousand rows and no more", async () => {
    const merges = Object.fromEntries(
      Array.from({ length: NAMING_MAX }, (_, n) => [`person:x${n}`, { kind: "person", key: "y" } as const]),
    );
    await graph.store.project({ generation: 1, module: "cc", after: 3 }, async (transaction) => {
      await transaction.writeNaming({ merges, splits: {}, titles: {} });
      return { module: "cc", position: 3, epoch: "1-a", atMs: 3 };
    });
    const merge = graph.mergeEntities({ entities: [person("Besse")], into: person("Elizabeth Pepys") });
    expect(await refusalOf(merge)).toBe("QUOTA_EXCEEDED");
    await graph.say("cc", {
      names: [
        ["person", "Sir William Batten"],
        ["person", "Sir W. Batten"],
      ],
    });
    const split = graph.splitEntity({ entity: person("Sir William Batten"), name: person("Sir W. Batten") });
    expect(await refusalOf(split)).toBe("QUOTA_EXCEEDED");
    const names: (string | undefined)[] = [];
    for (let pageToken = ""; ; ) {
      const page = await graph.listAliases({ pageSize: 1_000, pageToken });
      expect(page.aliases).toHaveLength(1_000);
      names.push(...page.aliases.map(({ name }) => name?.name));
      pageToken = page.nextPageToken;
      if (pageToken === "") break;
    }
    expect([names.length, new Set(names).size]).toEqual([NAMING_MAX, NAMING_MAX]);
    expect((await graph.listAliases({})).aliases).toHaveLength(50);
    expect(await refusalOf(graph.listAliases({ pageToken: "mine" }))).toMatch(/^PAGE_TOKEN_INVALID/);
  });

  test("aliases of a module that is not there are none of it", async () => {
    await expect(graph.listAliases({ module: "nowhere" })).rejects.toThrow('there is no module "nowhere"');
    await expect(graph.listAliases({ module: "cc" }, callIn(["there"]))).rejects.toThrow('there is no module "cc"');
    expect((await graph.getNode({ id: memoryAt("cc", 1) })).node?.label).toBe("LogEntry");
  });
});
