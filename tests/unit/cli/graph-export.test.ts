import { create, type JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { type Node, Origin, type Relationship } from "#gen/cos/graph/v1/graph_pb.ts";
import { ExportGraphRequestSchema, ExportGraphResponseSchema } from "#gen/cos/graph/v1/surveys_pb.ts";
import { type Selection, selectGraph } from "#services/cli/graph/export/select-graph.ts";
import { edge, entity, FakeGraph, idOf, memoryNode, projectionOf } from "./support/fake-graph.ts";
import { type Ran, type RunOptions, run } from "./support/run.ts";

let fake: FakeGraph;
beforeEach(() => {
  fake = new FakeGraph();
});

const HOSTILE = 'a "b" <c> & \\d\\n #e; `f`\u0000\u0007\u001b[2J\uFFFE\n]]> \u202E--> 日本';
const people = [
  entity(1, "Sir W. Batten", { memoryCount: 50n }),
  entity(2, HOSTILE, { kind: "place", memoryCount: 40n }),
  entity(3, "1. Royal Charles", {
    kind: "ship",
    origin: Origin.MANUAL,
    memoryCount: 0n,
    properties: { note: HOSTILE, guns: 80 },
  }),
  entity(4, "rare", { label: "Concept", kind: "concept", memoryCount: 1n }),
] as const;
const [batten, hostile, ship, rare] = people;
const relationships = [
  edge(1, [batten, hostile], { count: 16n }),
  edge(2, [batten, rare], { count: 1n }),
  edge(3, [ship, batten], { type: "DEPENDS_ON", origin: Origin.MANUAL, count: 0n, properties: { why: HOSTILE } }),
  edge(4, [batten, entity(99, "elsewhere")]),
];

const frame = (nodes: readonly Node[], edges: readonly Relationship[] = []) =>
  create(ExportGraphResponseSchema, { nodes: [...nodes], relationships: [...edges] });

async function exported(format: string, argv: string[] = [], options: RunOptions = {}): Promise<Ran> {
  if (fake.exports.length === 0)
    fake.exports = [frame(people.slice(0, 2)), frame(people.slice(2)), frame([], relationships)];
  return run(["graph", "export", "--format", format, ...argv], { transport: fake.transport(), ...options });
}

/** The elements of an XML text: fails on what is not well-formed, as far as GraphML uses XML. */
function xmlElements(xml: string): { name: string; attributes: Record<string, string>; text: string }[] {
  const elements: { name: string; attributes: Record<string, string>; text: string }[] = [];
  const open: { name: string; text: string }[] = [];
  const token = /<\?xml [^<>]*\?>|<(\/?)([a-z]+)((?: [a-z.]+="[^"<>]*")*)(\/?)>|([^<>]+)/gy;
  const resolved = (text: string): string => {
    expect(text).not.toMatch(/&(?!(?:amp|lt|gt|quot|apos);)/);
    const names: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
    return text.replace(/&(\w+);/g, (_, name: string) => names[name]!);
  };
  let end = 0;
  for (const match of xml.matchAll(token)) {
    end = match.index + match[0].length;
    const [, closing, name, attributes = "", empty, text] = match;
    if (text !== undefined) {
      if (open.length > 0) open.at(-1)!.text += resolved(text);
    } else if (closing === "/") {
      expect(open.pop()?.name).toBe(name);
    } else if (name !== undefined) {
      const pairs = [...attributes.matchAll(/ ([a-z.]+)="([^"]*)"/g)].map(([, key, value]) => [key!, resolved(value!)]);
      const element = { name, attributes: Object.fromEntries(pairs) as Record<string, string>, text: "" };
      elements.push(element);
      if (empty === "") open.push(element);
    }
  }
  expect({ end, open }).toEqual({ end: xml.length, open: [] });
  return elements;
}

describe("GraphML", () => {
  test("is well-formed, with declared keys, whatever names hold", async () => {
    const { exitCode, stdout, stderr } = await exported("graphml");
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "cos: 4 nodes and 3 relationships of pepys\n" });
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000B-\u001F\u007F\uFFFE\uFFFF]/);
    const elements = xmlElements(stdout);
    const keys = elements.filter(({ name }) => name === "key").map(({ attributes }) => attributes.id);
    const used = elements.filter(({ name }) => name === "data").map(({ attributes }) => attributes.key);
    expect(keys).toEqual(expect.arrayContaining([...new Set(used)]));
    const texts = elements.map(({ text }) => text);
    expect(texts).toContain('a "b" <c> & \\d\\n #e; `f`[2J ]]> --> 日本');
    const properties = texts.filter((text) => text.startsWith("{")).map((text) => JSON.parse(text) as JsonObject);
    expect(properties).toContainEqual({ guns: 80, note: HOSTILE.replace("\uFFFE", "") });
  });

  test("tells Gephi names and weights, and which relationships have a direction", async () => {
    const { stdout } = await exported("graphml", ["--labels", "all"]);
    expect(stdout).toContain('<key id="edge_weight" for="edge" attr.name="weight" attr.type="double"/>');
    expect(stdout).toContain(`<node id="${idOf(1)}"><data key="node_label">Sir W. Batten</data>`);
    expect(stdout).toContain(
      `<edge id="${idOf(5001)}" source="${idOf(1)}" target="${idOf(2)}" directed="false"><data key="edge_weight">16</data>`,
    );
    expect(stdout).toContain(`source="${idOf(3)}" target="${idOf(1)}"><data key="edge_weight">1</data>`);
    expect(fake.asked(ExportGraphRequestSchema)).toMatchObject([{ module: "pepys", labels: [] }]);
  });

  test("of memories: places and times, and what is forgotten", async () => {
    fake.exports = [frame([memoryNode(7, "Up"), memoryNode(8, "", { forgotten: true, occurredAt: undefined })])];
    const { stdout } = await exported("graphml");
    expect(stdout).toContain('<data key="node_position">7</data><data key="node_event_type">diary.entry</data>');
    expect(stdout).toContain('<data key="node_occurred_at">1665-06-07T00:00:00Z</data>');
    expect(stdout).toContain('<data key="node_forgotten">true</data>');
  });
});

