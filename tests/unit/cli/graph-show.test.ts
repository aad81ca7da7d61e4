import { create, type JsonObject } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { GetNodeRequestSchema } from "#gen/cos/graph/v1/by_hand_pb.ts";
import { type Node, Origin } from "#gen/cos/graph/v1/graph_pb.ts";
import {
  Direction,
  FindShortestPathRequestSchema,
  FindShortestPathResponseSchema,
  ListNeighborsRequestSchema,
  type Neighbor,
  NeighborOrder,
  NeighborSchema,
  SearchGraphRequestSchema,
  SearchHitSchema,
} from "#gen/cos/graph/v1/queries_pb.ts";
import { chooseTogether } from "#services/cli/graph/find-nodes.ts";
import { edge, entity, FakeGraph, idOf, memoryNode, projectionOf } from "./support/fake-graph.ts";
import { type Ran, type RunOptions, run } from "./support/run.ts";

let fake: FakeGraph;
beforeEach(() => {
  fake = new FakeGraph();
});

const graph = (argv: string[], options: RunOptions = {}): Promise<Ran> =>
  run(["graph", ...argv], { transport: fake.transport(), ...options });

const batten = entity(1, "Sir W. Batten", { memoryCount: 1022n });
const penn = entity(2, "Sir W. Pen", { memoryCount: 900n });
const office = entity(3, "Navy Office", { kind: "organisation" });

const neighbor = (relationship: Neighbor["relationship"], node: Node): Neighbor =>
  create(NeighborSchema, { node, ...(relationship && { relationship }) });

