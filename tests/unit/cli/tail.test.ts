import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JsonObject } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { SubscribeResponse } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { CursorFaultsSchema, FellBehind_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { ErrorInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { describeState } from "#services/cli/tail/tell-state.ts";
import { batch, checkpoint, cursor, type Frame, progress, started } from "../highway-client/frames.ts";
import { FakeConductor } from "./support/fake-conductor.ts";
import { type Ran, type RunOptions, run } from "./support/run.ts";

type Stream = FakeConductor["streams"][number];

let folder = "";
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cos-tail-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** A stream of these frames that then stays open until it is cancelled, or fails. */
function streamOf(frames: readonly Frame[], error?: ConnectError): Stream {
  return async function* (_, signal): AsyncGenerator<SubscribeResponse["frame"]> {
    for (const { frame } of frames) yield frame;
    if (error !== undefined) throw error;
    await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  };
}

async function tail(
  argv: string[],
  streams: Stream[],
  options: RunOptions = {},
): Promise<Ran & { fake: FakeConductor }> {
  const fake = new FakeConductor();
  fake.streams = streams;
  return { ...(await run(["tail", ...argv], { transport: fake.transport(), ...options })), fake };
}

const FIVE = [started({ cc: 0 }), batch("cc", 0, 5)];

test("--limit ends after so many, with 0", async () => {
  const { exitCode, stdout, stderr } = await tail(["--limit", "2"], [streamOf(FIVE)]);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toBe("cc/1  cc 1\ncc/2  cc 2\n");
});

test("Ctrl-C ends it quietly, with 130", async () => {
  const controller = new AbortController();
  const onStdout = (text: string): void => (text.includes("cc 5") ? controller.abort() : undefined);
  const ran = await tail([], [streamOf(FIVE)], { signal: controller.signal, onStdout });
  expect(ran).toMatchObject({ exitCode: 130, stderr: "" });
});

test("--json writes the memory in protobuf's JSON", async () => {
  const { stdout } = await tail(["--json", "--limit", "1"], [streamOf(FIVE)]);
  expect(JSON.parse(stdout)).toEqual({ module: "cc", position: "1", text: "cc 1" });
});

describe("what is asked of the server", () => {
  const asked = async (line: string): Promise<FakeConductor["subscribeRequests"][number]> => {
    const { fake } = await tail([...line.split(" ").filter((word) => word !== ""), "--limit", "1"], [streamOf(FIVE)]);
    return fake.subscribeRequests[0]!;
  };

  test("the live stream of cc by default", async () => {
    expect(await asked("")).toMatchObject({ modules: [], allModules: false, start: { case: undefined } });
  });

  test("--from a position is that one included", async () => {
    expect(await asked("--module pepys --from 1")).toMatchObject({
      modules: ["pepys"],
      start: { case: "fromPosition", value: 0n },
    });
  });

  test("--from-beginning, --since, --all", async () => {
    expect(await asked("--all --from-beginning")).toMatchObject({
      allModules: true,
      start: { case: "fromBeginning", value: true },
    });
    expect(await asked("--module a --module b --module a --since 2026-01-01")).toMatchObject({
      modules: ["a", "b"],
      start: { case: "fromTime", value: { seconds: 1_767_225_600n } },
    });
  });

  test("the filters", async () => {
    expect((await asked("--type diary.* --source me --session s --tag a --tag b")).filter).toMatchObject({
      eventTypes: ["diary.*"],
      sources: ["me"],
      sessionIds: ["s"],
      tags: ["a", "b"],
    });
  });
});

describe("when the server is away", () => {
  const gone = new ConnectError("the process goes away", Code.Unavailable);

  test("before the first word: said at once, with 4", async () => {
    expect(await tail([], [])).toMatchObject({
      exitCode: 4,
      stdout: "",
      stderr: "cos: no COS at 127.0.0.1:50051: start it with `npm start`\n",
    });
  });

  test("later: it goes on by itself, and says so", async () => {
    const streams = [
      streamOf([started({ cc: 0 }), batch("cc", 0, 2)], gone),
      streamOf([started({ cc: 2 }), batch("cc", 2, 3)]),
    ];
    const { exitCode, stdout, stderr, fake } = await tail(["--limit", "3"], streams);
    expect(exitCode).toBe(0);
    expect(stdout).toBe("cc/1  cc 1\ncc/2  cc 2\ncc/3  cc 3\n");
    expect(stderr.split("\n")).toEqual([
      "cos: connection lost (the process goes away): trying again",
      "cos: connected again: going on without a gap",
      "",
    ]);
    expect(fake.subscribeRequests[1]?.cursors).toMatchObject([{ module: "cc", position: 2n, epoch: "e1" }]);
  });
});

describe("when rights are taken away", () => {
  const refusal = (code: Code, reason: string): ConnectError =>
    new ConnectError("no", code, undefined, [{ desc: ErrorInfoSchema, value: { reason, domain: "cos" } }]);
  const taken = refusal(Code.Unauthenticated, "ACCESS_CHANGED");
  const missing = refusal(Code.NotFound, "MODULE_NOT_FOUND");
  const both = [started({ cc: 0, drafts: 4 }, { resumeToken: "t0" }), batch("cc", 0, 1)];
  const GOES_ON = "cos: what you may read has changed: going on with what is left (`cos whoami` shows what that is)\n";

  test("A1: a tail of all modules goes on where it stood, with those that are left", async () => {
    const streams = [streamOf(both, taken), streamOf([started({ cc: 1 }), batch("cc", 1, 2)])];
    const { exitCode, stdout, stderr, fake } = await tail(["--all", "--limit", "2"], streams);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "cc/1  cc 1\ncc/2  cc 2\n", stderr: GOES_ON });
    expect(fake.subscribeRequests[1]).toMatchObject({ allModules: true, resumeToken: "t0" });
    expect(fake.subscribeRequests[1]?.cursors).toMatchObject([{ module: "cc", position: 1n }]);
  });

  test("A1: also where that happened while nothing was open, and the kept place is mended", async () => {
    const file = join(folder, "place");
    const cursors = ["cc", "drafts"].map((module) => ({ module, position: "1", epoch: "e1" }));
    await writeFile(file, JSON.stringify({ resumeToken: "t0", cursors }));
    const streams = [streamOf([], missing), streamOf([started({ cc: 1 }), batch("cc", 1, 2)])];
    const { exitCode, stdout, stderr } = await tail(["--all", "--limit", "1", "--cursor-file", file], streams);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 0, stdout: "cc/2  cc 2\n", stderr: GOES_ON });
    expect(JSON.parse(await readFile(file, "utf8"))).toMatchObject({ cursors: [{ module: "cc", position: "2" }] });
  });

  test("A1: and a server that is away then is waited for", async () => {
    const gone = new ConnectError("the process goes away", Code.Unavailable);
    const streams = [streamOf(both, taken), streamOf([], gone), streamOf([started({ cc: 1 }), batch("cc", 1, 2)])];
    expect(await tail(["--all", "--limit", "2"], streams)).toMatchObject({
      exitCode: 0,
      stdout: "cc/1  cc 1\ncc/2  cc 2\n",
    });
  });

  test("A2: one of named modules ends, and says how to go on with those that are left", async () => {
    const argv = ["--module", "drafts", "--module", "cc"];
    expect(await tail(argv, [streamOf(both, taken)])).toMatchObject({
      exitCode: 1,
      stderr: "cos: you may no longer read drafts: go on by `cos tail --module cc --from 2`\n",
    });
    expect((await tail([], [streamOf([started({}), checkpoint([])], taken)])).stderr).toBe(
      "cos: what you may read has changed: go on by `cos tail --module cc`\n",
    );
    expect((await tail(["--module", "drafts"], [streamOf(both, taken)])).stderr).toBe(
      "cos: you may no longer read drafts: ask an administrator for the right (`cos tokens grant`)\n",
    );
  });

  test("A3: a server that changes nothing is not asked for ever", async () => {
    expect(await tail(["--all"], [streamOf([], taken)])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/^cos: what you may read has changed meanwhile: /),
    });
  });
});

