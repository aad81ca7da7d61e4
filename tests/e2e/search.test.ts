import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { findTool } from "#tests/support/find-tool.ts";
import { type Mesh, openMesh } from "#tests/support/mesh.ts";
import { runCommand } from "#tests/support/mesh-command.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(60_000);

const METHOD = "cos.conductor.v1.ConductorService/SearchMemories";
const module = "searched";

let mesh: Mesh;
beforeAll(async () => {
  mesh = await openMesh();
  await mesh.client().modules.registerModule({ module: { name: module } });
});
afterAll(() => mesh.stop());

const record = async (text: string) => {
  const memory = { module, text, source: "Samuel Pepys", eventType: "diary.entry" };
  const { cursor } = await mesh.client().conductor.recordMemory({ memory });
  return cursor!;
};
const find = async (query: string, atLeast: Awaited<ReturnType<typeof record>>[]) => {
  const { hits } = await mesh.client().conductor.searchMemories({ query, modules: [module], atLeast });
  return hits.map(({ citation }) => citation);
};
const cos = (...args: string[]) =>
  runCommand(process.execPath, [join(ROOT, "bin", "cos.mjs"), ...args], {
    env: { COS_CONDUCTOR_ADDRESS: mesh.address },
  });

describe("a running mesh", () => {
  test("finds what was just recorded, and `cos get` opens what it cites", async () => {
    const cursor = await record("The plague is come into the City.");
    expect(await find("plague", [cursor])).toEqual(["m:searched/1"]);
    const found = await cos("search", "plauge in the city", "--module", module, "--explain");
    expect(found).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /m:searched\/1 {2}diary\.entry {2}Samuel Pepys\n {2}The plague is come.*\n {2}score /,
      ),
      stderr: expect.stringContaining('no memory has "plauge": searched for "plague" instead'),
    });
    expect((await cos("get", "m:searched/1")).stdout).toContain("The plague is come into the City.");
  });

  test("tells at the command which words cannot be searched for", async () => {
    const { code, stderr } = await cos("search", "the", "of", "--module", module);
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^cos: what to search for must hold a word/)]);
  });

  needs("grpcurl")("answers strangers: grpcurl, with the field at fault", async () => {
    const grpcurl = (request: object) =>
      runCommand(findTool("grpcurl") as string, ["-plaintext", "-d", JSON.stringify(request), mesh.address, METHOD]);
    const found = await grpcurl({ query: '"into the city"', modules: [module] });
    expect(JSON.parse(found.stdout)).toMatchObject({
      hits: [{ citation: "m:searched/1", highlights: [{ start: 28, end: 32 }] }],
    });
    for (const query of ["", "x".repeat(2001), "nul \0", "-plague"]) {
      const { code, stderr } = await grpcurl({ query, modules: [module] });
      expect([query.length, code === 0, stderr]).toEqual([
        query.length,
        false,
        expect.stringMatching(/InvalidArgument[\s\S]*query/),
      ]);
    }
  });

  needs("curl")("answers a GET of Connect", async () => {
    const message = encodeURIComponent(JSON.stringify({ query: "plague", modules: [module] }));
    const url = `${mesh.url}/${METHOD}?connect=v1&encoding=json&message=${message}`;
    const { stdout } = await runCommand(findTool("curl") as string, ["-s", url]);
    expect(JSON.parse(stdout)).toMatchObject({ hits: [{ citation: "m:searched/1" }], modules: [{ module }] });
  });
});

describe("several processes", () => {
  test("X1: one that is killed is followed by another, and everything is found once", async () => {
    const replica = await mesh.replica();
    const cursors = [];
    for (let n = 0; n < 20; n += 1) cursors.push(await record(`comet number ${n}`));
    await mesh.kill9();
    const { conductor } = mesh.client(replica.address);
    const memory = { module, text: "comet at last", source: "x", eventType: "note" };
    const { cursor } = await conductor.recordMemory({ memory });
    const answer = await conductor.searchMemories({
      query: "comet",
      modules: [module],
      atLeast: [cursor!],
      pageSize: 50,
    });
    expect(answer.hits).toHaveLength(21);
    expect(answer.terms).toMatchObject([{ word: "comet", passages: 21n }]);
  });
});