describe("show", () => {
  const made = edge(3, [batten, office], {
    type: "DEPENDS_ON",
    origin: Origin.MANUAL,
    count: 0n,
    properties: { why: "its surveyor" },
  });
  const mention = memoryNode(7, "Up, and to the office");
  beforeEach(() => {
    fake.nodes.push(
      entity(1, "Sir W. Batten", { memoryCount: 1022n, names: [{ name: "Sir W. Batten", memoryCount: 812n }] }),
    );
    fake.neighbors.push(
      neighbor(edge(1, [batten, penn], { weight: 0.62, count: 312n }), penn),
      neighbor(edge(2, [mention, batten], { type: "REFERENCES", count: 1n }), mention),
      neighbor(made, office),
    );
  });

  test("the node, its names, who occurs with it, the latest memories, what was added by hand", async () => {
    const { exitCode, stdout, stderr } = await graph(["show", "Sir W. Batten"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toBe(
      [
        "Sir W. Batten",
        "what      person",
        `id        ${batten.id}`,
        "module    pepys",
        "memories  1,022",
        "names     Sir W. Batten (812)",
        "",
        "occurs with",
        "WEIGHT  TOGETHER  WHAT    NAME",
        "  0.62       312  person  Sir W. Pen",
        "",
        "latest memories",
        "1665-06-07  pepys/7  Up, and to the office",
        "",
        "added by hand",
        "RELATIONSHIP   NODE                        SAID OF IT         ID",
        `-> DEPENDS_ON  Navy Office (organisation)  why: its surveyor  ${made.id}`,
        "",
      ].join("\n"),
    );
  });

  test("what is asked of the server: neighbours by weight, mentions that come in, all that is made by hand", async () => {
    await graph(["show", "Sir W. Batten", "--module", "pepys", "--kind", "person", "--top", "3"]);
    expect(fake.asked(GetNodeRequestSchema)).toMatchObject([
      { name: "Sir W. Batten", module: "pepys", kind: "person" },
    ]);
    const asked = fake.asked(ListNeighborsRequestSchema);
    expect(asked).toHaveLength(3);
    expect(asked).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ types: ["RELATES_TO"], order: NeighborOrder.WEIGHT, pageSize: 3 }),
        expect.objectContaining({ types: ["REFERENCES"], direction: Direction.INCOMING }),
        expect.objectContaining({ types: [], manualOnly: true }),
      ]),
    );
  });

  test("that there may be more is said where a list is full", async () => {
    const { stdout } = await graph(["show", "Sir W. Batten", "--top", "1"]);
    expect(stdout).toContain("occurs with  (there may be more: --top)\n");
  });

  test("for programs: one object", async () => {
    const { stdout } = await graph(["show", idOf(1).toUpperCase(), "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      node: { name: "Sir W. Batten" },
      neighbors: [{ node: { name: "Sir W. Pen" } }],
      memories: [{ node: { position: "7" } }],
      byHand: [{ relationship: { properties: { why: "its surveyor" } } }],
    });
  });

  test("a memory: its place and time, and whatever is next to it", async () => {
    fake.nodes.push(mention, memoryNode(8, "", { forgotten: true, label: "Prompt" }));
    const { stdout } = await graph(["show", mention.id]);
    expect(stdout).toContain("\nwhat      memory\n");
    expect(stdout).toContain("\nplace     pepys/7\n");
    expect(stdout).toContain("\ntype      diary.entry\noccurred  1665-06-07\n");
    expect(stdout).toMatch(/next to it\nRELATIONSHIP .*\n<- RELATES_TO {2}person {2}Sir W\. Pen/);
    expect(stdout).toContain("-> REFERENCES");
    expect(fake.asked(ListNeighborsRequestSchema).map(({ types }) => types)).toEqual([[], []]);
    expect((await graph(["show", idOf(9008)])).stdout).toMatch(/^\(forgotten\)\nwhat {6}prompt\n/);
  });

  test("what was added by hand: its properties and revision; a label that nobody knows yet by its own name", async () => {
    fake.nodes.push(
      entity(20, "Royal Charles", {
        kind: "ship",
        origin: Origin.MANUAL,
        memoryCount: 0n,
        revision: 12n,
        properties: { guns: 80, captain: "Cox" },
      }),
      entity(21, "", { label: "Rumour", kind: "" }),
    );
    const { stdout } = await graph(["show", "Royal Charles"]);
    expect(stdout).toContain("what        ship, added by hand\n");
    expect(stdout).toContain("properties  guns: 80, captain: Cox\nrevision    12\n");
    expect((await graph(["show", idOf(21)])).stdout).toMatch(/^pepys\nwhat {6}Rumour\n/);
  });

  test("an answer without its parts is shown as far as it goes", async () => {
    fake.neighbors.splice(0, 3, neighbor(undefined, penn), create(NeighborSchema, { relationship: made }));
    fake.neighbors.push(create(NeighborSchema, { relationship: edge(4, [batten, penn]) }));
    fake.neighbors.push(create(NeighborSchema, { relationship: edge(5, [mention, batten], { type: "REFERENCES" }) }));
    expect((await graph(["show", "Sir W. Batten"])).exitCode).toBe(0);
    fake.nodes.push(memoryNode(9, "x"));
    expect((await graph(["show", idOf(9009)])).exitCode).toBe(0);
  });
});

