import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { EntityNameSchema, type GraphChange, GraphChangeSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { entityId, moduleId, sessionId, sourceId } from "#services/graph/domain/entity-id.ts";
import { entityKeyOf, mentionKeyOf } from "#services/graph/domain/extract/name-key.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { idOf } from "#services/graph/domain/ids.ts";
import type { EntityKind, Mention } from "#services/graph/domain/mention.ts";
import type { LogEvent } from "#services/graph/projection/log-event.ts";
import { bareMemory } from "#services/graph/projection/read-memory.ts";
import { localScope } from "#shared/auth/scope.ts";
import { memoryId } from "./arbitrary-log.ts";
import { emptyGraph, holdings, MODULE, project } from "./project-log.ts";

const scope = localScope();
const name = (kind: EntityKind, text: string) => create(EntityNameSchema, { kind, name: text });
const person = (text: string) => name("person", text);

const mention = (kind: EntityKind, form: string, passages: readonly number[] = [0]): Mention => ({
  kind,
  key: mentionKeyOf(kind, form),
  forms: [form],
  count: 1,
  passages,
});

/** The id of the entity of a name, as long as nobody has decided anything about it. */
const entityOf = (kind: EntityKind, text: string): string =>
  entityId(MODULE, { kind, key: entityKeyOf(kind, mentionKeyOf(kind, text)) });

interface Saying {
  readonly session?: string;
  readonly source?: string;
  readonly cause?: string;
  readonly mentions?: readonly Mention[];
}

/** Puts positions to what happens, one after the other. */
function logOf(...happenings: readonly (Saying | object)[]): LogEvent[] {
  return happenings.map((happening, n) => {
    const at = { position: n + 1, memoryId: memoryId(n + 1) };
    if ("kind" in happening) return { ...at, ...happening } as LogEvent;
    const { session = "", source = "Pepys", cause = "", mentions = [] } = happening as Saying;
    const memory = { label: "LogEntry", name: `text ${n + 1}`, eventType: "note", source, session, cause } as const;
    return { ...at, kind: "remembered", memory: { ...memory, occurredMs: n, forgotten: false }, mentions };
  });
}

async function graphOf(...happenings: readonly (Saying | object)[]): Promise<GraphStore> {
  const store = await emptyGraph();
  await project(store, logOf(...happenings));
  return store;
}

async function edgesOf(store: GraphStore): Promise<string[]> {
  const edges = await store.scanEdges({ generation: 1, module: MODULE, after: "", limit: 1000 });
  return edges.map(({ type, from, to, count }) => `${type} ${from} ${to} ${count}`).sort();
}

/** The store, with the rows of each of its writes counted. */
function writesOf(store: GraphStore, sizes: number[]): GraphStore {
  const project: GraphStore["project"] = (step, work) =>
    store.project(step, (transaction) =>
      work({
        ...transaction,
        write: (delta) => {
          sizes.push(Object.values(delta).reduce((sum, rows) => sum + (Array.isArray(rows) ? rows.length : 0), 0));
          return transaction.write(delta);
        },
      }),
    );
  return { ...store, project };
}

const nodeOf = async (store: GraphStore, id: string) => (await store.nodes(scope, [id]))[0];
const refusalAt = async (store: GraphStore, position: number) => (await store.faultAt(scope, MODULE, position))?.error;

describe("a memory", () => {
  test("stands in its module or session, comes from its source, follows the one before and names whom it led from", async () => {
    const store = await graphOf({ session: "s" }, {}, { session: "s", cause: memoryId(1) });
    const [session, source] = [sessionId(MODULE, "s"), sourceId(MODULE, "Pepys")];
    expect(await edgesOf(store)).toEqual(
      [
        `CONTAINS ${moduleId(MODULE)} ${session} 2`,
        `CONTAINS ${moduleId(MODULE)} ${memoryId(2)} 1`,
        `CONTAINS ${session} ${memoryId(1)} 1`,
        `CONTAINS ${session} ${memoryId(3)} 1`,
        ...[1, 2, 3].map((position) => `CREATED_BY ${memoryId(position)} ${source} 1`),
        `FLOWS_TO ${memoryId(1)} ${memoryId(3)} 1`,
        `TRIGGERED_BY ${memoryId(3)} ${memoryId(1)} 1`,
      ].sort(),
    );
    expect(await nodeOf(store, moduleId(MODULE))).toMatchObject({ label: "Module", name: "cc", count: 3 });
    expect(await nodeOf(store, source)).toMatchObject({ label: "Source", name: "Pepys", count: 3 });
  });

  test("names entities, which are called as their first memory writes them, and counted once for each memory", async () => {
    const both = [mention("person", "Sir W. Batten"), mention("person", "W. Batten"), mention("place", "Deptford")];
    const store = await graphOf({ mentions: [mention("person", "Sir William Batten")] }, { mentions: both });
    const batten = entityOf("person", "W. Batten");
    expect(await nodeOf(store, batten)).toMatchObject({
      label: "Entity",
      kind: "person",
      name: "Sir William Batten",
      count: 2,
    });
    const related = (await edgesOf(store)).filter((edge) => edge.startsWith("RELATES_TO"));
    expect(related).toEqual([`RELATES_TO ${[batten, entityOf("place", "Deptford")].sort().join(" ")} 1`]);
  });
});

describe("a forgetting", () => {
  test("takes away what the memory added, and leaves its bare place; the session closes over it", async () => {
    const mentions = [mention("person", "W. Batten"), mention("place", "Deptford")];
    const store = await graphOf(
      { session: "s" },
      { session: "s", source: "editor", cause: memoryId(1), mentions },
      { session: "s" },
      { kind: "forgotten", ids: [memoryId(2), memoryId(2), idOf("nobody")] },
    );
    expect(await nodeOf(store, memoryId(2))).toMatchObject({ name: "", session: "", forgotten: true, position: 2 });
    expect((await nodeOf(store, memoryId(2)))?.occurredMs).toBeUndefined();
    for (const id of [entityOf("person", "W. Batten"), sourceId(MODULE, "editor")])
      expect(await nodeOf(store, id)).toBeUndefined();
    const edges = await edgesOf(store);
    expect(edges).toContain(`FLOWS_TO ${memoryId(1)} ${memoryId(3)} 1`);
    expect(edges.filter((edge) => edge.includes(memoryId(2)))).toEqual([]);
  });

  test("gives an entity the name by which the next memory calls it", async () => {
    const store = await graphOf(
      { mentions: [mention("person", "Sir W. Batten")] },
      { mentions: [mention("person", "Sir William Batten")] },
      { kind: "forgotten", ids: [memoryId(1)] },
    );
    expect(await nodeOf(store, entityOf("person", "W. Batten"))).toMatchObject({
      name: "Sir William Batten",
      count: 1,
    });
  });

  test("of all of a session leaves nothing of it", async () => {
    const store = await graphOf(
      { session: "s" },
      { session: "s" },
      { kind: "forgotten", ids: [memoryId(1), memoryId(2)] },
    );
    expect(await nodeOf(store, sessionId(MODULE, "s"))).toBeUndefined();
    expect(await edgesOf(store)).toEqual([]);
  });

  test("of many memories that say much is written in parts, and is the graph of a log that never heard them", async () => {
    const many = Array.from({ length: 256 }, (_, n) => mention("person", `Sir W. N${n}`, [n % 10]));
    const saying = { session: "s", mentions: many };
    const ids = Array.from({ length: 15 }, (_, n) => memoryId(n + 2));
    const bare = { kind: "remembered", memory: bareMemory("note"), mentions: [] };
    const store = await emptyGraph();
    const sizes: number[] = [];
    const happenings = [saying, ...ids.map(() => saying), saying, { kind: "forgotten", ids }];
    await project(writesOf(store, sizes), logOf(...happenings));
    const replay = await graphOf(saying, ...ids.map(() => bare), saying, { kind: "passed" });
    expect(await holdings(store)).toEqual(await holdings(replay));
    // What is remembered, and three parts of what is forgotten: each memory weighs about 3,000.
    expect(sizes).toHaveLength(1 + 3);
  });

  test("of what is forgotten already, or no memory, changes nothing", async () => {
    const forgets = { kind: "forgotten", ids: [memoryId(1), memoryId(3)] };
    const store = await graphOf({}, forgets, forgets);
    expect(await edgesOf(store)).toEqual([]);
    expect(await nodeOf(store, memoryId(1))).toMatchObject({ forgotten: true });
  });
});

describe("a merge", () => {
  const wife = mention("person", "Mrs. Pepys");
  const elizabeth = entityOf("person", "Elizabeth Pepys");

  test("moves the memories of before and those to come, and counts what both named once", async () => {
    const store = await graphOf(
      { mentions: [wife, mention("person", "Elizabeth Pepys"), mention("place", "Deptford")] },
      { mentions: [wife] },
      { kind: "merged", entities: [person("Mrs. Pepys")], into: person("Elizabeth Pepys") },
      { mentions: [wife, mention("place", "Deptford")] },
    );
    expect(await nodeOf(store, entityOf("person", "Mrs. Pepys"))).toBeUndefined();
    expect(await nodeOf(store, elizabeth)).toMatchObject({ name: "Elizabeth Pepys", count: 3 });
    const related = (await edgesOf(store)).filter((edge) => edge.startsWith("RELATES_TO"));
    expect(related).toEqual([`RELATES_TO ${[elizabeth, entityOf("place", "Deptford")].sort().join(" ")} 2`]);
    expect((await store.names(scope, elizabeth, 10)).map(({ form, count }) => `${form} ${count}`)).toEqual([
      "Mrs. Pepys 3",
      "Elizabeth Pepys 1",
    ]);
  });

  test("N3: takes along the relationships made by hand, and ends those between the two", async () => {
    const act = (id: string, fromId: string, toId: string) =>
      create(GraphChangeSchema, {
        change: { case: "relationshipWritten", value: { id, type: "DEPENDS_ON", fromId, toId } },
      });
    const mrs = entityOf("person", "Mrs. Pepys");
    const changes = [
      act(idOf("e1"), mrs, memoryId(1)),
      act(idOf("e2"), elizabeth, mrs),
      act(idOf("e3"), memoryId(1), mrs),
    ];
    const store = await graphOf(
      { mentions: [wife, mention("person", "Elizabeth Pepys")] },
      { kind: "changed", changes },
      { kind: "merged", entities: [person("Mrs. Pepys")], into: person("Elizabeth Pepys") },
    );
    const byHand = (await edgesOf(store)).filter((edge) => edge.startsWith("DEPENDS_ON"));
    expect(byHand).toEqual(
      [`DEPENDS_ON ${elizabeth} ${memoryId(1)} 0`, `DEPENDS_ON ${memoryId(1)} ${elizabeth} 0`].sort(),
    );
    expect((await store.edges(scope, [idOf("e1")]))[0]).toMatchObject({ revision: 3 });
  });

  test("is undone by a split", async () => {
    const store = await graphOf(
      { mentions: [wife] },
      { kind: "merged", entities: [person("Mrs. Pepys")], into: person("Elizabeth Pepys") },
      { kind: "split", entity: person("Elizabeth Pepys"), name: person("Mrs. Pepys") },
    );
    expect(await nodeOf(store, elizabeth)).toBeUndefined();
    expect(await nodeOf(store, entityOf("person", "Mrs. Pepys"))).toMatchObject({ name: "Mrs. Pepys", count: 1 });
  });
});

describe("a split", () => {
  test("takes one name out of an entity; the others stay", async () => {
    const mentions = [mention("person", "Sir W. Batten"), mention("person", "W. Batten")];
    const store = await graphOf(
      { mentions },
      { kind: "split", entity: person("W. Batten"), name: person("W. Batten") },
    );
    const split = entityId(MODULE, { kind: "person", key: `=${mentionKeyOf("person", "W. Batten")}` });
    expect(await nodeOf(store, split)).toMatchObject({ name: "W. Batten", count: 1 });
    expect(await nodeOf(store, entityOf("person", "W. Batten"))).toMatchObject({ name: "Sir W. Batten", count: 1 });
  });

  test("finds the name behind a thousand references to others", async () => {
    const others = Array.from({ length: 1005 }, () => ({ mentions: [mention("person", "Sir W. Batten")] }));
    const last = { mentions: [mention("person", "W. Batten")] };
    const store = await graphOf(...others, last, {
      kind: "split",
      entity: person("W. Batten"),
      name: person("W. Batten"),
    });
    const split = entityId(MODULE, { kind: "person", key: `=${mentionKeyOf("person", "W. Batten")}` });
    expect(await nodeOf(store, split)).toMatchObject({ count: 1 });
    expect(await nodeOf(store, entityOf("person", "W. Batten"))).toMatchObject({ count: 1005 });
  });

  test("of what is not a name of the entity has no effect, and is noted", async () => {
    const store = await graphOf({}, { kind: "split", entity: person("W. Batten"), name: person("Coventry") });
    expect(await refusalAt(store, 2)).toBe("NODE_NOT_FOUND");
  });
});

describe("an act by hand", () => {
  const [node, other, edge] = [idOf("node"), idOf("other"), idOf("edge")];
  const changed = (...changes: GraphChange["change"][]) => ({
    kind: "changed",
    changes: changes.map((change) => create(GraphChangeSchema, { change })),
  });
  const written = (id: string, revision = 0n, text = "a ship") =>
    ({
      case: "nodeWritten",
      value: { id, revision, label: "Entity", kind: "ship", name: text, properties: { guns: 3 } },
    }) as never;
  const related = (revision = 0n, from = node, to = other) =>
    ({
      case: "relationshipWritten",
      value: { id: edge, revision, type: "DEPENDS_ON", fromId: from, toId: to },
    }) as never;
  const removed = (id: string, revision = 0n, withRelationships = true) =>
    ({ case: "nodeDeleted", value: { id, revision, withRelationships } }) as never;
  const cut = (revision = 0n) => ({ case: "relationshipDeleted", value: { id: edge, revision } }) as never;

  test("makes nodes and relationships, whose revision is its position", async () => {
    const store = await graphOf({}, changed(written(node), written(other), related()));
    expect(await nodeOf(store, node)).toMatchObject({
      origin: "manual",
      kind: "ship",
      properties: { guns: 3 },
      revision: 2,
    });
    expect((await store.edges(scope, [edge]))[0]).toMatchObject({
      type: "DEPENDS_ON",
      origin: "manual",
      count: 0,
      revision: 2,
    });
  });

  test("M3: replaces what has the revision that it names, and no other", async () => {
    const store = await graphOf(
      changed(written(node)),
      changed(written(node, 1n, "b")),
      changed(written(node, 1n, "c")),
    );
    expect(await nodeOf(store, node)).toMatchObject({ name: "b", revision: 2 });
    expect(await refusalAt(store, 2)).toBeUndefined();
    expect(await refusalAt(store, 3)).toBe("REVISION_STALE");
  });

  test("M1: has no effect at all if one of its changes has none", async () => {
    const store = await graphOf(changed(written(node), removed(other)), changed(written(node), related(5n)));
    expect(await nodeOf(store, node)).toBeUndefined();
    expect(await refusalAt(store, 1)).toBe("NODE_NOT_FOUND");
    expect(await refusalAt(store, 2)).toBe("RELATIONSHIP_NOT_FOUND");
  });

  test("M2: deletes a node with the relationships made by hand that touch it, one of the same act as well", async () => {
    const before = changed(written(node), written(other), related());
    expect(await edgesOf(await graphOf(before, changed(removed(other))))).toEqual([]);
    expect(await edgesOf(await graphOf(changed(written(node), related(), removed(node))))).toEqual([]);
  });

  test("does not delete a node that relationships made by hand touch, unless it says so", async () => {
    const store = await graphOf(changed(written(node), written(other), related()), changed(removed(other, 0n, false)));
    expect(await refusalAt(store, 2)).toBe("NODE_IN_USE");
    expect(await nodeOf(store, other)).toBeDefined();
    const free = await graphOf(changed(written(other)), changed(removed(other, 0n, false)));
    expect(await nodeOf(free, other)).toBeUndefined();
  });

  test("deletes the revision that it names, whichever if it names none", async () => {
    const before = changed(written(node), related());
    const stale = await graphOf(before, changed(removed(node, 7n)), changed(cut(7n)));
    expect([await refusalAt(stale, 2), await refusalAt(stale, 3)]).toEqual(["REVISION_STALE", "REVISION_STALE"]);
    const gone = await graphOf(before, changed(cut(1n), removed(node)), changed(cut()));
    expect(await edgesOf(gone)).toEqual([]);
    expect(await nodeOf(gone, node)).toBeUndefined();
    expect(await refusalAt(gone, 3)).toBe("RELATIONSHIP_NOT_FOUND");
  });

  test("does not touch what was derived", async () => {
    const memory = memoryId(1);
    const store = await graphOf({}, changed(written(memory)), changed(removed(memory)));
    expect(await nodeOf(store, memory)).toMatchObject({ origin: "derived" });
    expect([await refusalAt(store, 2), await refusalAt(store, 3)]).toEqual(["ITEM_DERIVED", "ITEM_DERIVED"]);
  });

  test("makes nothing anew that is there, and passes over changes of a later build", async () => {
    const store = await graphOf(changed(written(node)), changed(written(node)), changed({ case: undefined }));
    expect(await refusalAt(store, 2)).toBe("REVISION_STALE");
    expect(await refusalAt(store, 3)).toBeUndefined();
  });
});
