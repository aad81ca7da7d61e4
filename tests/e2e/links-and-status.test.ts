import { create, type DescMessage, type JsonValue, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { MemoryIdsSchema } from "#gen/cos/conductor/v1/forgetting_pb.ts";
import { GetIngestStatusRequestSchema, IngestStage, ProjectedState } from "#gen/cos/conductor/v1/ingest_pb.ts";
import {
  LinkMemoriesRequestSchema,
  ListLinksRequestSchema,
  UnlinkMemoriesRequestSchema,
} from "#gen/cos/conductor/v1/links_pb.ts";
import { LinkType } from "#gen/cos/memory/v1/memory_pb.ts";
import { findTool } from "#tests/support/find-tool.ts";
import { runCommand } from "#tests/support/mesh-command.ts";
import { type GraphClient, type GraphMesh, openGraphMesh } from "#tests/support/mesh-graph.ts";
import { type Refusal, sendOverConnect, sendOverGrpc } from "#tests/support/mesh-refusal.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(60_000);

const SERVICE = "cos.conductor.v1.ConductorService";

let mesh: GraphMesh;
let client: GraphClient;
beforeAll(async () => {
  mesh = await openGraphMesh();
  client = mesh.client();
  for (const name of ["letters", "drafts"]) {
    await client.modules.registerModule({ module: { name } });
    for (const text of ["one", "two", "three"]) {
      await client.conductor.recordMemory({ memory: { module: name, eventType: "note", source: "me", text } });
    }
  }
});
afterAll(() => mesh?.stop());

const at = (module: string, position: number) => ({ module, position: BigInt(position) });
/** Links by hand in the graph, of a memory, as soon as the graph has seen a cursor. */
async function manualOf(id: string, atLeast: { module: string; position: bigint; epoch: string }) {
  const { neighbors } = await client.graph.listNeighbors({ id, manualOnly: true, atLeast });
  return neighbors.map(({ relationship, node }) => [relationship?.type, node?.name, relationship?.properties]);
}

describe("links", () => {
  test("the graph takes a link up across modules, loses it with the forgotten end, and a replay gives the same", async () => {
    const ends = { fromMemory: at("letters", 1), toMemory: at("drafts", 2) };
    const { link, cursor } = await client.conductor.linkMemories({
      ...ends,
      type: LinkType.DEPENDS_ON,
      rationale: "the letter explains the scene",
    });
    const [from, to] = [link!.fromMemory!.id, link!.toMemory!.id];
    // The other module may be projected later: its place is asked for too.
    await client.graph.getProjection({ atLeast: at("drafts", 2) });
    const why = { why: "the letter explains the scene" };
    expect(await manualOf(from, cursor!)).toEqual([["DEPENDS_ON", "two", why]]);
    expect(await manualOf(to, cursor!)).toEqual([["DEPENDS_ON", "one", why]]);

    const { conductor } = await mesh.owner();
    const selector = { case: "ids" as const, value: create(MemoryIdsSchema, { ids: [to] }) };
    for await (const { highwayCleared } of conductor.forgetMemories({ module: "drafts", selector, reason: "test" })) {
      expect(highwayCleared).toBe(true);
    }
    const ended = { ...cursor!, position: cursor!.position + 1n };
    expect(await manualOf(from, ended)).toEqual([]);
    expect((await client.conductor.listLinks({ memory: at("letters", 1) })).links).toEqual([]);
    const { memory } = await client.conductor.getMemory(at("letters", 4));
    expect(JSON.stringify(memory!.payload)).not.toContain("explains");

    const owner = (await mesh.owner()).graph;
    for await (const { verdicts } of owner.verifyProjection({})) {
      for (const { equal, differences } of verdicts)
        expect({ equal, differences }).toEqual({ equal: true, differences: [] });
    }
  });

  test("the graph lets nobody change a link by hand", async () => {
    const { cursor } = await client.conductor.linkMemories({
      fromMemory: at("letters", 2),
      toMemory: at("letters", 3),
    });
    const { link } = await client.conductor.linkMemories({ fromMemory: at("letters", 2), toMemory: at("letters", 3) });
    const { neighbors } = await client.graph.listNeighbors({
      id: link!.fromMemory!.id,
      manualOnly: true,
      atLeast: cursor!,
    });
    const { id } = neighbors[0]!.relationship!;
    await expect(client.graph.deleteRelationship({ id, module: "letters" })).rejects.toThrow("UnlinkMemories");
  });
});

describe("how far a memory has come", () => {
  test("the graph reports by itself, and a wait ends with it", async () => {
    const { cursor } = await client.conductor.recordMemory({
      memory: { module: "drafts", eventType: "note", source: "me", text: "four" },
    });
    const status = await client.conductor.getIngestStatus(
      { module: "drafts", position: cursor!.position, waitFor: IngestStage.PROJECTED },
      { timeoutMs: 20_000 },
    );
    expect(status.projections).toMatchObject([
      { projection: "graph", state: ProjectedState.PROJECTED, detail: "" },
      { projection: "search", state: ProjectedState.PROJECTED, detail: "" },
    ]);
    expect(status.projections[0]!.cursor!.position).toBeGreaterThanOrEqual(cursor!.position);
  });

  needs("grpcurl")("grpcurl links, lists and asks how far it is", async () => {
    const call = async (method: string, request: object) => {
      const args = ["-plaintext", "-d", JSON.stringify(request), mesh.mesh.address, `${SERVICE}/${method}`];
      return JSON.parse((await runCommand(findTool("grpcurl") as string, args)).stdout);
    };
    const ends = { from_memory: { module: "drafts", position: 1 }, to_memory: { module: "letters", position: 1 } };
    expect(await call("LinkMemories", { ...ends, rationale: "by grpcurl" })).toMatchObject({
      link: { type: "LINK_TYPE_RELATES_TO", rationale: "by grpcurl", fromMemory: { excerpt: "one" } },
    });
    expect(
      (await call("ListLinks", { memory: ends.to_memory, direction: "LINK_DIRECTION_INCOMING" })).links,
    ).toHaveLength(1);
    expect(await call("UnlinkMemories", ends)).toMatchObject({ cursor: { module: "drafts" } });
    expect(await call("GetIngestStatus", { module: "letters", position: 1 })).toMatchObject({
      recorded: { cursor: { position: "1" } },
    });
  });
});

const invalid = (...fields: string[]): Refusal => ({ code: "InvalidArgument", reason: "INVALID_FIELD", fields });
const one = { module: "letters", position: "1" };
const two = { module: "letters", position: "2" };

interface BadInput {
  readonly given: string;
  readonly call: "LinkMemories" | "ListLinks" | "UnlinkMemories" | "GetIngestStatus";
  readonly request: JsonValue;
  readonly answer: Refusal;
}

const BAD: readonly BadInput[] = [
  { given: "no memories", call: "LinkMemories", request: {}, answer: invalid("from_memory", "to_memory") },
  {
    given: "an id and a position",
    call: "LinkMemories",
    request: { fromMemory: { ...one, id: "019a3f5e-7c1b-7d0e-8c55-0f6b2a9d4e11" }, toMemory: two },
    answer: invalid("from_memory"),
  },
  {
    given: "neither of the two",
    call: "LinkMemories",
    request: { fromMemory: one, toMemory: {} },
    answer: invalid("to_memory"),
  },
  {
    given: "a memory and itself",
    call: "LinkMemories",
    request: { fromMemory: one, toMemory: one },
    answer: invalid("to_memory"),
  },
  {
    given: "a rationale over 2,000 characters",
    call: "LinkMemories",
    request: { fromMemory: one, toMemory: two, rationale: "x".repeat(2001) },
    answer: invalid("rationale"),
  },
  {
    given: "a NUL in the rationale",
    call: "LinkMemories",
    request: { fromMemory: one, toMemory: two, rationale: "a\0b" },
    answer: invalid("rationale"),
  },
  {
    given: "a type that there is not",
    call: "LinkMemories",
    request: { fromMemory: one, toMemory: two, type: 9 },
    answer: invalid("type"),
  },
  {
    given: "a memory that is not there",
    call: "LinkMemories",
    request: { fromMemory: one, toMemory: { module: "letters", position: "999" } },
    answer: { code: "NotFound", reason: "MEMORY_NOT_FOUND", fields: ["to_memory"] },
  },
  { given: "no memory", call: "ListLinks", request: {}, answer: invalid("memory") },
  {
    given: "a made up page token",
    call: "ListLinks",
    request: { memory: one, pageToken: "garbage" },
    answer: { code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID", fields: ["page_token"] },
  },
  {
    given: "a link that is not there",
    call: "UnlinkMemories",
    request: { fromMemory: two, toMemory: one, type: "LINK_TYPE_DEPENDS_ON" },
    answer: { code: "NotFound", reason: "LINK_NOT_FOUND", fields: [] },
  },
  { given: "a bad UUID", call: "GetIngestStatus", request: { id: "x" }, answer: invalid("id") },
  {
    given: "a stage that there is not",
    call: "GetIngestStatus",
    request: { position: "1", waitFor: 9 },
    answer: invalid("wait_for"),
  },
  {
    given: "a projection twice",
    call: "GetIngestStatus",
    request: { position: "1", projections: ["graph", "graph"] },
    answer: invalid("projections"),
  },
];

const SCHEMAS = {
  LinkMemories: LinkMemoriesRequestSchema,
  ListLinks: ListLinksRequestSchema,
  UnlinkMemories: UnlinkMemoriesRequestSchema,
  GetIngestStatus: GetIngestStatusRequestSchema,
} as const;

/** Enums by name, and 64-bit numbers as text, as JSON has them. */
function bytesOf(call: BadInput["call"], request: JsonValue): Uint8Array {
  const schema: DescMessage = SCHEMAS[call];
  const given = JSON.parse(JSON.stringify(request), (name, value) => {
    if (name === "position") return BigInt(value);
    return value === "LINK_TYPE_DEPENDS_ON" ? LinkType.DEPENDS_ON : value;
  });
  return toBinary(schema, create(schema, given as MessageInitShape<DescMessage>));
}

describe("bad input is refused by its field, over both stacks, and nothing is written", () => {
  test.each(BAD)("$call: $given", async ({ call, request, answer }) => {
    const head = async () => (await client.modules.getModule({ name: "letters" })).module?.head?.position;
    const before = await head();
    const path = `${SERVICE}/${call}`;
    expect({
      overGrpc: await sendOverGrpc(mesh.mesh, path, bytesOf(call, request)),
      overConnect: await sendOverConnect(mesh.mesh, path, JSON.stringify(request)),
    }).toEqual({ overGrpc: answer, overConnect: answer });
    expect(await head()).toBe(before);
  });
});
