import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { AliasSchema, MergeEntitiesRequestSchema, SplitEntityRequestSchema } from "#gen/cos/graph/v1/aliases_pb.ts";
import {
  CreateNodeRequestSchema,
  CreateRelationshipRequestSchema,
  DeleteNodeRequestSchema,
  DeleteRelationshipRequestSchema,
  UpdateNodeRequestSchema,
  UpdateRelationshipRequestSchema,
} from "#gen/cos/graph/v1/by_hand_pb.ts";
import { Origin } from "#gen/cos/graph/v1/graph_pb.ts";
import { SearchHitSchema } from "#gen/cos/graph/v1/queries_pb.ts";
import { edge, entity, FakeGraph, idOf, projectionOf } from "./support/fake-graph.ts";
import { type Ran, run } from "./support/run.ts";

let fake: FakeGraph;
beforeEach(() => {
  fake = new FakeGraph();
});

const graph = (...argv: string[]): Promise<Ran> => run(["graph", ...argv], { transport: fake.transport() });

const ship = entity(1, "Royal Charles", { kind: "ship", origin: Origin.MANUAL, memoryCount: 0n, revision: 12n });
const hewer = entity(2, "Mr. Hewer");
const office = entity(3, "Navy Office", { kind: "organisation" });
const made = edge(1, [hewer, office], { origin: Origin.MANUAL, count: 0n, revision: 13n, type: "DEPENDS_ON" });

describe("add node", () => {
  test("with kind and properties: numbers, truth values and texts as they read", async () => {
    const argv = ["--name", "Royal Charles", "--kind", "ship", "--module", "cc", "--label", "Concept"];
    const properties = ["guns=80", "sunk=false", "captain=Cox=x", 'year="1660"', "tons=007"];
    const ran = await graph("add", "node", ...argv, ...properties.flatMap((each) => ["--property", each]));
    expect(ran).toMatchObject({ exitCode: 0, stderr: "" });
    expect(ran.stdout).toBe(`added Royal Charles (ship)  ${idOf(700)}  in the log at pepys/3414\n`);
    expect(fake.asked(CreateNodeRequestSchema)).toMatchObject([
      {
        node: {
          module: "cc",
          name: "Royal Charles",
          kind: "ship",
          label: "Concept",
          properties: { guns: 80, sunk: false, captain: "Cox=x", year: "1660", tons: "007" },
        },
      },
    ]);
  });

  test("in the only module of the graph, which is said; else in cc", async () => {
    const { stdout, stderr } = await graph("add", "node", "--name", "x", "--json");
    expect(stderr).toBe("cos: in module pepys, the only one in the graph\n");
    expect(JSON.parse(stdout)).toMatchObject({ node: { module: "pepys" }, cursor: { position: "3414" } });
    fake.projection = projectionOf({ cc: 1, pepys: 3 });
    expect((await graph("add", "node", "--name", "x")).stderr).toBe("");
    fake.projection = projectionOf({ cc: 1 });
    expect((await graph("add", "node", "--name", "x")).stderr).toBe("");
    const modules = fake.asked(CreateNodeRequestSchema).map(({ node }) => node?.module);
    expect(modules).toEqual(["pepys", "cc", "cc"]);
  });

  test("a property that is given twice is refused without asking", async () => {
    const ran = await graph("add", "node", "--name", "x", "--property", "a=1", "--property", "a=2");
    expect(ran).toMatchObject({ exitCode: 2, stderr: "cos: --property a is given twice\n", addresses: [] });
  });
});

describe("add edge", () => {
  beforeEach(() => void fake.nodes.push(hewer, office));

  test("between names, with the reason, in the module of the first", async () => {
    const ran = await graph("add", "edge", "Mr. Hewer", "Navy Office", "--why", "a clerk", "--property", "sure=true");
    expect(ran.stdout).toBe(`added Mr. Hewer -> RELATES_TO -> Navy Office  ${idOf(5700)}  in the log at pepys/3414\n`);
    await graph("add", "edge", hewer.id, office.id, "--type", "DEPENDS_ON", "--module", "drafts", "--json");
    expect(fake.asked(CreateRelationshipRequestSchema)).toMatchObject([
      {
        relationship: {
          module: "pepys",
          type: "RELATES_TO",
          fromId: hewer.id,
          toId: office.id,
          properties: { why: "a clerk", sure: true },
        },
      },
      { relationship: { module: "drafts", type: "DEPENDS_ON" } },
    ]);
  });

  test("not from a node to itself", async () => {
    const ran = await graph("add", "edge", "Mr. Hewer", hewer.id);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("both are names of one: Mr. Hewer");
  });
});

