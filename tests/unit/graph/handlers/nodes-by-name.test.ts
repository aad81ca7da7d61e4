import { beforeEach, describe, expect, test } from "@jest/globals";
import { moduleId, sessionId, sourceId } from "#services/graph/domain/entity-id.ts";
import { callIn, type Graph, memoryAt, openGraph, refusalOf, someCall } from "./open-graph.ts";

let graph: Graph;
beforeEach(async () => {
  graph = await openGraph();
  await graph.say("cc", { names: [["person", "Sir W. Batten"]], session: "monday", source: "diary" });
  await graph.say("cc", {
    names: [
      ["person", "Sir William Batten"],
      ["place", "Deptford"],
    ],
    session: "monday",
  });
});

const called = async (name: string, more: object = {}, call = someCall()) =>
  (await graph.getNode({ name, ...more }, call)).node!;

describe("a node by its name", () => {
  test("whatever form people write finds the entity, with the forms that memories use", async () => {
    for (const form of ["Sir W. Batten", "sir william batten", "W. Batten", "Sir W. Batten's"]) {
      expect(await called(form)).toMatchObject({ name: "Sir W. Batten", kind: "person", memoryCount: 2n });
    }
    expect((await called("Sir W. Batten")).names).toMatchObject([
      { name: "Sir W. Batten", memoryCount: 1n },
      { name: "Sir William Batten", memoryCount: 1n },
    ]);
  });

  test("sessions, sources and the module are found by theirs", async () => {
    expect((await called("monday")).id).toBe(sessionId("cc", "monday"));
    expect((await called("diary")).id).toBe(sourceId("cc", "diary"));
    expect((await called("cc")).id).toBe(moduleId("cc"));
    expect((await called("cc")).names).toEqual([]);
  });

  test("of several the one with the most memories is meant, then by kind, then by id", async () => {
    for (const kind of ["place", "person"] as const) await graph.say("cc", { names: [[kind, "Hope"]] });
    expect((await called("Hope")).kind).toBe("person");
    await graph.say("cc", { names: [["place", "Hope"]] });
    expect((await called("Hope")).kind).toBe("place");
    expect((await called("Hope", { kind: "person" })).kind).toBe("person");
  });

  test("what was made by hand is found by exactly its name, behind what memories name", async () => {
    const { node } = await graph.createNode({ node: { name: "Deptford", kind: "ship" } });
    expect((await called("Deptford")).kind).toBe("place");
    expect((await called("Deptford", { kind: "ship" })).id).toBe(node?.id);
    expect(await refusalOf(called("deptford", { kind: "ship" }))).toBe("NODE_NOT_FOUND name");
  });

  test("a name that nobody has is told with what was asked, and where to look", async () => {
    const refused = called("Nobody");
    await expect(refused).rejects.toThrow(/no node called "Nobody" in module "cc"/);
    await expect(refused).rejects.toMatchObject({ resource: { type: "node", name: "Nobody" } });
    expect(await refusalOf(called("!!!"))).toBe("NODE_NOT_FOUND name");
  });

  test("a module that may not be seen, or is not there, is refused in the same words", async () => {
    const [unseen, absent] = [callIn(["other"]), someCall()];
    await expect(called("Deptford", {}, unseen)).rejects.toThrow('there is no module "cc"');
    await expect(called("Deptford", { module: "nowhere" }, absent)).rejects.toThrow('there is no module "nowhere"');
  });
});

describe("a node by its id", () => {
  const byId = (id: string, call = someCall()) => graph.getNode({ id }, call);

  test("the id may be written in capitals", async () => {
    const id = memoryAt("cc", 1);
    expect((await byId(id.toUpperCase())).node).toMatchObject({ id, label: "LogEntry", position: 1n });
  });

  test("one that may not be seen is missing like one that is not there", async () => {
    expect(await refusalOf(byId(memoryAt("cc", 1), callIn(["other"])))).toBe("NODE_NOT_FOUND id");
    expect(await refusalOf(byId(memoryAt("cc", 99)))).toBe("NODE_NOT_FOUND id");
  });

  test("a read waits for the cursor that it names", async () => {
    const atLeast = { module: "cc", position: 2n, epoch: "1-a" };
    await graph.getNode({ id: memoryAt("cc", 1), atLeast });
    expect(graph.awaited).toEqual([2n]);
  });
});
