import { create, type JsonObject } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { beforeEach, describe, expect, test } from "@jest/globals";
import { Origin } from "#gen/cos/graph/v1/graph_pb.ts";
import {
  WatchGraphRequestSchema,
  type WatchGraphResponse,
  WatchGraphResponseSchema,
} from "#gen/cos/graph/v1/watch_pb.ts";
import { CheckpointSchema, GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { followGraph, type Told } from "#services/cli/graph/follow-graph.ts";
import { ChangeLines } from "#services/cli/graph/tell-change.ts";
import { Output } from "#services/cli/output/output.ts";
import type { FollowState } from "#shared/highway/client/followed.ts";
import { edge, entity, FakeGraph, idOf, memoryNode, projectionOf } from "./support/fake-graph.ts";
import { type Ran, type RunOptions, run, Sink } from "./support/run.ts";

type Frame = WatchGraphResponse["frame"];
type Stream = FakeGraph["streams"][number];

let fake: FakeGraph;
beforeEach(() => {
  fake = new FakeGraph();
});

const batten = entity(1, "Sir W. Batten");
const penn = entity(2, "Sir W. Pen");
const cursor = (position: number) => ({ module: "pepys", position: BigInt(position), epoch: "e1" });
const response = (frame: Frame) => create(WatchGraphResponseSchema, { frame });
const started = (position?: number, heartbeatMs?: number): WatchGraphResponse =>
  create(WatchGraphResponseSchema, {
    frame: {
      case: "started",
      value: {
        subscriptionId: "s",
        epoch: "e1",
        progress: position === undefined ? [] : [{ cursor: cursor(position) }],
        ...(heartbeatMs !== undefined && { heartbeat: durationFromMs(heartbeatMs) }),
      },
    },
  });
const changes = (position: number, generation = 1): WatchGraphResponse =>
  create(WatchGraphResponseSchema, {
    frame: {
      case: "changes",
      value: {
        cursor: cursor(position),
        generation,
        nodes: [batten, penn],
        relationships: [edge(1, [batten, penn])],
        removed: [idOf(77)],
      },
    },
  });
const checkpoint = (position?: number): WatchGraphResponse =>
  response({
    case: "checkpoint",
    value: create(CheckpointSchema, { progress: position === undefined ? [] : [{ cursor: cursor(position) }] }),
  });
const reset = create(WatchGraphResponseSchema, { frame: { case: "reset", value: { generation: 2 } } });
const caughtUp = create(WatchGraphResponseSchema, { frame: { case: "caughtUp", value: {} } });
const goAway = (retryAfterMs?: number): WatchGraphResponse =>
  create(WatchGraphResponseSchema, {
    frame: {
      case: "goAway",
      value: {
        reason: GoAway_Reason.DRAINING,
        ...(retryAfterMs !== undefined && { retryAfter: durationFromMs(retryAfterMs) }),
      },
    },
  });
const unavailable = new ConnectError("the process goes away", Code.Unavailable);

/** Frames, and then the end, an error, or (undefined) silence until it is cancelled. */
function streamOf(frames: readonly WatchGraphResponse[], then?: "end" | Error): Stream {
  return async function* (_, signal) {
    yield* frames;
    if (then === "end") return;
    if (then !== undefined) throw then;
    if (!signal.aborted) await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  };
}

const watch = (argv: string[], streams: Stream[], options: RunOptions = {}): Promise<Ran> => {
  fake.streams = streams;
  return run(["graph", "watch", ...argv], { transport: fake.transport(), ...options });
};

/** What follows the start, and tells the generation. */
const generationAt = (position: number, generation: number): WatchGraphResponse =>
  create(WatchGraphResponseSchema, { frame: { case: "changes", value: { cursor: cursor(position), generation } } });

describe("the command", () => {
  test("shows nodes, relationships by the names of their ends, and what was removed; --limit ends it with 0", async () => {
    const { exitCode, stdout } = await watch(
      ["--module", "pepys", "--limit", "4"],
      [streamOf([started(3), changes(4)])],
    );
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      [
        "removed  00000000…",
        "person  Sir W. Batten  in 12 memories",
        "person  Sir W. Pen  in 12 memories",
        "RELATES_TO  Sir W. Batten -- Sir W. Pen  in 3 memories",
        "",
      ].join("\n"),
    );
    expect(fake.asked(WatchGraphRequestSchema)).toMatchObject([
      { module: "pepys", labels: [], start: { case: undefined } },
    ]);
    expect((await watch(["--module", "pepys", "--limit", "1"], [streamOf([started(3), changes(4)])])).stdout).toBe(
      "removed  00000000…\n",
    );
  });

  test("for programs: the frames, in which cursor and generation are", async () => {
    const argv = ["--module", "pepys", "--limit", "4", "--json", "--from-beginning", "--labels", "Entity"];
    const { exitCode, stdout } = await watch(argv, [streamOf([started(), reset, changes(4)])]);
    expect(exitCode).toBe(0);
    const objects = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as JsonObject);
    expect(objects).toMatchObject([
      { reset: { generation: 2 } },
      { changes: { cursor: { position: "4" }, generation: 1, nodes: [{}, {}], removed: [idOf(77)] } },
    ]);
    expect(fake.asked(WatchGraphRequestSchema)).toMatchObject([
      { labels: ["Entity"], start: { case: "fromBeginning", value: true } },
    ]);
  });

  test("Ctrl-C ends it quietly, with 130", async () => {
    const controller = new AbortController();
    const onStdout = (text: string): void => (text.includes("removed") ? controller.abort() : undefined);
    const ran = await watch(["--module", "pepys"], [streamOf([started(3), changes(4)])], {
      signal: controller.signal,
      onStdout,
    });
    expect(ran).toMatchObject({ exitCode: 130, stderr: "" });
  });

  test("the only module of the graph, else cc", async () => {
    const frames = [started(3), changes(4)];
    expect((await watch(["--limit", "1"], [streamOf(frames)])).stderr).toContain("in module pepys, the only one");
    fake.projection = projectionOf({ a: 1, pepys: 2 });
    await watch(["--limit", "1"], [streamOf(frames)]);
    expect(fake.asked(WatchGraphRequestSchema).map(({ module }) => module)).toEqual(["pepys", "cc"]);
  });

  test("nobody there is said at once; a refusal is told", async () => {
    expect(await watch(["--module", "pepys"], [])).toMatchObject({
      exitCode: 4,
      stderr: "cos: the graph does not answer at 127.0.0.1:50052: is `npm start` running?\n",
    });
    const refusal = new ConnectError("there is no module nope", Code.NotFound);
    expect(await watch(["--module", "nope"], [streamOf([], refusal)])).toMatchObject({
      exitCode: 3,
      stderr: "cos: there is no module nope\n",
    });
  });
});

