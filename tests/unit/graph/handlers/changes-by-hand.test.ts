import { beforeEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Origin } from "#gen/cos/graph/v1/graph_pb.ts";
import { sourceId } from "#services/graph/domain/entity-id.ts";
import { untilFresh } from "#services/graph/handlers/until-fresh.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { callIn, type Graph, memoryAt, openGraph, refusalOf } from "./open-graph.ts";

const UNKNOWN = "01930000-0000-7000-8000-000000000000";

let graph: Graph;
beforeEach(async () => {
  graph = await openGraph();
  await graph.say("cc", { source: "diary" });
});

const makeNode = async (name: string, module = "") => (await graph.createNode({ node: { name, module } })).node!;

describe("a node made by hand", () => {
  test("it is there when the call answers, with the act's position as its revision", async () => {
    const properties = { launched: 1655, fate: "renamed" };
    const { node, cursor } = await graph.createNode({ node: { name: "Naseby", kind: "ship", properties } });
    expect(node).toMatchObject({ module: "cc", label: "Entity", kind: "ship", name: "Naseby", properties });
    expect(node).toMatchObject({ origin: Origin.MANUAL, revision: 2n, memoryCount: 0n });
    expect(cursor).toMatchObject({ module: "cc", position: 2n });
    expect(graph.awaited).toEqual([2n]);
    expect((await graph.getNode({ id: node?.id ?? "" })).node).toEqual(node);
  });

  test("a module that the conductor refuses is refused in the field where it was named", async () => {
    const fields = [{ field: "module", description: "must be a registered module" }];
    graph.refuseActs(moduleNotFound("nowhere", fields));
    const node = { name: "Naseby", module: "nowhere" };
    await expect(graph.createNode({ node })).rejects.toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
      message: 'there is no module "nowhere"',
      fields: [{ ...fields[0], field: "node.module" }],
      resource: { type: "module", name: "nowhere" },
    });
    graph.refuseActs(new CosError(ErrorReason.QUOTA_EXCEEDED, "it is full", { retryAfterMs: 5, fields }));
    const full = { retryAfterMs: 5, fields: [{ field: "node.module" }] };
    await expect(graph.createNode({ node })).rejects.toMatchObject(full);
  });

  test("a repeated call with its key answers the first one's node, other content under it is refused", async () => {
    const asked = { node: { name: "Naseby" }, idempotencyKey: "k" };
    const first = await graph.createNode(asked);
    expect(await graph.createNode(asked)).toEqual(first);
    expect(await refusalOf(graph.createNode({ ...asked, node: { name: "Other" } }))).toBe("IDEMPOTENCY_KEY_REUSED");
    const other = await graph.createNode({ node: { name: "Naseby", module: "here" }, idempotencyKey: "k" });
    expect(other.node?.id).not.toBe(first.node?.id);
  });

  test("a repeated call with its key is answered with the act when the node is gone by now", async () => {
    const asked = { node: { name: "Naseby" }, idempotencyKey: "k" };
    const { node, cursor } = await graph.createNode(asked);
    await graph.deleteNode({ id: node?.id ?? "" });
    const again = await graph.createNode(asked);
    expect([again.cursor, again.node]).toEqual([cursor, undefined]);
  });

  test("what the contract's rules do not find is refused, naming the field, and nothing is recorded", async () => {
    const faults = {
      "node.name": { name: "" },
      "node.properties": { name: "n", properties: { "x`) DETACH DELETE n //": 1 } },
      "node.properties.why": { name: "n", properties: { why: ["a"] } },
    };
    for (const [field, node] of Object.entries(faults)) {
      expect(await refusalOf(graph.createNode({ node }))).toBe(`INVALID_FIELD ${field}`);
    }
    expect(await refusalOf(graph.createNode({ node: { name: "half \ud800" } }))).toBe("INVALID_FIELD node.name");
    const large = Object.fromEntries(Array.from({ length: 32 }, (_, n) => [`p${n}`, "😀".repeat(1000)]));
    expect(await refusalOf(graph.createNode({ node: { name: "n", properties: large } }))).toBe(
      "INVALID_FIELD node.properties",
    );
    expect(await refusalOf(graph.createNode({}))).toBe("INVALID_FIELD node.name");
    expect(graph.acts).toEqual([]);
  });

  test("an update changes what its mask names, and leaves the rest", async () => {
    const { id, revision } = await makeNode("Naseby");
    const node = { name: "Royal Charles", kind: "ship", properties: { guns: 80 } };
    const paths = ["kind", "properties.guns"];
    const updated = await graph.updateNode({ id: id.toUpperCase(), node, updateMask: { paths }, revision });
    expect(updated.node).toMatchObject({ id, name: "Naseby", kind: "ship", properties: { guns: 80 }, revision: 3n });
    expect(updated.cursor?.position).toBe(3n);
  });

  test("an update of a revision that is not the current one is refused", async () => {
    const { id } = await makeNode("Naseby");
    const stale = graph.updateNode({ id, node: { name: "x" }, updateMask: { paths: ["name"] }, revision: 1n });
    expect(await refusalOf(stale)).toBe("REVISION_STALE revision");
    expect(graph.acts).toHaveLength(1);
  });

  test("an update is refused without a mask, or with paths that there are not", async () => {
    const { id } = await makeNode("Naseby");
    expect(await refusalOf(graph.updateNode({ id, node: {} }))).toBe("INVALID_FIELD update_mask");
    expect(await refusalOf(graph.updateNode({ id, updateMask: { paths: ["revision"] } }))).toBe(
      "INVALID_FIELD update_mask",
    );
    expect(await refusalOf(graph.updateNode({ id, updateMask: { paths: ["name"] } }))).toBe("INVALID_FIELD node.name");
  });

  test("a mask that is none is told before it is looked whether the node is there", async () => {
    const paths = ["here__there"];
    expect(await refusalOf(graph.updateNode({ id: UNKNOWN, updateMask: { paths } }))).toBe("INVALID_FIELD update_mask");
    expect(await refusalOf(graph.updateRelationship({ id: UNKNOWN, updateMask: { paths } }))).toBe(
      "INVALID_FIELD update_mask",
    );
  });

  test("whoever loses a race is told so if they named a revision, and else has it done to the new one", async () => {
    const { id, revision } = await makeNode("Naseby");
    const rename = (name: string, read: bigint) =>
      graph.updateNode({ id, node: { name }, updateMask: { paths: ["name"] }, revision: read });
    const describeIt = () =>
      graph.updateNode({ id, node: { properties: { guns: 80 } }, updateMask: { paths: ["properties"] } });
    graph.interfere(describeIt);
    expect(await refusalOf(rename("Royal Charles", revision))).toBe("REVISION_STALE");
    graph.interfere(describeIt);
    expect((await rename("Royal Charles", 0n)).node).toMatchObject({ name: "Royal Charles", properties: { guns: 80 } });
  });

  test("five races lost in a row are enough", async () => {
    let races = 0;
    const lost = untilFresh(0n, async () => {
      races += 1;
      throw new CosError(ErrorReason.REVISION_STALE, "again");
    });
    expect(await refusalOf(lost)).toBe("REVISION_STALE");
    expect(races).toBe(5);
  });

  test("it is deleted, and with it what touches it only by force", async () => {
    const [one, other] = [await makeNode("one"), await makeNode("other")];
    const { relationship } = await graph.createRelationship({ relationship: { fromId: one.id, toId: other.id } });
    expect(await refusalOf(graph.deleteNode({ id: other.id }))).toBe("NODE_IN_USE");
    const { cursor } = await graph.deleteNode({ id: other.id, force: true, revision: other.revision });
    expect(cursor?.position).toBe(5n);
    expect(await refusalOf(graph.getNode({ id: other.id }))).toBe("NODE_NOT_FOUND id");
    expect(await refusalOf(graph.getRelationship({ id: relationship?.id ?? "" }))).toBe("RELATIONSHIP_NOT_FOUND id");
    await graph.deleteNode({ id: one.id });
    expect(await refusalOf(graph.deleteNode({ id: one.id }))).toBe("NODE_NOT_FOUND id");
  });

  test("what another module says of it does not keep it, since that is not deleted with it", async () => {
    const [one, other] = [await makeNode("one"), await makeNode("other", "there")];
    for (let n = 0; n < 120; n += 1) {
      const relationship = { module: "there", fromId: other.id, toId: one.id };
      await graph.createRelationship({ relationship });
    }
    const { relationship: mine } = await graph.createRelationship({ relationship: { fromId: one.id, toId: other.id } });
    expect(await refusalOf(graph.deleteNode({ id: one.id }))).toBe("NODE_IN_USE");
    await graph.deleteRelationship({ id: mine?.id ?? "" });
    await expect(graph.deleteNode({ id: one.id })).resolves.toMatchObject({ cursor: { module: "cc" } });
  });

  test("what was derived is not changed by hand, and what is elsewhere is not there", async () => {
    const id = sourceId("cc", "diary");
    expect(await refusalOf(graph.updateNode({ id, node: { name: "x" }, updateMask: { paths: ["name"] } }))).toBe(
      "ITEM_DERIVED id",
    );
    expect(await refusalOf(graph.deleteNode({ id }))).toBe("ITEM_DERIVED id");
    const there = await makeNode("x", "there");
    expect(await refusalOf(graph.deleteNode({ id: there.id }))).toBe("NODE_NOT_FOUND id");
    expect(await refusalOf(graph.deleteNode({ id: there.id, module: "there", revision: 9n }))).toBe(
      "REVISION_STALE revision",
    );
  });
});