describe("edit", () => {
  beforeEach(() => {
    fake.nodes.push(ship);
    fake.relationships.push(made);
  });

  test("a node: what is given is in the mask, what is to go is there without a value, the revision goes along", async () => {
    const argv = ["--name", "Naseby", "--kind", "warship", "--property", "guns=82", "--remove", "captain"];
    const ran = await graph("edit", "Royal Charles", ...argv);
    expect(ran.stdout).toMatch(/^changed Royal Charles \(ship\) {2}/);
    expect(fake.asked(UpdateNodeRequestSchema)).toMatchObject([
      {
        id: ship.id,
        revision: 12n,
        node: { module: "pepys", name: "Naseby", kind: "warship", properties: { guns: 82 } },
        updateMask: { paths: ["name", "kind", "properties.guns", "properties.captain"] },
      },
    ]);
  });

  test("a relationship, by its id", async () => {
    const ran = await graph("edit", made.id, "--type", "REFERENCES", "--property", "why=so", "--module", "pepys");
    expect(ran.stdout).toBe(`changed DEPENDS_ON  ${made.id}  in the log at pepys/3414\n`);
    await graph("edit", made.id, "--remove", "why");
    expect(fake.asked(UpdateRelationshipRequestSchema)).toMatchObject([
      {
        revision: 13n,
        relationship: { type: "REFERENCES", properties: { why: "so" } },
        updateMask: { paths: ["type", "properties.why"] },
      },
      { relationship: { type: "" }, updateMask: { paths: ["properties.why"] } },
    ]);
  });

  test("for programs", async () => {
    const node = await graph("edit", ship.id, "--name", "x", "--json");
    expect(JSON.parse(node.stdout)).toMatchObject({ node: { name: "Royal Charles" } });
    const relationship = await graph("edit", made.id, "--remove", "x", "--json");
    expect(JSON.parse(relationship.stdout)).toMatchObject({ relationship: { type: "DEPENDS_ON" } });
  });

  test.each([
    [["Royal Charles"], "nothing to change: give --name, --kind, --type, --property or --remove"],
    [["Royal Charles", "--property", "a=1", "--remove", "a"], "a is to be set and to be removed"],
    [["Royal Charles", "--type", "DEPENDS_ON"], "--type is for relationships, and this is a node"],
    [[made.id, "--name", "x"], "--name and --kind are for nodes, and this is a relationship"],
    [[made.id, "--kind", "x"], "--name and --kind are for nodes, and this is a relationship"],
  ])("%j makes no sense", async (argv, message) => {
    expect(await graph("edit", ...argv)).toMatchObject({ exitCode: 2, stderr: `cos: ${message}\n` });
  });

  test("what cannot be asked for is no absence", async () => {
    fake.refuses = () => new ConnectError("no right", Code.PermissionDenied);
    expect((await graph("edit", "Royal Charles", "--name", "x")).exitCode).toBe(1);
  });
});

describe("rm", () => {
  beforeEach(() => {
    fake.nodes.push(ship);
    fake.relationships.push(made);
  });

  test("a node by its name, with what touches it if that is wanted", async () => {
    expect((await graph("rm", "Royal Charles")).stdout).toMatch(/^removed Royal Charles \(ship\) .* at pepys\/3414\n$/);
    const forced = await graph("rm", ship.id, "--force", "--json");
    expect(JSON.parse(forced.stdout)).toMatchObject({ cursor: { module: "pepys" } });
    expect(fake.asked(DeleteNodeRequestSchema)).toMatchObject([
      { id: ship.id, module: "pepys", revision: 12n, force: false },
      { force: true },
    ]);
  });

  test("a relationship by its id", async () => {
    expect((await graph("rm", made.id)).stdout).toBe(`removed DEPENDS_ON  ${made.id}  in the log at pepys/3414\n`);
    expect(JSON.parse((await graph("rm", made.id, "--json")).stdout)).toHaveProperty("cursor");
    expect(fake.asked(DeleteRelationshipRequestSchema)[0]).toMatchObject({ id: made.id, revision: 13n });
  });

  test("neither", async () => {
    expect(await graph("rm", idOf(77))).toMatchObject({ exitCode: 3, stderr: `cos: there is no node ${idOf(77)}\n` });
  });
});