describe("lines", () => {
  const lines = (told: Told, columns?: number): string[] => {
    const out =
      columns === undefined ? new Output(new Sink(), {}) : new Output(new Sink(true, columns), { NO_COLOR: "1" });
    return [...new ChangeLines(out).of(told)];
  };
  const told = (nodes: (typeof batten)[], relationships: ReturnType<typeof edge>[] = []): Told => {
    const frame = create(WatchGraphResponseSchema, {
      frame: { case: "changes", value: { nodes, relationships } },
    }).frame;
    if (frame.case !== "changes") throw new Error("not reached");
    return { kind: "changes", changes: frame.value };
  };

  test("what was made by hand, memories, and ends that are not known", () => {
    const ship = entity(3, "Royal Charles", { kind: "ship", origin: Origin.MANUAL });
    const made = edge(1, [ship, entity(55, "?")], { type: "DEPENDS_ON", origin: Origin.MANUAL });
    const mention = edge(2, [memoryNode(7, "Up"), ship], { type: "REFERENCES" });
    expect(lines(told([ship, memoryNode(7, "Up\u001b[2J", { memoryCount: 0n })], [made, mention]))).toEqual([
      "ship  Royal Charles  by hand",
      "memory  Up[2J",
      "DEPENDS_ON  Royal Charles -> 00000000…  by hand",
      "REFERENCES  Up[2J -> Royal Charles",
    ]);
  });

  test("fit a narrow terminal", () => {
    const long = entity(3, "x".repeat(100));
    for (const line of lines(told([long], [edge(1, [long, batten])]), 60)) expect(line.length).toBeLessThanOrEqual(60);
  });

  test("after many names the oldest are forgotten, and all with a reset", () => {
    const out = new ChangeLines(new Output(new Sink(), {}));
    const many = Array.from({ length: 20_001 }, (_, n) => entity(n, `n${n}`));
    expect([...out.of(told(many))]).toHaveLength(20_001);
    const ends = (number: number): string => [...out.of(told([], [edge(1, [many[number]!, many[20_000]!])]))].join("");
    expect(ends(1)).toContain("n1 -- n20000");
    expect(ends(0)).toContain("00000000… -- n20000");
    const frame = reset.frame as Extract<Frame, { case: "reset" }>;
    expect([...out.of({ kind: "reset", reset: frame.value })]).toEqual([
      "the graph was built anew (generation 2): all of it follows",
    ]);
    expect(ends(1)).toContain("00000000… -- 00000000…");
  });
});