test("JSON lines are the messages, also by --json", async () => {
  const { stdout } = await exported("jsonl");
  expect((await exported("graphml", ["--json"])).stdout).toBe(stdout);
  const objects = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as JsonObject);
  expect(objects.map((each) => Object.keys(each)[0])).toEqual([
    ...["node", "node", "node", "node"],
    ...["relationship", "relationship", "relationship"],
  ]);
  expect(objects[1]).toMatchObject({ node: { name: HOSTILE } });
});

describe("DOT", () => {
  const STRING = '"(?:[^"\\\\\\n]|\\\\["\\\\])*"';
  const ATTRIBUTES = `\\[(?:\\w+=${STRING}(?:, )?)*\\]`;

  test("is quoted and balanced, whatever names hold", async () => {
    const { stdout } = await exported("dot");
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toBe('digraph "pepys" {');
    expect(lines.at(-1)).toBe("}");
    for (const line of lines.slice(4, -1)) {
      expect(line).toMatch(new RegExp(`^  ${STRING}(?: -> ${STRING})? ${ATTRIBUTES};$`));
    }
    expect(lines[5]).toContain('label="a \\"b\\" <c> & \\\\d\\\\n #e; `f`[2J\uFFFE ]]> --> 日本"');
  });

  test("draws what occurs together without an arrow, the thicker the more often; what is made by hand with one", async () => {
    const { stdout } = await exported("dot");
    expect(stdout).toContain(`"${idOf(1)}" -> "${idOf(2)}" [dir="none", weight="16", penwidth="3.00"];`);
    expect(stdout).toContain(`"${idOf(1)}" -> "${idOf(4)}" [dir="none", weight="1"];`);
    expect(stdout).toContain(`"${idOf(3)}" -> "${idOf(1)}" [label="DEPENDS_ON", style="bold", weight="1"];`);
    expect(stdout).toContain('shape="box"');
  });
});

