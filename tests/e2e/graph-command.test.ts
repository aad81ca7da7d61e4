import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { requireTool } from "#tests/support/find-tool.ts";
import { runCommand, startCommand } from "#tests/support/mesh-command.ts";
import { type GraphMesh, openGraphMesh } from "#tests/support/mesh-graph.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";
import { run } from "#tests/unit/cli/support/run.ts";

jest.setTimeout(120_000);

const COS = join(ROOT, "bin", "cos.mjs");
const DAYS = 40;

const folder = await temporaryFolder();
let mesh: GraphMesh;
const env = () => ({ COS_CONDUCTOR_ADDRESS: mesh.mesh.address, COS_GRAPH_ADDRESS: mesh.address });
/** The command in this process, which is as good and sooner there; signals want a process of its own. */
const cos = async (...args: string[]) => {
  const { exitCode: code, stdout, stderr } = await run(args, { openTransport, env: env() });
  return { code, stdout, stderr };
};
const graph = (...args: string[]) => cos("graph", ...args);
const objects = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

/** Memories that name a few people and places, some of them together. */
function diary(): string {
  const texts = [
    "Up betimes, and to Deptford with Sir W. Batten, where we dined with Mr. Hewer.",
    "Sir W. Batten and I by water to Deptford.",
    "To my office, and there Mr. Hewer and Mr. Coventry met upon business.",
    "Rained all day. At home, reading.",
  ];
  const lines = Array.from({ length: DAYS }, (_, day) => {
    const occurredOn = new Date(Date.UTC(1665, 5, 1 + day)).toISOString().slice(0, 10);
    const text = texts[day % texts.length];
    return JSON.stringify({
      key: `d${day}`,
      event_type: "diary.entry",
      author: "Samuel Pepys",
      occurred_on: occurredOn,
      text,
    });
  });
  const file = join(folder, "diary.jsonl");
  writeFileSync(file, `${lines.join("\n")}\n`);
  return file;
}

beforeAll(async () => {
  mesh = await openGraphMesh();
  const map = "idempotency_key=key,occurred_at=occurred_on,source=author";
  await expect(cos("import", diary(), "--module", "pepys", "--map", map)).resolves.toMatchObject({ code: 0 });
  await eventually(async () => {
    const [answer] = objects((await graph("projection", "--json")).stdout) as [
      { modules?: { cursor?: { position?: string } }[] },
    ];
    return answer.modules?.some(({ cursor }) => cursor?.position === String(DAYS)) === true;
  }, 30_000);
});
afterAll(() => mesh.stop());

describe("a newcomer who types the lines of the page, without a module", () => {
  test("stats", async () => {
    const { code, stdout } = await graph("stats");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^pepys {2}\d+ nodes, \d+ relationships; at 40 of 40\n/);
    expect(stdout).toMatch(/\nLogEntry .* 40\n/);
  });

  test("search", async () => {
    const { stdout } = await graph("search", "batten");
    expect(stdout).toMatch(/\n *\d+\.\d\d {2}person +20 {2}Sir W\. Batten /);
  });

  test("show: neighbours by weight, and the memories that mention it", async () => {
    const { code, stdout } = await graph("show", "Sir W. Batten");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^Sir W\. Batten\nwhat {6}person\n/);
    expect(stdout).toMatch(/occurs with[\s\S]*Deptford/);
    expect(stdout).toMatch(/latest memories.*\n1665-07-08 {2}pepys\/38 {2}Sir W\. Batten and I/);
  });

  test("path: with the memories as evidence", async () => {
    const { code, stdout } = await graph("path", "Sir W. Batten", "Mr. Coventry");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /^Sir W\. Batten \(person.*\n {2}\| RELATES_TO in \d+ memories\n {2}\| {3}1665-\d\d-\d\d {2}pepys\/\d+ {2}\S/,
    );
    expect(stdout).toMatch(/\nMr\. Coventry \(person/);
  });

  test("path: a name that is not there, with those that are like it", async () => {
    const { code, stderr } = await graph("path", "William Coventry", "Deptford");
    expect(code).toBe(3);
    expect(stderr).toMatch(/nothing is called "William Coventry"\ncos: similar: .*Coventry \(person/);
  });

  test("between", async () => {
    const { code, stdout } = await graph("between", "1665-06-01", "1665-06-30", "--top", "3");
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(4);
  });
});

