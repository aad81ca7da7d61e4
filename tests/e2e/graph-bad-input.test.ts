// What is wrong with a call of the graph is told by its field, over both stacks alike, and leaves nothing behind.
import { fromJson, type JsonObject, toBinary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import { reasonOf } from "#shared/rpc/error-reason.ts";
import { type GraphClient, type GraphMesh, openGraphMesh } from "#tests/support/mesh-graph.ts";
import { type Refusal, refusalOf, sendOverConnect, sendOverGrpc } from "#tests/support/mesh-refusal.ts";

jest.setTimeout(60_000);

type Rpc = keyof (typeof GraphService)["method"];

const UNKNOWN = "01930000-0000-7000-8000-000000000000";
const OTHER = "01930000-0000-7000-8000-000000000001";
const INJECTIONS = [
  "Person",
  "entity",
  "Entity`) DETACH DELETE n //",
  "Entity'; drop table cos_graph.node; --",
  "Entity OR 1=1",
  "",
];

let mesh: GraphMesh;
let client: GraphClient;
let derived: string;
let manual: string;
beforeAll(async () => {
  mesh = await openGraphMesh();
  client = mesh.client();
  const memory = { eventType: "note", source: "test", text: "Met @Somebody." };
  const { cursor, memory: recorded } = await client.conductor.recordMemory({ memory });
  await client.graph.getNode({ id: recorded?.id ?? "", atLeast: cursor! });
  derived = recorded?.id ?? "";
  manual = (await client.graph.createNode({ node: { name: "made" } })).node?.id ?? "";
});
afterAll(() => mesh?.stop());

/** The same call over native gRPC and in JSON over Connect. */
async function refusals(rpc: Rpc, json: JsonObject): Promise<Refusal[]> {
  const method = GraphService.method[rpc];
  const at = { address: mesh.address, url: `http://${mesh.address}` };
  const path = `${GraphService.typeName}/${method.name}`;
  const bytes = toBinary(method.input, fromJson(method.input, json));
  const streams = method.methodKind !== "unary";
  return Promise.all([sendOverGrpc(at, path, bytes), sendOverConnect(at, path, JSON.stringify(json), streams)]);
}

const both = (code: string, reason: string, ...fields: string[]): Refusal[] => {
  const refusal = { code, reason, fields };
  return [refusal, refusal];
};
const invalid = (...fields: string[]) => both("InvalidArgument", "INVALID_FIELD", ...fields);

async function holdings() {
  const { modules } = await client.graph.getProjection({});
  return { positions: modules.map(({ cursor }) => cursor?.position), stats: await client.graph.getStats({}) };
}

/** Each call is refused over both stacks, and the graph and its log are as before. */
async function expectRefused(rpc: Rpc, json: JsonObject, refused: Refusal[]): Promise<void> {
  const before = await holdings();
  expect(await refusals(rpc, json)).toEqual(refused);
  expect(await holdings()).toEqual(before);
}

describe("what is not in the whitelists, or is shaped like an injection", () => {
  test.each(INJECTIONS)("as a label: %j", async (label) => {
    await expectRefused("findNodes", { labels: [label] }, invalid("labels[0]"));
    await expectRefused("searchGraph", { query: "a", labels: [label] }, invalid("labels[0]"));
    await expectRefused("exportGraph", { labels: [label] }, invalid("labels[0]"));
    // (Unset, it is `Entity`.)
    if (label !== "") await expectRefused("createNode", { node: { name: "n", label } }, invalid("node.label"));
  });

  test.each(INJECTIONS)("as a type: %j", async (type) => {
    await expectRefused("listNeighbors", { id: manual, types: [type] }, invalid("types[0]"));
    await expectRefused("traverse", { id: manual, types: [type] }, invalid("types[0]"));
    await expectRefused("findShortestPath", { fromId: manual, toId: derived, types: [type] }, invalid("types[0]"));
    const relationship = { fromId: manual, toId: derived, type };
    if (type !== "") await expectRefused("createRelationship", { relationship }, invalid("relationship.type"));
  });

  test.each(["Why", "x`) DETACH DELETE n //", "x'; drop table cos_graph.node; --", "a b", "1st", ""])(
    "as a property: %j",
    async (name) => {
      const properties = { [name]: 1 };
      await expectRefused("findNodes", { properties }, invalid("properties"));
      await expectRefused("createNode", { node: { name: "n", properties } }, invalid("node.properties"));
      const relationship = { fromId: manual, toId: derived, properties };
      await expectRefused("createRelationship", { relationship }, invalid("relationship.properties"));
      const change = { nodeWritten: { id: UNKNOWN, label: "Entity", name: "n", properties } };
      await expectRefused("batchChangeGraph", { changes: [change] }, invalid("changes[0].node_written.properties"));
    },
  );

  test("a derived label or type is not made by hand", async () => {
    await expectRefused("createNode", { node: { name: "n", label: "LogEntry" } }, invalid("node.label"));
    const relationship = { fromId: manual, toId: derived, type: "CONTAINS" };
    await expectRefused("createRelationship", { relationship }, invalid("relationship.type"));
  });

  test("a kind is small letters", async () => {
    await expectRefused("findNodes", { kind: "Person" }, invalid("kind"));
    await expectRefused("createNode", { node: { name: "n", kind: "a`b" } }, invalid("node.kind"));
    await expectRefused("listTopics", { kinds: ["a'b"] }, invalid("kinds[0]"));
  });

  test("a value that is no text, number or truth value", async () => {
    for (const value of [null, [1], { a: 1 }, "x".repeat(1001), "a\0b"]) {
      await expectRefused(
        "createNode",
        { node: { name: "n", properties: { x: value } } },
        invalid("node.properties.x"),
      );
    }
  });

  test("what is shaped like an injection and allowed is a name like any other", async () => {
    const name = "Robert'); DROP TABLE cos_graph.node; MATCH (n) DETACH DELETE n //";
    const properties = { why: "$1 ` \\ ' \" */" };
    const { node } = await client.graph.createNode({ node: { name, properties } });
    expect((await client.graph.findNodes({ name, properties })).nodes).toMatchObject([
      { id: node?.id, name, properties },
    ]);
    expect((await client.graph.searchGraph({ query: name.slice(0, 200) })).hits[0]?.node?.id).toBe(node?.id);
    await client.graph.deleteNode({ id: node?.id ?? "" });
  });
});

describe("what is too large", () => {
  test.each([
    ["traverse", { depth: 7 }, "depth"],
    ["traverse", { depth: -1 }, "depth"],
    ["traverse", { limit: 10_001 }, "limit"],
    ["traverse", { fanOut: 1001 }, "fan_out"],
    ["listNeighbors", { pageSize: -1 }, "page_size"],
  ] as const)("%s %j", async (rpc, json, field) => {
    await expectRefused(rpc, { id: manual, ...json }, invalid(field));
  });

  test("the rest", async () => {
    await expectRefused("findShortestPath", { fromId: manual, toId: derived, depth: 13 }, invalid("depth"));
    await expectRefused("listNeighbors", { id: manual, pageToken: "x".repeat(4097) }, invalid("page_token"));
    await expectRefused("searchGraph", { query: "x".repeat(201) }, invalid("query"));
    await expectRefused("searchGraph", { query: "a ".repeat(17) }, invalid("query"));
    await expectRefused("searchGraph", { query: " .,! " }, invalid("query"));
    await expectRefused("createNode", { node: { name: "x".repeat(201) } }, invalid("node.name"));
    const properties = Object.fromEntries(Array.from({ length: 33 }, (_, n) => [`p${n}`, n]));
    await expectRefused("createNode", { node: { name: "n", properties } }, invalid("node.properties"));
    const changes = Array.from({ length: 101 }, () => ({ nodeDeleted: { id: UNKNOWN } }));
    await expectRefused("batchChangeGraph", { changes }, invalid("changes"));
  });
});

describe("what is not there, or not to be changed", () => {
  test("an unknown node, relationship or name", async () => {
    const noNode = (field: string) => both("NotFound", "NODE_NOT_FOUND", field);
    await expectRefused("getNode", { id: UNKNOWN }, noNode("id"));
    await expectRefused("getNode", { name: "Nobody At All" }, noNode("name"));
    await expectRefused("traverse", { id: UNKNOWN }, noNode("id"));
    await expectRefused("listNeighbors", { id: UNKNOWN }, noNode("id"));
    await expectRefused("findShortestPath", { fromId: manual, toId: UNKNOWN }, noNode("to_id"));
    await expectRefused("deleteNode", { id: UNKNOWN }, noNode("id"));
    await expectRefused(
      "createRelationship",
      { relationship: { fromId: UNKNOWN, toId: manual } },
      noNode("relationship.from_id"),
    );
    const merge = { entities: [{ kind: "person", name: "Nobody" }], into: { kind: "person", name: "Somebody" } };
    await expectRefused("mergeEntities", merge, noNode("entities[0]"));
    await expectRefused("splitEntity", { entity: merge.entities[0]!, name: merge.into }, noNode("entity"));
    await expectRefused("getRelationship", { id: UNKNOWN }, both("NotFound", "RELATIONSHIP_NOT_FOUND", "id"));
    await expectRefused(
      "listEvidence",
      { relationshipId: UNKNOWN },
      both("NotFound", "RELATIONSHIP_NOT_FOUND", "relationship_id"),
    );
  });

  test("what is no id, and neither an id nor a name, or both", async () => {
    await expectRefused("getNode", { id: "not-a-uuid" }, invalid("id"));
    await expectRefused("getNode", {}, invalid(""));
    await expectRefused("getNode", { id: manual, name: "made" }, invalid(""));
  });

  test("an edge to itself", async () => {
    const itself = { fromId: manual, toId: manual };
    await expectRefused("createRelationship", { relationship: itself }, invalid("relationship.to_id"));
    await expectRefused("findShortestPath", itself, invalid(""));
    const change = { relationshipWritten: { id: UNKNOWN, type: "RELATES_TO", ...itself } };
    await expectRefused("batchChangeGraph", { changes: [change] }, invalid("changes[0].relationship_written"));
  });

  test("a stale revision", async () => {
    const stale = (field: string) => both("Aborted", "REVISION_STALE", field);
    const update = { id: manual, node: { name: "other" }, updateMask: "name", revision: "999" };
    await expectRefused("updateNode", update, stale("revision"));
    await expectRefused("deleteNode", { id: manual, revision: "999" }, stale("revision"));
    const change = { nodeWritten: { id: manual, label: "Entity", name: "x", revision: "999" } };
    await expectRefused("batchChangeGraph", { changes: [change] }, stale("changes[0].node_written.revision"));
  });

  test("what was derived, and what is not in a mask", async () => {
    await expectRefused("deleteNode", { id: derived }, both("FailedPrecondition", "ITEM_DERIVED", "id"));
    const update = { id: manual, node: { name: "other" } };
    await expectRefused("updateNode", { ...update, updateMask: "revision" }, invalid("update_mask"));
    await expectRefused("updateNode", { ...update, updateMask: "" }, invalid("update_mask"));
    await expectRefused("updateNode", update, invalid("update_mask"));
  });

  test("one change of a batch that is not good leaves nothing of the others", async () => {
    const good = { nodeWritten: { id: OTHER, label: "Entity", name: "half" } };
    const bad = { relationshipWritten: { id: UNKNOWN, type: "DEPENDS_ON", fromId: OTHER, toId: UNKNOWN } };
    const refused = both("NotFound", "NODE_NOT_FOUND", "changes[1].relationship_written.to_id");
    await expectRefused("batchChangeGraph", { changes: [good, bad] }, refused);
    expect((await client.graph.findNodes({ name: "half" })).nodes).toEqual([]);
  });

  test("a page token of another list", async () => {
    const { nextPageToken: pageToken } = await client.graph.findNodes({ pageSize: 1 });
    const refused = both("InvalidArgument", "PAGE_TOKEN_INVALID", "page_token");
    await expectRefused("findNodes", { pageToken, labels: ["Entity"] }, refused);
    await expectRefused("listNeighbors", { id: manual, pageToken: "garbage" }, refused);
  });

  test("a module that is not there", async () => {
    const module = "nowhere";
    const refused = both("NotFound", "MODULE_NOT_FOUND");
    for (const rpc of ["findNodes", "listAliases", "listTopics", "getStats", "exportGraph"] as const) {
      await expectRefused(rpc, { module }, refused);
    }
    await expectRefused("getNode", { name: "x", module }, refused);
    await expectRefused("searchGraph", { query: "x", module }, refused);
  });
});

describe("a cursor", () => {
  const headCursor = async () => {
    const { module } = await client.modules.getModule({ name: "cc" });
    return { module: "cc", position: Number(module?.head?.position), epoch: module?.head?.epoch ?? "" };
  };

  test("above the head is out of range", async () => {
    const head = await headCursor();
    const atLeast = { ...head, position: String(head.position + 1000) };
    const told = (await refusals("getStats", { atLeast })).map(({ code, reason }) => `${code} ${reason}`);
    expect(told).toEqual(["OutOfRange CURSOR_ABOVE_HEAD", "OutOfRange CURSOR_ABOVE_HEAD"]);
  });

  test("of a history that the log never had is lost", async () => {
    const atLeast = { module: "cc", position: "1", epoch: "nobodys" };
    const told = (await refusals("getStats", { atLeast })).map(({ code, reason }) => `${code} ${reason}`);
    expect(told).toEqual(["DataLoss CURSOR_PAST_FORK", "DataLoss CURSOR_PAST_FORK"]);
  });

  test("of a module that is not there names no other", async () => {
    const answers = await refusals("getStats", { atLeast: { module: "nowhere", position: "1" } });
    expect(answers.map(({ reason }) => reason)).toEqual(["MODULE_NOT_FOUND", "MODULE_NOT_FOUND"]);
  });
});

// Last: the conductor goes away for good.
describe("with the conductor away", () => {
  beforeAll(() => mesh.mesh.kill9());

  test("a cursor that is not reached before the deadline is told with how far the graph is behind", async () => {
    const [{ cursor } = {}] = (await client.graph.getProjection({ module: "cc" })).modules;
    const atLeast = { module: "cc", position: (cursor?.position ?? 0n) + 3n, epoch: cursor?.epoch ?? "" };
    const error = await client.graph.getStats({ atLeast }, { timeoutMs: 1500 }).catch(ConnectError.from);
    expect(error).toBeInstanceOf(ConnectError);
    expect({ code: Code[(error as ConnectError).code], reason: reasonOf(error) }).toEqual({
      code: "DeadlineExceeded",
      reason: "PROJECTION_BEHIND",
    });
    expect((error as ConnectError).rawMessage).toMatch(/\b3\b/);
  });

  test("writes are unavailable and reads go on", async () => {
    const refused = await client.graph
      .createNode({ node: { name: "late" } }, { timeoutMs: 5000 })
      .catch(ConnectError.from);
    expect(refusalOf(refused as ConnectError)).toMatchObject({ code: "Unavailable", reason: "ENGINE_UNAVAILABLE" });
    expect((await client.graph.findNodes({ name: "late" })).nodes).toEqual([]);
    expect((await client.graph.getNode({ id: manual })).node?.name).toBe("made");
  });
});
