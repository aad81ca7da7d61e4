import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { Origin } from "#gen/cos/graph/v1/graph_pb.ts";
import { SearchGraphRequestSchema, SearchHitSchema } from "#gen/cos/graph/v1/queries_pb.ts";
import { ListTopicsRequestSchema, ListTopicsResponseSchema, ModuleStatsSchema } from "#gen/cos/graph/v1/surveys_pb.ts";
import { entity, FakeGraph, memoryNode, projectionOf } from "./support/fake-graph.ts";
import { type Ran, type RunOptions, run } from "./support/run.ts";

let fake: FakeGraph;
beforeEach(() => {
  fake = new FakeGraph();
});

const graph = (argv: string[], options: RunOptions = {}): Promise<Ran> =>
  run(["graph", ...argv], { transport: fake.transport(), ...options });

const batten = entity(1, "Sir W. Batten", { memoryCount: 1022n });

describe("where the graph is", () => {
  test("the option's address, else the environment's, else this machine's", async () => {
    const env = { COS_GRAPH_ADDRESS: "dns:///graph.example:1" };
    expect((await graph(["stats", "--address", "[::1]:9"], { env })).addresses).toEqual(["[::1]:9"]);
    expect((await graph(["stats"], { env })).addresses).toEqual(["dns:///graph.example:1"]);
    expect((await graph(["stats"])).addresses).toEqual(["127.0.0.1:50052"]);
  });

  test("nobody there: said with what to do, and 4", async () => {
    fake.refuses = () => new ConnectError("connect ECONNREFUSED", Code.Unavailable);
    expect(await graph(["stats"])).toMatchObject({
      exitCode: 4,
      stderr: "cos: the graph does not answer at 127.0.0.1:50052: is `npm start` running?\n",
    });
  });

  test("somebody there who has no graph, such as the conductor", async () => {
    fake.refuses = () => new ConnectError("no such service", Code.Unimplemented);
    expect((await graph(["stats"])).stderr).toBe(
      "cos: whoever is at 127.0.0.1:50052 has no graph, or an older one: COS_GRAPH_ADDRESS (or --address) says where the graph is\n",
    );
  });
});

describe("stats", () => {
  beforeEach(() => {
    fake.projection = projectionOf({ cc: [0, 0], pepys: [3000, 3413] });
    fake.stats = ["cc", "pepys"].map((module) =>
      create(ModuleStatsSchema, {
        module,
        nodes: [
          { label: "Entity", kind: "person", origin: Origin.DERIVED, count: 1234n },
          { label: "Entity", kind: "ship", origin: Origin.MANUAL, count: 1n },
        ],
        relationships: module === "cc" ? [] : [{ type: "RELATES_TO", origin: Origin.DERIVED, count: 5n }],
      }),
    );
  });

  test("a table for each module, with the place in the log", async () => {
    const { exitCode, stdout } = await graph(["stats"]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      [
        "cc  1,235 nodes, 0 relationships; at 0 of 0",
        "NODES   KIND    MADE     COUNT",
        "Entity  person           1,234",
        "Entity  ship    by hand      1",
        "",
        "pepys  1,235 nodes, 5 relationships; at 3,000 of 3,413, a moment behind",
        "NODES   KIND    MADE     COUNT",
        "Entity  person           1,234",
        "Entity  ship    by hand      1",
        "RELATIONSHIPS  COUNT",
        "RELATES_TO         5",
        "",
      ].join("\n"),
    );
  });

  test("one module, for programs", async () => {
    const { stdout } = await graph(["stats", "--module", "pepys", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      module: "pepys",
      relationships: [{ type: "RELATES_TO", count: "5" }],
      projection: { head: "3413", lagPositions: "413" },
    });
    fake.projection = projectionOf({});
    expect(JSON.parse((await graph(["stats", "--module", "pepys", "--json"])).stdout)).not.toHaveProperty("projection");
    expect((await graph(["stats", "--module", "pepys"])).stdout).toMatch(/^pepys {2}1,235 nodes, 5 relationships\n/);
  });

  test("an empty graph says how it is filled", async () => {
    fake.stats = [];
    const ran = await graph(["stats"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "" });
    expect(ran.stderr).toContain("the graph is empty: record something");
  });
});

