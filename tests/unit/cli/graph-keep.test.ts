import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import {
  BuildProgressSchema,
  ParkedMemorySchema,
  RebuildProjectionResponseSchema,
  VerifyProjectionResponseSchema,
} from "#gen/cos/graph/v1/projection_pb.ts";
import { FakeGraph, idOf, projectionOf } from "./support/fake-graph.ts";
import { type Ran, type RunOptions, run } from "./support/run.ts";

let fake: FakeGraph;
beforeEach(() => {
  fake = new FakeGraph();
});

const graph = (argv: string[], options: RunOptions = {}): Promise<Ran> =>
  run(["graph", ...argv], { transport: fake.transport(), ...options });

const progress = (projected: number, done = false) => ({
  generation: 2,
  purpose: "verify",
  projected: BigInt(projected),
  total: 3413n,
  done,
});

describe("projection", () => {
  test("engine, rules, place and lag of each module, and what was passed over", async () => {
    fake.projection = projectionOf({ pepys: [3000, 3413], cc: 1 });
    const [pepys] = fake.projection.modules;
    Object.assign(pepys!, { lag: durationFromMs(120), projectedAt: timestampFromMs(0), parkedCount: 1n });
    pepys!.parked = [
      create(ParkedMemorySchema, {
        position: 17n,
        memoryId: idOf(1),
        error: "too large",
        attempts: 5,
        parkedAt: timestampFromMs(0),
      }),
    ];
    // Of a caller who may not read every module.
    fake.projection.building = create(BuildProgressSchema, { ...progress(0), total: 0n });
    expect((await graph(["projection"])).stdout).toContain("building    verify (generation 2)\n");
    fake.projection.building = create(BuildProgressSchema, progress(10));
    const { exitCode, stdout, stderr } = await graph(["projection"]);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout).toBe(
      [
        "engine      postgres",
        "generation  1",
        "rules       version 1",
        "log         connected to the conductor",
        "building    verify (generation 2): 10 of 3,413 memories",
        "",
        "MODULE     AT   HEAD  LAG  BEHIND  LAST STEP   PASSED OVER",
        "pepys   3,000  3,413  413  120 ms  1970-01-01            1",
        "cc          1      1",
        "",
        "PASSED OVER  TRIED  AT          WHY",
        "pepys/17         5  1970-01-01  too large",
        "",
      ].join("\n"),
    );
  });

  test("newer rules ask for a rebuild; a lost conductor is told of", async () => {
    fake.projection = projectionOf({});
    Object.assign(fake.projection, { extractorVersionAvailable: 2, connected: false });
    const ran = await graph(["projection"]);
    expect(ran.stdout).toContain("not connected to the conductor: trying again");
    expect(ran.stderr).toContain("`cos graph rebuild` applies them");
    const json = await graph(["projection", "--module", "pepys", "--json"]);
    expect(json.stderr).toBe("");
    expect(JSON.parse(json.stdout)).toMatchObject({ engine: "postgres", extractorVersionAvailable: 2 });
  });
});

describe("verify", () => {
  const verdict = (module: string, equal: boolean) => ({
    cursor: { module, position: 3413n, epoch: "e1" },
    equal,
    digest: "ab12",
    replayDigest: equal ? "ab12" : "cd34",
    nodes: 1n,
    relationships: 20n,
    differences: equal ? [] : ["node 1\u001b[2J: count 3, replay 4"],
  });
  const frames = (...equal: boolean[]) => [
    create(VerifyProjectionResponseSchema, {}),
    create(VerifyProjectionResponseSchema, { progress: progress(1000) }),
    create(VerifyProjectionResponseSchema, {
      progress: progress(3413, true),
      verdicts: equal.map((each, index) => verdict(`m${index}`, each)),
    }),
  ];

  test("equal: with the digest, and 0", async () => {
    fake.verifies = frames(true);
    expect(await graph(["verify"])).toMatchObject({
      exitCode: 0,
      stdout: "m0/3413  equal: 1 node, 20 relationships  sha256:ab12\n",
      stderr: "",
    });
  });

  test("anything that differs is 1, and told", async () => {
    fake.verifies = frames(true, false);
    const { exitCode, stdout } = await graph(["verify", "--module", "m1"]);
    expect(exitCode).toBe(1);
    expect(stdout.split("\n").slice(1)).toEqual([
      "m1/3413  differs: 1 node, 20 relationships",
      "  the graph   sha256:ab12",
      "  the replay  sha256:cd34",
      "  node 1[2J: count 3, replay 4",
      "",
    ]);
  });

  test("for programs: every frame, and the same exit code", async () => {
    fake.verifies = frames(false);
    const { exitCode, stdout } = await graph(["verify", "--json"]);
    expect(exitCode).toBe(1);
    expect(stdout.trimEnd().split("\n")).toHaveLength(3);
  });

  test("how far it is, on a terminal", async () => {
    fake.verifies = frames(true);
    const { stderr } = await graph(["verify"], { isTTY: true, env: { NO_COLOR: "1" } });
    expect(stderr).toMatch(/replaying {2}█+░+ {2}29% {2}1,000 memories/);
    expect(stderr.endsWith("\r\u001b[K")).toBe(true);
  });

  test("nothing to compare is said; a proof that ends early is none", async () => {
    fake.verifies = frames();
    expect(await graph(["verify"])).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("nothing to compare"),
    });
    fake.verifies = frames().slice(0, 2);
    expect(await graph(["verify"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining("before it was done"),
    });
    fake.breaks = new ConnectError("gone", Code.Aborted);
    expect(await graph(["verify"])).toMatchObject({ exitCode: 1, stderr: "cos: gone\n" });
  });
});

describe("rebuild", () => {
  const frame = (projected: number, done = false) =>
    create(RebuildProjectionResponseSchema, { progress: progress(projected, done) });

  test("to its end, with what is read from now on", async () => {
    fake.rebuilds = [frame(1), frame(3413, true)];
    expect(await graph(["rebuild"])).toMatchObject({
      exitCode: 0,
      stdout: "rebuilt from 3,413 memories: generation 2 is read from now on\n",
      stderr: "",
    });
    expect((await graph(["rebuild", "--json"])).stdout.trimEnd().split("\n")).toHaveLength(2);
  });

  test("that goes on without us is told of", async () => {
    fake.rebuilds = [frame(1)];
    const ended = await graph(["rebuild"]);
    expect(ended).toMatchObject({ exitCode: 1, stderr: expect.stringContaining("the rebuild goes on by itself") });
    fake.breaks = new ConnectError("connection lost", Code.Unavailable);
    const lost = await graph(["rebuild"]);
    expect(lost.exitCode).toBe(4);
    expect(lost.stderr).toContain("the rebuild goes on by itself");
  });

  test("that never began is not", async () => {
    fake.breaks = new ConnectError("a rebuild runs already", Code.FailedPrecondition);
    expect(await graph(["rebuild"])).toMatchObject({ exitCode: 1, stderr: "cos: a rebuild runs already\n" });
  });

  test("Ctrl-C: 130, and it goes on", async () => {
    const controller = new AbortController();
    fake.rebuilds = [frame(1), frame(2)];
    const onStdout = (): void => controller.abort();
    const ran = await graph(["rebuild", "--json"], { signal: controller.signal, onStdout });
    expect(ran.exitCode).toBe(130);
    expect(ran.stderr).toContain("the rebuild goes on by itself");
  });
});