describe("streams that are lost", () => {
  interface Followed {
    readonly told: Told[];
    readonly states: FollowState[];
    readonly starts: unknown[];
    readonly error: unknown;
  }

  /** Follows until so much was told, or it fails. */
  async function follow(
    streams: Stream[],
    until: number,
    options: { silenceMs?: number; fromBeginning?: boolean } = {},
  ): Promise<Followed> {
    const controller = new AbortController();
    const [told, states, starts]: [Told[], FollowState[], unknown[]] = [[], [], []];
    const start = options.fromBeginning === true ? { start: { case: "fromBeginning" as const, value: true } } : {};
    try {
      const followed = followGraph({
        open: (request, { signal }) => {
          starts.push({
            start: request.start.case,
            position: request.start.case === "cursor" ? Number(request.start.value.position) : undefined,
            generation: request.generation,
          });
          const stream = streams.shift();
          if (stream === undefined) throw new ConnectError("nobody", Code.Unavailable);
          return stream(request, signal);
        },
        request: create(WatchGraphRequestSchema, { module: "pepys", ...start }),
        signal: controller.signal,
        onState: (state) => states.push(state),
        backoff: { initialMs: 1, maxMs: 2 },
        ...(options.silenceMs !== undefined && { silenceMs: options.silenceMs }),
      });
      for await (const each of followed) {
        told.push(each);
        if (told.length === until) controller.abort();
      }
      return { told, states, starts, error: undefined };
    } catch (error) {
      return { told, states, starts, error };
    }
  }
  const at = (position: number, generation: number) => ({ start: "cursor", position, generation });

  test("W1: it is asked for again above what was handed on, with its generation", async () => {
    const { starts, states } = await follow(
      [streamOf([started(3), changes(4), changes(6, 2)], unavailable), streamOf([started(6), changes(7)])],
      3,
    );
    expect(starts).toEqual([{ start: undefined, position: undefined, generation: 0 }, at(6, 2)]);
    expect(states.map(({ kind }) => kind)).toEqual(["connected", "lost", "connected"]);
    expect(states.at(-1)).toMatchObject({ resumed: true });
  });

  test("W1: after a reset all of the new generation is asked for, until its first changes", async () => {
    const { starts } = await follow(
      [streamOf([started(3), changes(4), reset], "end"), streamOf([started(0), changes(9, 2)])],
      3,
    );
    expect(starts[1]).toEqual(at(0, 2));
    const fresh = await follow([streamOf([started(), reset], "end"), streamOf([started(), changes(9, 2)])], 2, {
      fromBeginning: true,
    });
    expect(fresh.starts[1]).toMatchObject({ start: "fromBeginning" });
  });

  test("W2: places come from checkpoints, and from the start of a live stream, not of one from the beginning", async () => {
    const live = await follow([streamOf([started(3)], "end"), streamOf([started(3), changes(4)])], 1);
    expect(live.starts[1]).toEqual(at(3, 0));
    const all = await follow([streamOf([started(3)], "end"), streamOf([started(3), changes(4)])], 1, {
      fromBeginning: true,
    });
    expect(all.starts[1]).toMatchObject({ start: "fromBeginning" });
    const checked = await follow(
      [streamOf([started(3), checkpoint(5), checkpoint()], "end"), streamOf([started(5), changes(6)])],
      1,
      { fromBeginning: true },
    );
    expect(checked.starts[1]).toEqual(at(5, 0));
  });

  test("W3: a silence of three heartbeats is a loss", async () => {
    const { told, states } = await follow([streamOf([started(3, 1)]), streamOf([started(3), caughtUp, changes(4)])], 1);
    expect(told).toHaveLength(1);
    expect(states[1]).toMatchObject({ kind: "lost", cause: { name: "Silence" } });
  });

  test("W3: it waits no shorter than the server asks; attempts without a word count up", async () => {
    const { states } = await follow(
      [
        streamOf([started(3), goAway(20)], "end"),
        streamOf([started(3), goAway()], "end"),
        streamOf([started(3)], unavailable),
        streamOf([changes(4)]),
      ],
      1,
    );
    const lost = states.filter((state) => state.kind === "lost");
    expect(lost.map(({ attempt }) => attempt)).toEqual([1, 1, 2]);
    expect(lost[0]?.retryInMs).toBeGreaterThanOrEqual(20);
    expect(lost[1]?.retryInMs).toBeLessThan(20);
  });

  test("W4: the generation is known from the start on, which is no word of the stream yet", async () => {
    const { told, starts, states } = await follow(
      [
        streamOf([started(3), generationAt(3, 4)], "end"),
        streamOf([started(3), generationAt(3, 4)], "end"),
        streamOf([started(3), changes(5, 4)]),
      ],
      3,
    );
    expect(told).toHaveLength(3);
    expect(starts.slice(1)).toEqual([at(3, 4), at(3, 4)]);
    expect(states.flatMap((state) => (state.kind === "lost" ? [state.attempt] : []))).toEqual([1, 2]);
    const argv = ["--module", "pepys", "--limit", "1"];
    const { stdout } = await watch(argv, [streamOf([started(3), generationAt(3, 4), changes(5, 4)])]);
    expect(stdout).toBe("removed  00000000…\n");
  });

  test("a refusal is thrown, and so is nobody there at first", async () => {
    const denied = new ConnectError("no", Code.PermissionDenied);
    expect(await follow([streamOf([started(3), changes(4)], denied)], 9)).toMatchObject({ error: denied, told: [{}] });
    expect(await follow([], 9)).toMatchObject({ error: { code: Code.Unavailable }, states: [] });
  });

  test("frames that are not known are passed over, and changes without a cursor keep the place", async () => {
    const odd = create(WatchGraphResponseSchema, { frame: { case: "changes", value: { generation: 1 } } });
    const { told, starts } = await follow(
      [streamOf([started(3), response({ case: undefined }), odd], "end"), streamOf([started(3), changes(4)])],
      2,
    );
    expect(told).toHaveLength(2);
    expect(starts[1]).toEqual(at(3, 1));
  });
});
