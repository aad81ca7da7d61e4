import { create, type JsonObject, type MessageInitShape, toJson } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { GraphChangeSchema } from "#gen/cos/graph/v1/graph_acts_pb.ts";
import { LinkedSchema, LinkType, MemorySchema, UnlinkedSchema } from "#gen/cos/memory/v1/memory_pb.ts";
import { linkId } from "#services/graph/domain/link-id.ts";
import type { LogEvent } from "#services/graph/projection/log-event.ts";
import { bareMemory, readMemory } from "#services/graph/projection/read-memory.ts";
import { localScope } from "#shared/auth/scope.ts";
import { memoryId } from "./arbitrary-log.ts";
import { emptyGraph, MODULE, project } from "./project-log.ts";

const act = (position: number, eventType: string, payload: JsonObject): LogEvent =>
  readMemory(
    create(MemorySchema, { id: memoryId(position), position: BigInt(position), eventType, payload }),
    () => [],
  );
const end = (position: number, module = MODULE) => ({ id: memoryId(position), module, position: BigInt(position) });

const linked = (position: number, fields: object = {}): LogEvent => {
  const says = { fromMemory: end(1), toMemory: end(2), type: LinkType.DEPENDS_ON, rationale: "why", ...fields };
  return act(
    position,
    "cos.memory.linked",
    toJson(LinkedSchema, create(LinkedSchema, says as MessageInitShape<typeof LinkedSchema>)) as JsonObject,
  );
};
const unlinked = (position: number, ofLink: number, type: LinkType = LinkType.DEPENDS_ON): LogEvent => {
  const links = [{ position: BigInt(ofLink), fromMemory: end(1), toMemory: end(2), type }];
  const payload = toJson(UnlinkedSchema, create(UnlinkedSchema, { links })) as JsonObject;
  return act(position, "cos.memory.unlinked", payload);
};
const remembered = (position: number): LogEvent => ({
  position,
  memoryId: memoryId(position),
  kind: "remembered",
  memory: { ...bareMemory("note"), source: "Pepys", name: `text ${position}`, forgotten: false, occurredMs: 0 },
  mentions: [],
});
const other = (position: number): LogEvent => ({ position, memoryId: memoryId(position), kind: "passed" });

async function graphOf(...events: LogEvent[]) {
  const store = await emptyGraph();
  await project(store, events);
  const edges = await store.scanEdges({ generation: 1, module: MODULE, after: "", limit: 100 });
  return { store, links: edges.filter(({ origin }) => origin === "manual") };
}

describe("links between memories", () => {
  test("L1: a link is a relationship made by hand, of its type, with its rationale and the position of its event", async () => {
    const { links } = await graphOf(remembered(1), remembered(2), linked(3));
    expect(links).toEqual([
      expect.objectContaining({
        id: linkId("DEPENDS_ON", memoryId(1), memoryId(2)),
        type: "DEPENDS_ON",
        from: memoryId(1),
        to: memoryId(2),
        properties: { why: "why" },
        position: 3,
        revision: 3,
      }),
    ]);
  });

  test("L1: a link whose memory is not there yet, or is of another module, is kept until it comes", async () => {
    const { store, links } = await graphOf(linked(1, { fromMemory: end(2), toMemory: end(3) }), remembered(2));
    expect(links).toHaveLength(1);
    const id = linkId("DEPENDS_ON", memoryId(2), memoryId(3));
    expect(await store.edges(localScope(), [id])).toEqual([]);
    await project(store, [remembered(3)], [], 2);
    expect(await store.edges(localScope(), [id])).toMatchObject([{ properties: { why: "why" } }]);
  });

  test("without a rationale it says nothing of itself; RELATES_TO is another link", async () => {
    const { links } = await graphOf(linked(1, { rationale: "" }), linked(2, { type: LinkType.RELATES_TO }));
    expect(new Map(links.map(({ type, properties }) => [type, properties]))).toEqual(
      new Map([
        ["DEPENDS_ON", {}],
        ["RELATES_TO", { why: "why" }],
      ]),
    );
  });

  test("L2: what ends is the link that is named; one that was made again since stays", async () => {
    expect((await graphOf(linked(1), unlinked(2, 1))).links).toEqual([]);
    expect((await graphOf(linked(1), unlinked(2, 1), linked(3), unlinked(4, 1))).links).toMatchObject([
      { revision: 3 },
    ]);
    expect((await graphOf(linked(1), unlinked(2, 1, LinkType.RELATES_TO))).links).toHaveLength(1);
    expect((await graphOf(other(1), unlinked(2, 1))).links).toEqual([]);
  });

  test("a type that this build does not know is passed over, in both acts", async () => {
    const newer = {
      ...JSON.parse(
        JSON.stringify(toJson(LinkedSchema, create(LinkedSchema, { fromMemory: end(1), toMemory: end(2) }))),
      ),
      type: 99,
    };
    expect(act(1, "cos.memory.linked", newer)).toMatchObject({ kind: "passed" });
    expect(act(1, "cos.memory.unlinked", { links: [newer] })).toMatchObject({ kind: "unlinked", links: [] });
  });

  test("an act that lacks an end is not what its type says", () => {
    expect(() => act(1, "cos.memory.linked", { type: "LINK_TYPE_DEPENDS_ON" })).toThrow("lacks a field");
  });

  test("acts upon the graph neither change nor delete a link", async () => {
    const id = linkId("DEPENDS_ON", memoryId(1), memoryId(2));
    const change = (value: MessageInitShape<typeof GraphChangeSchema>): LogEvent => ({
      ...other(2),
      kind: "changed",
      changes: [create(GraphChangeSchema, value)],
    });
    const written = { id, revision: 1n, type: "DEPENDS_ON", fromId: memoryId(1), toId: memoryId(2) };
    for (const value of [
      { change: { case: "relationshipDeleted" as const, value: { id } } },
      { change: { case: "relationshipWritten" as const, value: written } },
    ]) {
      const { store, links } = await graphOf(linked(1), change(value));
      expect(links).toMatchObject([{ id, revision: 1, properties: { why: "why" } }]);
      expect(await store.faultAt(localScope(), MODULE, 2)).toMatchObject({ kind: "refused", error: "ITEM_DERIVED" });
    }
  });
});