describe("--cursor-file", () => {
  const stored = async (): Promise<JsonObject> =>
    JSON.parse(await readFile(join(folder, "place"), "utf8")) as JsonObject;

  test("keeps the place, and the next tail goes on from it", async () => {
    const argv = ["--cursor-file", join(folder, "place"), "--from-beginning", "--limit", "2"];
    await tail(argv, [streamOf([started({ cc: 0 }, { resumeToken: "t0" }), batch("cc", 0, 5)])]);
    expect(await stored()).toEqual({ resumeToken: "t0", cursors: [{ module: "cc", position: "2", epoch: "e1" }] });
    const next = await tail(argv, [streamOf([started({ cc: 2 }), batch("cc", 2, 5)])]);
    expect(next.stdout).toBe("cc/3  cc 3\ncc/4  cc 4\n");
    expect(next.fake.subscribeRequests[0]).toMatchObject({ resumeToken: "t0", cursors: [{ position: 2n }] });
  });

  test("a checkpoint without an event moves it too", async () => {
    const controller = new AbortController();
    const frames = [started({ cc: 0 }), checkpoint([progress("cc", 9, 0)], "t9")];
    const argv = ["--cursor-file", join(folder, "place")];
    setTimeout(() => controller.abort(), 30);
    await tail(argv, [streamOf(frames)], { signal: controller.signal });
    expect(await stored()).toEqual({ resumeToken: "t9", cursors: [{ module: "cc", position: "9", epoch: "e1" }] });
  });

  test("one that cannot be read, or is none, is refused and left as it is", async () => {
    await writeFile(join(folder, "place"), "my notes");
    const ran = await tail(["--cursor-file", join(folder, "place")], []);
    expect(ran.exitCode).toBe(2);
    expect(ran.stderr).toMatch(/place is not one that `cos tail` wrote/);
    expect(await readFile(join(folder, "place"), "utf8")).toBe("my notes");
    expect((await tail(["--cursor-file", folder], [])).stderr).toMatch(/cannot be read: EISDIR/);
  });

  test("a place that the server refuses: where to go on, and that the file stands in the way", async () => {
    const faults = [{ given: cursor("cc", 9), resumeAt: cursor("cc", 5), head: 7n }];
    const refused = (code: Code): ConnectError =>
      new ConnectError("no", code, undefined, [{ desc: CursorFaultsSchema, value: { faults } }]);
    const file = join(folder, "place");
    await writeFile(file, JSON.stringify({ cursors: [{ module: "cc", position: "9", epoch: "e0" }] }));
    const forked = await tail(["--cursor-file", file], [streamOf([], refused(Code.DataLoss))]);
    expect(forked.exitCode).toBe(1);
    expect(forked.stderr).toMatch(/the place was kept in .*place: remove it first\n/);
    expect(forked.stderr).toMatch(
      /the log of cc was restored .* above position 5: .* go on with `--module cc --from 6`/,
    );
    const above = await tail(["--from", "10"], [streamOf([], refused(Code.OutOfRange))]);
    expect(above.stderr).toBe("cos: the log of cc ends at position 7, before 9: go on with `--module cc --from 6`\n");
  });
});