describe("a name", () => {
  test("is looked for in all modules that hold something; most memories decide, and it is said who else has it", async () => {
    fake.projection = projectionOf({ empty: 0, cc: 5, history: 9, pepys: 3413 });
    fake.nodes.push(entity(30, "Will", { module: "cc", memoryCount: 2n }), entity(31, "Will", { memoryCount: 40n }));
    const { stdout, stderr } = await graph(["show", "Will"]);
    expect(stdout).toContain("module    pepys\n");
    expect(stderr).toBe("cos: Will of module pepys; also in cc (--module cc)\n");
    const asked = fake.asked(GetNodeRequestSchema).map(({ module }) => module);
    expect(asked).toEqual(["pepys", "history", "cc"]);
    expect((await graph(["show", "Will", "--module", "cc"])).stdout).toContain("module    cc\n");
  });

  test("that four modules have is told of three of them", async () => {
    fake.projection = projectionOf({ a: 1, b: 1, c: 1, d: 1, e: 1 });
    for (const [index, module] of ["a", "b", "c", "d", "e"].entries()) {
      fake.nodes.push(entity(40 + index, "Will", { module, memoryCount: 1n }));
    }
    expect((await graph(["show", "Will"])).stderr).toContain("also in b, c, d and more (--module b)");
  });

  test("in very many modules is asked for in parts", async () => {
    fake.projection = projectionOf(Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`m${index}`, 1])));
    fake.nodes.push(entity(30, "Will", { module: "m39" }));
    expect((await graph(["show", "Will"])).stdout).toContain("module    m39");
    expect(fake.asked(GetNodeRequestSchema)).toHaveLength(40);
  });

  test("several names are understood in the module where most of them are", () => {
    const at = (name: string, module: string, memories: number) =>
      entity(1, name, { module, memoryCount: BigInt(memories) });
    const modulesOf = (found: Node[][]) => chooseTogether(found).map(({ module }) => module);
    expect(modulesOf([[at("a", "x", 90), at("a", "y", 1)], [at("b", "y", 1)]])).toEqual(["y", "y"]);
    expect(
      modulesOf([
        [at("a", "x", 5), at("a", "y", 4)],
        [at("b", "x", 1), at("b", "y", 9)],
      ]),
    ).toEqual(["y", "y"]);
    expect(modulesOf([[at("a", "y", 5), at("a", "x", 5)]])).toEqual(["x"]);
    expect(modulesOf([[at("a", "x", 5)], [at("b", "y", 4), at("b", "z", 7)]])).toEqual(["x", "z"]);
  });

  test("that is not there: what is called alike, and how to say that it is the same", async () => {
    fake.hits = [create(SearchHitSchema, { node: entity(50, 'Mrs. "Bess" Pepys', { memoryCount: 1n }) })];
    fake.projection = projectionOf({ pepys: [3, 5] });
    const ran = await graph(["show", "Elizabeth Pepys"]);
    expect(ran).toMatchObject({ exitCode: 3, stdout: "" });
    expect(ran.stderr.split("\n")).toEqual([
      'cos: nothing is called "Elizabeth Pepys"',
      'cos: similar: Mrs. "Bess" Pepys (person, 1 memory of pepys)',
      `cos: if one of them is meant, say so for good: \`cos graph merge 'Mrs. "Bess" Pepys' --into "Elizabeth Pepys" --module pepys\``,
      "cos: the graph is 2 memories behind the log: `cos graph projection` shows when it has caught up",
      "",
    ]);
    expect(fake.asked(SearchGraphRequestSchema).map(({ query }) => query)).toEqual([
      "Elizabeth Pepys",
      "Elizabeth",
      "Pepys",
    ]);
  });

  test("of a kind and module that is not there: only those are similar; nothing similar is no hint", async () => {
    fake.hits = [create(SearchHitSchema, { node: batten }), create(SearchHitSchema, {})];
    const argv = ["--module", "pepys", "--kind", "place"];
    expect((await graph(["show", "Batten", ...argv])).stderr).toBe("cos: no place in pepys is called Batten\n");
    expect((await graph(["show", "!!", ...argv])).stderr).toBe("cos: no place in pepys is called '!!'\n");
    expect((await graph(["show", idOf(99)])).stderr).toBe(`cos: there is no node ${idOf(99)}\n`);
  });

  test("five that are similar are enough: those with most of the words, then those of most memories", async () => {
    const names = ["Elizabeth", "Mr. Pepys", "Elizabeth Pepys’s maid", "Pepys", "Queen Elizabeth", "Pepysiana"];
    fake.hits = names.map((name, n) =>
      create(SearchHitSchema, { node: entity(60 + n, name, { memoryCount: BigInt(n) }) }),
    );
    const { stderr } = await graph(["show", "Mrs Elizabeth Pepys"]);
    const similar = stderr.split("\n")[1]!;
    expect(similar.match(/(?<=similar: |; )[^(]+(?= \()/g)).toEqual([
      "Elizabeth Pepys’s maid",
      "Pepysiana",
      "Queen Elizabeth",
      "Pepys",
      "Mr. Pepys",
    ]);
    expect(stderr).toContain('`cos graph merge NAME --into "Mrs Elizabeth Pepys" --module pepys`');
    const asked = fake.asked(SearchGraphRequestSchema).map(({ query }) => query);
    expect(asked).toEqual(["Mrs Elizabeth Pepys", "Elizabeth", "Pepys"]);
  });

  test("other failures than absence are told as they are", async () => {
    fake.refuses = () => new ConnectError("no right", Code.PermissionDenied);
    expect(await graph(["show", idOf(1)])).toMatchObject({ exitCode: 1, stderr: "cos: no right\n" });
  });

  test("in a graph that holds nothing: how it comes to hold something", async () => {
    fake.projection = projectionOf({ cc: 0 });
    const ran = await graph(["show", "Will"]);
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("the graph holds nothing yet that you may read");
  });
});