describe("merge", () => {
  test("names as they are typed, with the kinds of what is found; ids by the name of their node", async () => {
    fake.nodes.push(hewer, entity(4, "Will", { kind: "person" }));
    const ran = await graph("merge", "Will", hewer.id, "--into", "Will Hewer");
    expect(ran.stdout).toMatch(/^merged into Will Hewer \(person\) {2}/);
    await graph("merge", "Will", "--into", "Hewers", "--kind", "organisation", "--module", "pepys", "--json");
    expect(fake.asked(MergeEntitiesRequestSchema)).toMatchObject([
      {
        module: "pepys",
        entities: [
          { kind: "person", name: "Will" },
          { kind: "person", name: "Mr. Hewer" },
        ],
        into: { kind: "person", name: "Will Hewer" },
      },
      { into: { kind: "organisation", name: "Hewers" } },
    ]);
  });

  test("not what is of different modules", async () => {
    fake.projection = projectionOf({ cc: 1, pepys: 3 });
    fake.nodes.push(hewer, entity(4, "Will", { module: "cc" }));
    const ran = await graph("merge", "Mr. Hewer", "Will", "--into", "x");
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toContain("Will (person, 12 memories of cc) are of different modules");
  });

  test("a name that is not there: what is called alike", async () => {
    fake.hits = [create(SearchHitSchema, { node: hewer })];
    const ran = await graph("merge", "Hewer", "--into", "Will Hewer");
    expect(ran.exitCode).toBe(3);
    expect(ran.stderr).toContain("similar: Mr. Hewer");
  });
});

describe("split", () => {
  test("a name from an entity, and what is left of it", async () => {
    fake.nodes.push(hewer);
    fake.split = { entity: hewer, split: entity(9, "Will") };
    const ran = await graph("split", "Mr. Hewer", "--name", "Will");
    expect(ran.stdout).toMatch(/^split off Will \(person\) {2}/);
    expect(ran.stderr).toBe("cos: what is left: Mr. Hewer (person, 12 memories of pepys)\n");
    fake.split = {};
    expect((await graph("split", "Mr. Hewer", "--name", "Will", "--module", "pepys")).stderr).toBe(
      "cos: nothing is left of it\n",
    );
    await graph("split", hewer.id, "--name", "Will", "--kind", "work", "--json");
    expect(fake.asked(SplitEntityRequestSchema).slice(1)).toMatchObject([
      { entity: { kind: "person", name: "Mr. Hewer" }, name: { kind: "person", name: "Will" } },
      { entity: { kind: "person", name: "Mr. Hewer" }, name: { kind: "work", name: "Will" } },
    ]);
  });
});

describe("aliases", () => {
  const alias = create(AliasSchema, {
    name: { kind: "person", name: "will" },
    entity: { kind: "person", name: "Will Hewer" },
  });

  test("of all modules, or of one", async () => {
    fake.projection = projectionOf({ cc: 1, pepys: 3 });
    fake.aliases.set("pepys", [alias, create(AliasSchema)]);
    fake.aliases.set("cc", [alias]);
    const pages = await graph("aliases", "--module", "pepys", "--json");
    expect(pages.stdout.trimEnd().split("\n")).toHaveLength(2);
    expect((await graph("aliases")).stdout.split("\n").slice(0, 2)).toEqual([
      "MODULE  NAME  KIND    MEANS       KIND",
      "pepys   will  person  Will Hewer  person",
    ]);
    const { stdout } = await graph("aliases", "--module", "cc", "--json");
    expect(JSON.parse(stdout)).toMatchObject({ module: "cc", name: { name: "will" } });
  });

  test("none", async () => {
    expect(await graph("aliases")).toMatchObject({
      exitCode: 0,
      stdout: "",
      stderr: expect.stringContaining("nothing was merged or split by hand"),
    });
  });
});