describe("Mermaid", () => {
  test("is a fenced flowchart with short ids; what could mean something to it is a number", async () => {
    const { stdout } = await exported("mermaid");
    expect(stdout.split("\n")).toEqual([
      "```mermaid",
      "flowchart LR",
      '  n1["Sir W. Batten"]',
      '  n2["a #34;b#34; #60;c#62; #38; #92;d#92;n #35;e#59; #96;f#96;#91;2J#65534; #93;#93;#62; --#62; 日…"]',
      '  n3["rare"]',
      '  n4["1#46; Royal Charles"]',
      '  n4 -->|"DEPENDS_ON"| n1',
      '  n1 ---|"16"| n2',
      '  n1 ---|"1"| n3',
      "```",
      "",
    ]);
  });

  test("is bounded: the 50 nodes of the most memories, and the 200 strongest relationships", async () => {
    const nodes = Array.from({ length: 120 }, (_, n) => entity(n + 1, `n${n}`, { memoryCount: BigInt(n) }));
    const edges = nodes.flatMap((from, a) =>
      nodes.slice(a + 1).map((to, b) => edge(a * 200 + b, [from, to], { count: BigInt(a) })),
    );
    fake.exports = [frame(nodes), frame([], edges)];
    const { stdout, stderr } = await exported("mermaid");
    expect(stderr).toBe("cos: 50 nodes and 200 relationships of pepys\n");
    expect(stdout).toContain('n1["n119"]');
    expect(stdout).not.toContain('["n69"]');
    expect(stdout.length).toBeLessThan(50_000);
    expect((await exported("mermaid", ["--top", "3"])).stderr).toContain("3 nodes and 3 relationships");
  });
});

describe("what is exported", () => {
  test("of the module with the most memories, if none is named; entities and concepts", async () => {
    fake.projection = projectionOf({ cc: 4, pepys: 9, zz: 9 });
    await exported("jsonl");
    await exported("jsonl", ["--module", "cc"]);
    expect(fake.asked(ExportGraphRequestSchema)).toMatchObject([
      { module: "pepys", labels: ["Entity", "Concept"] },
      { module: "cc" },
    ]);
  });

  async function selected(selection: Partial<Selection>, frames = [frame(people), frame([], relationships)]) {
    async function* stream() {
      yield* frames;
    }
    const items = await Array.fromAsync(selectGraph(stream(), { minCount: 1, ...selection }));
    return items.map((item) => Number((item.kind === "node" ? item.node.id : item.relationship.id).slice(-4)));
  }

  test("relationships only between nodes that are", async () => {
    expect(await selected({})).toEqual([1, 2, 3, 4, 5001, 5002, 5003]);
  });

  test("what fewer memories mention is left out, but for what was made by hand or is not counted", async () => {
    const frames = [
      frame([...people, memoryNode(7, "Up")]),
      frame([], [...relationships, edge(5, [memoryNode(7, ""), batten], { type: "REFERENCES", count: 1n })]),
    ];
    expect(await selected({ minCount: 2 }, frames)).toEqual([1, 2, 3, 9007, 5001, 5003, 5005]);
    expect(await selected({ minCount: 41 }, frames)).toEqual([1, 3, 9007, 5003, 5005]);
  });

  test("the nodes with the most memories, whether relationships follow or not", async () => {
    expect(await selected({ top: 2 })).toEqual([1, 2, 5001]);
    expect(await selected({ top: 1 }, [frame(people)])).toEqual([1]);
    const many = Array.from({ length: 5000 }, (_, n) => entity(n, "x", { memoryCount: BigInt(n) }));
    expect(await selected({ top: 2 }, [frame(many)])).toEqual([4999, 4998]);
  });

  test("ties go by id, so that an export is the same each time", async () => {
    const same = [3, 1, 2].map((n) => entity(n, "x"));
    expect(await selected({ top: 2 }, [frame(same)])).toEqual([1, 2]);
  });
});

test("much is written piece by piece", async () => {
  fake.exports = [frame(Array.from({ length: 2000 }, (_, n) => entity(n, `name ${n}`)))];
  const written: number[] = [];
  const ran = await exported("jsonl", [], { onStdout: (text) => written.push(text.length) });
  expect(ran.stdout.trimEnd().split("\n")).toHaveLength(2000);
  expect(written.length).toBeGreaterThan(5);
});

test("a stream that breaks is a failure, and Ctrl-C is 130", async () => {
  fake.breaks = new ConnectError("the engine is gone", Code.Unavailable);
  expect((await exported("jsonl")).exitCode).toBe(4);
  expect((await exported("jsonl", [], { signal: AbortSignal.abort() })).exitCode).toBe(130);
});