test("a refusal without cursors is shown like any other", async () => {
  const ran = await tail(
    ["--module", "nope"],
    [streamOf([], new ConnectError("there is no module nope", Code.NotFound))],
  );
  expect(ran).toMatchObject({ exitCode: 3, stderr: "cos: there is no module nope\n" });
});

test("what a person is told of a stream", () => {
  const lost = (cause: unknown, attempt = 1): string | undefined =>
    describeState({ kind: "lost", cause, attempt, retryInMs: 1 });
  const behind = (reason: FellBehind_Reason): string | undefined =>
    describeState({ kind: "fell_behind", module: "a", reason });
  expect(describeState({ kind: "connected", subscriptionId: "", epoch: "", resumed: false })).toBeUndefined();
  expect(describeState({ kind: "caught_up", modules: [], all: true })).toBeUndefined();
  expect(lost(undefined)).toMatch(/the server ended the stream/);
  expect(lost(new Error("a hole"))).toMatch(/a hole/);
  expect(lost("odd")).toMatch(/not told/);
  expect(lost("odd", 2)).toBeUndefined();
  expect(describeState({ kind: "degraded", degraded: true })).toMatch(/degraded/);
  expect(describeState({ kind: "degraded", degraded: false })).toMatch(/serves again/);
  expect(behind(FellBehind_Reason.SLOW_SUBSCRIBER)).toMatch(/slower/);
  expect(behind(FellBehind_Reason.HIGHWAY_REBUILT)).toMatch(/rebuilt/);
});