describe("export", () => {
  needs("python3")("GraphML is read by a parser of its own, with as many nodes as lines of JSON", async () => {
    const xml = await graph("export", "--labels", "all");
    const lines = await graph("export", "--labels", "all", "--format", "jsonl");
    writeFileSync(join(folder, "pepys.graphml"), xml.stdout);
    const program =
      "import sys, xml.etree.ElementTree as E; t = E.parse(sys.argv[1]); print(len(t.findall('.//{*}node')), len(t.findall('.//{*}edge')))";
    const parsed = await runCommand(requireTool("python3"), ["-c", program, join(folder, "pepys.graphml")]);
    const all = objects(lines.stdout);
    const nodes = all.filter((each) => "node" in each).length;
    expect(nodes).toBeGreaterThan(DAYS);
    expect(parsed.stdout.trim()).toBe(`${nodes} ${all.length - nodes}`);
  });

  test("DOT and Mermaid begin and end as they should", async () => {
    expect((await graph("export", "--format", "dot")).stdout).toMatch(/^digraph "pepys" \{\n[\s\S]*-> [\s\S]*\n\}\n$/);
    expect((await graph("export", "--format", "mermaid")).stdout).toMatch(
      /^```mermaid\nflowchart LR\n[\s\S]*---[\s\S]*```\n$/,
    );
  });
});

describe("by hand", () => {
  test("a node and a relationship are added, shown, changed and removed", async () => {
    const [added] = objects((await graph("add", "node", "--name", "Royal Charles", "--kind", "ship", "--json")).stdout);
    expect(added).toMatchObject({ node: { module: "pepys", kind: "ship", origin: "ORIGIN_MANUAL" } });
    const edge = await graph("add", "edge", "Royal Charles", "Deptford", "--why", "built there");
    expect(edge).toMatchObject({ code: 0, stdout: expect.stringContaining("RELATES_TO") });
    expect((await graph("show", "Deptford")).stdout).toMatch(
      /added by hand[\s\S]*Royal Charles \(ship\) {2}why: built there/,
    );
    expect((await graph("edit", "Royal Charles", "--property", "guns=80")).code).toBe(0);
    expect((await graph("show", "Royal Charles")).stdout).toContain("guns: 80");
    expect(await graph("rm", "Royal Charles")).toMatchObject({ code: 1 });
    expect(await graph("rm", "Royal Charles", "--force")).toMatchObject({ code: 0 });
    expect(await graph("show", "Royal Charles")).toMatchObject({ code: 3 });
    expect(await graph("edit", "Deptford", "--name", "x")).toMatchObject({ code: 1 });
  });

  test("names are merged and split", async () => {
    const merged = await graph("merge", "Mr. Coventry", "--into", "Sir William Coventry");
    expect(merged).toMatchObject({ code: 0, stdout: expect.stringContaining("merged into Sir William Coventry") });
    expect((await graph("aliases")).stdout).toMatch(/coventry/i);
    const split = await graph("split", "Sir William Coventry", "--name", "Mr. Coventry");
    expect(split).toMatchObject({ code: 0, stdout: expect.stringMatching(/^split off Mr\. Coventry/) });
  });
});

test("verify proves that the graph equals the log; a rebuild asks for the right to administer", async () => {
  const { code, stdout } = await graph("verify");
  expect(stdout).toMatch(/^pepys\/\d+ {2}equal: \d+ nodes, \d+ relationships {2}sha256:[0-9a-f]{64}\n$/);
  expect(code).toBe(0);
  const refused = await graph("rebuild");
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("cos whoami") });
});

test("watch tells what changes while it changes; Ctrl-C ends it with 130", async () => {
  const watch = startCommand(process.execPath, [COS, "graph", "watch", "--module", "pepys", "--from-beginning"], {
    env: env(),
  });
  await watch.says(/Sir W\. Batten/);
  await cos("record", "To Greenwich, to see Mr. Evelyn.", "--module", "pepys");
  await watch.says(/Mr\. Evelyn/);
  watch.process.kill("SIGINT");
  await expect(watch.ended).resolves.toMatchObject({ code: 130 });
});

test("nobody there: one line, and 4", async () => {
  const away = await runCommand(process.execPath, [COS, "graph", "stats"], {
    env: { COS_GRAPH_ADDRESS: "127.0.0.1:1" },
  });
  expect(away).toMatchObject({
    code: 4,
    stderr: "cos: the graph does not answer at 127.0.0.1:1: is `npm start` running?\n",
  });
});