describe("path", () => {
  const hewer = entity(5, "Mr. Hewer");
  beforeEach(() => {
    fake.nodes.push(batten, hewer, office);
    fake.path = create(FindShortestPathResponseSchema, {
      nodes: [batten, hewer, office],
      relationships: [
        edge(1, [batten, hewer], {
          count: 2n,
          evidence: [
            {
              module: "pepys",
              position: 7n,
              occurredAt: timestampFromMs(Date.UTC(1665, 5, 7)),
              excerpt: "Up,\nand met",
            },
            { module: "pepys", position: 6n, occurredAt: timestampFromMs(Date.UTC(1665, 5, 6)), excerpt: "" },
          ],
        }),
        edge(2, [office, hewer], { type: "DEPENDS_ON", origin: Origin.MANUAL, properties: { why: "clerk" } }),
      ],
    });
  });

  test("the nodes, and between them what connects them, with the memories that say so", async () => {
    const { exitCode, stdout } = await graph(["path", "Sir W. Batten", "Navy Office"]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      [
        "Sir W. Batten (person, 1,022 memories of pepys)",
        "  | RELATES_TO in 2 memories",
        "  |   1665-06-07  pepys/7  Up, and met",
        "  |   1665-06-06  pepys/6  (forgotten)",
        "Mr. Hewer (person, 12 memories of pepys)",
        "  | <- DEPENDS_ON added by hand (why: clerk)",
        "Navy Office (organisation, 12 memories of pepys)",
        "",
      ].join("\n"),
    );
    expect(fake.asked(FindShortestPathRequestSchema)).toMatchObject([
      { fromId: batten.id, toId: office.id, depth: 6, evidenceMax: 3, types: [] },
    ]);
  });

  test("a step onwards that nothing is said of", async () => {
    fake.path = create(FindShortestPathResponseSchema, {
      nodes: [batten, office],
      relationships: [edge(2, [batten, office], { origin: Origin.MANUAL })],
    });
    expect((await graph(["path", "Sir W. Batten", "Navy Office"])).stdout).toContain(
      "  | -> RELATES_TO added by hand\n",
    );
  });

  test("for programs; through memories if that is wanted", async () => {
    const argv = ["Sir W. Batten", "Navy Office", "--json", "--memories", "--depth", "12", "--evidence", "1"];
    const { stdout } = await graph(["path", ...argv]);
    expect((JSON.parse(stdout) as JsonObject).nodes).toHaveLength(3);
    const [asked] = fake.asked(FindShortestPathRequestSchema);
    expect(asked).toMatchObject({ depth: 12, evidenceMax: 1 });
    expect(asked?.types).toContain("REFERENCES");
    expect(asked?.types).not.toContain("CONTAINS");
  });

  test("none: what else could be tried, with 3", async () => {
    fake.path = create(FindShortestPathResponseSchema);
    const none = await graph(["path", "Sir W. Batten", "Navy Office"]);
    expect(none.exitCode).toBe(3);
    expect(none.stderr).toMatch(/are not connected within 6 steps\ncos: --depth 12 looks further; --memories goes/);
    const further = await graph(["path", "Sir W. Batten", "Navy Office", "--memories", "--depth", "12"]);
    expect(further.stderr).toMatch(/are not connected within 12 steps\n$/);
    fake.path.truncated = true;
    const cut = await graph(["path", "Sir W. Batten", "Navy Office", "--depth", "4"]);
    expect(cut.stderr).toMatch(/before the search ended at its limit\ncos: .* --depth 3\n$/);
  });

  test("one and the same", async () => {
    fake.names.set("pepys Sir William Batten", batten);
    const ran = await graph(["path", "Sir W. Batten", "Sir William Batten"]);
    expect(ran).toMatchObject({ exitCode: 1 });
    expect(ran.stderr).toContain("both are names of one: Sir W. Batten (person");
  });
});