describe("a relationship made by hand", () => {
  test("it leads from one node to another, and its evidence is the act", async () => {
    const node = await makeNode("Naseby");
    const content = {
      fromId: memoryAt("cc", 1).toUpperCase(),
      toId: node.id,
      type: "REFERENCES",
      properties: { why: "it is meant" },
    };
    const { relationship, cursor } = await graph.createRelationship({ relationship: content });
    expect(relationship).toMatchObject({ type: "REFERENCES", fromId: memoryAt("cc", 1), toId: node.id, revision: 3n });
    expect(relationship?.evidence).toMatchObject([{ module: "cc", position: 3n, memoryId: "" }]);
    expect(cursor?.position).toBe(3n);
  });

  test("a repeated call with its key answers the first one's relationship", async () => {
    const [one, other] = [await makeNode("one"), await makeNode("other")];
    const asked = { relationship: { fromId: one.id, toId: other.id }, idempotencyKey: "k" };
    const first = await graph.createRelationship(asked);
    expect(first.relationship?.type).toBe("RELATES_TO");
    expect(await graph.createRelationship(asked)).toEqual(first);
  });

  test("a repeated call with its key is answered with the act when an end, or the relationship, is gone by now", async () => {
    const [one, other] = [await makeNode("one"), await makeNode("other")];
    const asked = { relationship: { fromId: one.id, toId: other.id }, idempotencyKey: "k" };
    const { relationship, cursor } = await graph.createRelationship(asked);
    await graph.deleteRelationship({ id: relationship?.id ?? "" });
    const again = await graph.createRelationship(asked);
    expect([again.cursor, again.relationship]).toEqual([cursor, undefined]);
    await graph.deleteNode({ id: other.id });
    expect(await graph.createRelationship(asked)).toEqual(again);
    const changed = { ...asked, relationship: { ...asked.relationship, type: "DEPENDS_ON" } };
    expect(await refusalOf(graph.createRelationship(changed))).toBe("IDEMPOTENCY_KEY_REUSED");
    const fresh = graph.createRelationship({ ...asked, idempotencyKey: "new" });
    expect(await refusalOf(fresh)).toBe("NODE_NOT_FOUND relationship.to_id");
    expect(graph.appended).toBe(5);
  });

  test("ends that are missing, the same, or not to be seen are refused, naming the end", async () => {
    const [here, there] = [await makeNode("here", "here"), await makeNode("there", "there")];
    const relate = (fromId: string, toId: string) =>
      refusalOf(graph.createRelationship({ relationship: { module: "here", fromId, toId } }, callIn(["here"])));
    expect(await relate(here.id, UNKNOWN)).toBe("NODE_NOT_FOUND relationship.to_id");
    expect(await relate(UNKNOWN, here.id)).toBe("NODE_NOT_FOUND relationship.from_id");
    expect(await relate(there.id, here.id)).toBe("NODE_NOT_FOUND relationship.from_id");
    expect(await relate(here.id, here.id.toUpperCase())).toBe("INVALID_FIELD relationship.to_id");
    expect(await refusalOf(graph.createRelationship({}))).toBe("INVALID_FIELD relationship.from_id relationship.to_id");
    expect(graph.acts).toHaveLength(2);
  });

  test("type and properties change, ends never do", async () => {
    const [one, other] = [await makeNode("one"), await makeNode("other")];
    const { relationship } = await graph.createRelationship({ relationship: { fromId: one.id, toId: other.id } });
    const id = relationship?.id ?? "";
    const update = (paths: string[], revision = 0n) =>
      graph.updateRelationship({
        id,
        relationship: { type: "DEPENDS_ON", properties: { why: "so" } },
        updateMask: { paths },
        revision,
      });
    expect((await update(["type", "properties.why"])).relationship).toMatchObject({
      type: "DEPENDS_ON",
      properties: { why: "so" },
      fromId: one.id,
      revision: 5n,
    });
    expect(await refusalOf(update(["to_id"]))).toBe("INVALID_FIELD update_mask");
    expect(await refusalOf(update(["type"], 4n))).toBe("REVISION_STALE revision");
    expect(await refusalOf(graph.updateRelationship({ id }))).toBe("INVALID_FIELD update_mask");
  });

  test("it is deleted; what was derived or is elsewhere is not", async () => {
    const [one, other] = [await makeNode("one"), await makeNode("other")];
    const { relationship } = await graph.createRelationship({ relationship: { fromId: one.id, toId: other.id } });
    const id = relationship?.id ?? "";
    expect(await refusalOf(graph.deleteRelationship({ id, module: "there" }))).toBe("RELATIONSHIP_NOT_FOUND id");
    expect(await refusalOf(graph.deleteRelationship({ id, revision: 1n }))).toBe("REVISION_STALE revision");
    const { cursor } = await graph.deleteRelationship({ id, revision: relationship?.revision ?? 0n });
    expect(cursor?.position).toBe(5n);
    const [derived] = (await graph.listNeighbors({ id: memoryAt("cc", 1), types: ["CREATED_BY"] })).neighbors;
    expect(await refusalOf(graph.deleteRelationship({ id: derived?.relationship?.id ?? "" }))).toBe("ITEM_DERIVED id");
    expect(await refusalOf(graph.deleteRelationship({ id }))).toBe("RELATIONSHIP_NOT_FOUND id");
  });
});

describe("bad days", () => {
  test("with the conductor away writes are refused as it is, and nothing is written; reads go on", async () => {
    graph.refuseActs(new CosError(ErrorReason.ENGINE_UNAVAILABLE, "the conductor does not answer"));
    expect(await refusalOf(graph.createNode({ node: { name: "Naseby" } }))).toBe("ENGINE_UNAVAILABLE");
    expect((await graph.findNodes({ name: "Naseby" })).nodes).toEqual([]);
  });

  test("an act that the graph could not take is told of, not passed off as done", async () => {
    graph.parkNext("cc");
    expect(await refusalOf(graph.createNode({ node: { name: "Naseby" } }))).toBe("INTERNAL");
  });

  test("what was deleted while it was being changed is told as missing", async () => {
    const { id } = await makeNode("Naseby");
    graph.interfere(() => graph.deleteNode({ id }));
    const update = graph.updateNode({ id, node: { name: "x" }, updateMask: { paths: ["name"] } });
    expect(await refusalOf(update)).toBe("NODE_NOT_FOUND");
  });
});