describe("search", () => {
  beforeEach(() => {
    fake.hits = [
      create(SearchHitSchema, { node: batten, matchedName: "Sir William Batten", score: 1.5 }),
      create(SearchHitSchema, { node: memoryNode(7, "Up, and Sir W. Batten\u001b[2J and I"), score: 0.25 }),
      create(SearchHitSchema, {}),
    ];
  });

  test("entities and memories with scores, and nothing that a terminal would act upon", async () => {
    const { exitCode, stdout } = await graph(["search", "batten"]);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      [
        "SCORE  WHAT    MEMORIES  NAME                            FOUND AS            WHERE",
        " 1.50  person     1,022  Sir W. Batten                   Sir William Batten  pepys",
        " 0.25  memory            Up, and Sir W. Batten[2J and I                      pepys/7",
        "",
      ].join("\n"),
    );
  });

  test("on a narrow terminal the name gives way", async () => {
    const { stdout } = await graph(["search", "batten"], { isTTY: true, columns: 70, env: { NO_COLOR: "1" } });
    expect(stdout).toContain("Up, and Sir W. …");
    for (const line of stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(70);
  });

  test("what is asked, and the hits for programs", async () => {
    const argv = ["search", "batten", "--labels", "entity,CONCEPT", "--top", "5", "--module", "pepys", "--json"];
    const { stdout } = await graph(argv);
    expect(JSON.parse(stdout.split("\n")[0]!)).toMatchObject({ score: 1.5, node: { name: "Sir W. Batten" } });
    expect(fake.asked(SearchGraphRequestSchema)[0]).toMatchObject({
      query: "batten",
      labels: ["Entity", "Concept"],
      limit: 5,
      module: "pepys",
    });
  });

  test("nothing found is said, and that the graph is still behind", async () => {
    fake.projection = projectionOf({ pepys: [1, 3] });
    const ran = await graph(["search", "nobody"]);
    expect(ran).toMatchObject({ exitCode: 0, stdout: "" });
    expect(ran.stderr).toMatch(/^cos: nothing has a name .*\ncos: the graph is 2 memories behind the log: `cos graph/);
    fake.projection = projectionOf({ pepys: 3 });
    expect((await graph(["search", "nobody"])).stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

describe("between", () => {
  const plague = create(ListTopicsResponseSchema, {
    memoryCount: 200n,
    topics: [
      {
        node: entity(8, "the plague", { kind: "concept" }),
        memoryCount: 90n,
        weight: 0.51234,
        firstAt: timestampFromMs(Date.UTC(1665, 5, 7)),
        lastAt: timestampFromMs(Date.UTC(1665, 11, 31)),
      },
      { memoryCount: 1n },
    ],
  });

  test("who and what a time was about; the module with the most memories of it answers", async () => {
    fake.projection = projectionOf({ cc: 5, pepys: 4 });
    fake.topics.set("cc", create(ListTopicsResponseSchema, { memoryCount: 3n }));
    fake.topics.set("pepys", plague);
    const ran = await graph([
      "between",
      "1665-06-01",
      "1665-12-31",
      "--top",
      "2",
      "--kind",
      "concept",
      "--kind",
      "place",
    ]);
    expect(ran.exitCode).toBe(0);
    expect(ran.stderr).toBe("cos: 200 memories of pepys from 1665-06-01 to before 1666-01-01\n");
    expect(ran.stdout.split("\n").slice(0, 2)).toEqual([
      "WEIGHT  MEMORIES  WHAT     NAME        FIRST       LAST",
      "0.5123        90  concept  the plague  1665-06-07  1665-12-31",
    ]);
    expect(fake.asked(ListTopicsRequestSchema)[1]).toMatchObject({
      module: "pepys",
      kinds: ["concept", "place"],
      limit: 2,
      // The last day belongs to it.
      occurred: { since: timestampFromMs(Date.UTC(1665, 5, 1)), until: timestampFromMs(Date.UTC(1666, 0, 1)) },
    });
  });

  test("for programs, with the module", async () => {
    fake.topics.set("pepys", plague);
    const { stdout } = await graph(["between", "1665-06-01", "1665-12-31T12:00:00Z", "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ module: "pepys", memoryCount: "200" });
  });

  test("nothing that happened, or nobody who is named, is said", async () => {
    expect((await graph(["between", "1665-06-01", "1665-06-01"])).stderr).toBe(
      "cos: no memory of any module happened from 1665-06-01 to before 1665-06-02\n",
    );
    expect((await graph(["between", "1665-06-01", "1665-06-01", "--module", "cc"])).stderr).toContain("memory of cc");
    fake.topics.set("pepys", create(ListTopicsResponseSchema, { memoryCount: 1n }));
    expect((await graph(["between", "1665-06-01", "1665-06-01"])).stderr).toContain("they name nobody and nothing");
  });

  test("a time that ends before it begins is refused without asking", async () => {
    const ran = await graph(["between", "1665-06-02", "1665-06-01"]);
    expect(ran).toMatchObject({ exitCode: 2, addresses: [] });
    expect(ran.stderr).toContain("the earlier day comes first");
    const sameInstant = await graph(["between", "1665-06-02T00:00:00Z", "1665-06-02T00:00:00Z"]);
    expect(sameInstant.exitCode).toBe(2);
  });
});

test("lag is told in milliseconds or seconds", async () => {
  fake.projection = projectionOf({ pepys: [1, 3] });
  fake.stats = [create(ModuleStatsSchema, { module: "pepys" })];
  const behind = async (ms: number): Promise<string> => {
    fake.projection.modules[0]!.lag = durationFromMs(ms);
    return (await graph(["stats"])).stdout;
  };
  expect(await behind(45)).toContain("at 1 of 3, 45 ms behind");
  expect(await behind(2_140)).toContain("at 1 of 3, 2.1 s behind");
});
