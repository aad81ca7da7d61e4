import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { FellBehind_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { ChainBroken } from "#shared/highway/client/chain.ts";
import { type FollowOptions, follow } from "#shared/highway/client/follow.ts";
import type { Followed, FollowState } from "#shared/highway/client/followed.ts";
import type { ResumeFields } from "#shared/highway/client/place.ts";
import { away, breaking, followScripts, type Script, waits } from "./follow-scripts.ts";
import { batch, caughtUp, checkpoint, cursor, type Frame, frame, places, progress, shown, started } from "./frames.ts";

describe("F2: a lost stream goes on where it was", () => {
  test("by the cursors that moved", async () => {
    const told = await followScripts([
      () => breaking([started({ a: 0, b: 4 }), batch("a", 0, 2), batch("b", 4, 5)]),
      () => breaking([started({ a: 2, b: 5 }), batch("a", 2, 3)]),
    ]);
    expect(places(told.followed)).toEqual(["a/1", "a/2", "b/5", "a/3"]);
    expect(told.asked.map(shown).slice(0, 2)).toEqual([
      { cursors: [], resumeToken: "" },
      { cursors: ["a/2", "b/5"], resumeToken: "" },
    ]);
  });

  test("by the cursors, and the last token for what they do not name", async () => {
    const told = await followScripts([
      () =>
        breaking([
          started({ a: 0, b: 0 }, { resumeToken: "t0" }),
          batch("a", 0, 2),
          checkpoint([], "t1"),
          batch("b", 0, 1),
        ]),
    ]);
    expect(shown(told.asked[1]!)).toEqual({ cursors: ["a/2", "b/1"], resumeToken: "t1" });
  });

  test("a module that the filter hides moves on by progress", async () => {
    const told = await followScripts([
      () => breaking([started({ a: 0 }), checkpoint([progress("a", 90, 0)]), batch("a", 90, 95, [93])]),
    ]);
    expect(places(told.followed)).toEqual(["a/93"]);
    expect(shown(told.asked[1]!).cursors).toEqual(["a/95"]);
  });

  test("from what an earlier process stored", async () => {
    const told = await followScripts([() => [started({ a: 7 }), batch("a", 7, 8)]], {
      from: { cursors: [cursor("a", 7)], resumeToken: "t" },
    });
    expect(shown(told.asked[0]!)).toEqual({ cursors: ["a/7"], resumeToken: "t" });
    expect(places(told.followed)).toEqual(["a/8"]);
  });

  test("after an end without an error, and after a goodbye by its own token", async () => {
    const told = await followScripts([
      () => [started({ a: 0 }), batch("a", 0, 1)],
      () => breaking([started({ a: 1 }), frame({ case: "goAway", value: { resumeToken: "bye" } })]),
    ]);
    expect(told.states.filter(({ kind }) => kind === "lost")).toHaveLength(2);
    expect(shown(told.asked[2]!)).toEqual({ cursors: ["a/1"], resumeToken: "bye" });
  });

  test("after a silence of three heartbeats", async () => {
    const silent: Script = async function* (_, signal) {
      const value = { heartbeat: durationFromMs(5), progress: [progress("a", 0)] };
      yield frame({ case: "started", value });
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(away())));
    };
    const told = await followScripts([silent]);
    expect(told.states).toContainEqual(
      expect.objectContaining({ kind: "lost", cause: expect.objectContaining({ name: "Silence" }) }),
    );
  });

  test("after a server that takes the call and never says a word", async () => {
    const mute: Script = async function* (_, signal) {
      await new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(away())));
      yield started({});
    };
    const told = await followScripts([mute], { firstFrameMaxMs: 5 });
    expect(told.asked).toHaveLength(2);
  });
});

describe("F3: attempts wait", () => {
  test("longer and longer, until a stream came to more than its start", async () => {
    const fails: Script = () => breaking([started({ a: 0 })]);
    const speaks: Script = () => breaking([started({ a: 0 }), checkpoint([])]);
    const told = await followScripts([fails, fails, fails, speaks, fails], {
      backoff: { initialMs: 1, maxMs: 100 },
      random: () => 1,
    });
    expect(waits(told)).toEqual([1, 2, 4, 1, 2]);
  });

  test("as long as GoAway asks, and not at all if it does not", async () => {
    const asks =
      (value: object): Script =>
      () =>
        breaking([started({}), checkpoint([]), frame({ case: "goAway", value })]);
    const told = await followScripts([asks({ retryAfter: durationFromMs(7) }), asks({})], {
      backoff: { initialMs: 1, maxMs: 1 },
    });
    expect(waits(told)).toEqual([7, 0]);
  });

  test("never shorter than the backoff, if every stream is sent away at once", async () => {
    const asks: Script = () => breaking([started({}), frame({ case: "goAway", value: {} })]);
    const told = await followScripts([asks, asks, asks], { backoff: { initialMs: 1, maxMs: 9 }, random: () => 1 });
    expect(waits(told)).toEqual([0, 2, 4]);
  });

  test("as long as RetryInfo asks", async () => {
    const error = new ConnectError("later", Code.Unavailable, undefined, [
      { desc: RetryInfoSchema, value: { retryDelay: durationFromMs(6) } },
    ]);
    const told = await followScripts([() => breaking([], error)], { backoff: { initialMs: 1, maxMs: 1 } });
    expect(waits(told)).toEqual([6]);
  });

  test("an abort ends the wait", async () => {
    const controller = new AbortController();
    const states: FollowState[] = [];
    const open = (): AsyncIterable<Frame> => {
      throw away();
    };
    const onState = (state: FollowState): void => {
      states.push(state);
      controller.abort();
    };
    for await (const _ of follow({
      open,
      onState,
      signal: controller.signal,
      backoff: { initialMs: 60_000, maxMs: 60_000 },
    })) {
      throw new Error("nothing was to come");
    }
    expect(states).toHaveLength(1);
  });
});

test("what becomes of the stream is told", async () => {
  const reason = FellBehind_Reason.SLOW_SUBSCRIBER;
  const told = await followScripts([
    () =>
      breaking([
        started({ a: 0 }, { degraded: true }),
        checkpoint([], "", true),
        checkpoint([], "", false),
        frame({ case: "fellBehind", value: { cursor: cursor("a", 0), reason } }),
        caughtUp({ a: 0 }),
        frame({ case: undefined }),
      ]),
    () => [started({ a: 0 })],
  ]);
  const [connected, ...rest] = told.states;
  expect(connected).toEqual({ kind: "connected", subscriptionId: "s1", epoch: "e1", resumed: false });
  expect(rest.slice(0, 4)).toEqual([
    { kind: "degraded", degraded: true },
    { kind: "degraded", degraded: false },
    { kind: "fell_behind", module: "a", reason },
    { kind: "caught_up", modules: ["a"], all: true },
  ]);
  expect(rest[5]).toMatchObject({ kind: "connected", resumed: true });
});

test("a stream that does not begin with its start, or starts twice, is a broken chain", async () => {
  const told = await followScripts([
    () => [batch("a", 0, 1)],
    () => [checkpoint([])],
    () => [started({ a: 0 }), started({ a: 0 })],
  ]);
  expect(told.followed.filter(({ kind }) => kind === "event")).toEqual([]);
  expect(told.states.flatMap((state) => (state.kind === "lost" ? [(state.cause as Error).message] : []))).toEqual([
    "the stream did not start",
    "the stream did not start",
    "the stream started twice",
  ]);
});

test("F2: a token is not trusted where something was proven", async () => {
  // The batch of a/1 was lost on the way, the token that stands for it was not.
  const holed: Script = () => breaking([started({ a: 0 }, { resumeToken: "a0" }), checkpoint([], "a1")]);
  const told = await followScripts([holed]);
  expect(shown(told.asked[1]!)).toEqual({ cursors: ["a/0"], resumeToken: "a1" });
});

test("leaving the loop cancels the stream", async () => {
  let cancelled = false;
  const open: FollowOptions["open"] = async function* (_, { signal }) {
    signal.addEventListener("abort", () => {
      cancelled = true;
    });
    yield started({ a: 0 });
    yield batch("a", 0, 5);
  };
  for await (const each of follow({ open })) if (each.kind === "event") break;
  expect(cancelled).toBe(true);
});

type Mischief = "drop" | "repeat" | "swap" | "cut" | "none";

/** A log of two modules, served from any place in batches of `size`, with heartbeats that carry a token. */
function* serve(heads: Record<string, number>, place: ResumeFields, size: number): Generator<Frame> {
  const token: Record<string, number> = place.resumeToken === "" ? {} : JSON.parse(place.resumeToken);
  const at: Record<string, number> = {};
  for (const module of Object.keys(heads)) {
    at[module] = Number(place.cursors.find((each) => each.module === module)?.position ?? token[module] ?? 0);
  }
  yield started(at, { resumeToken: JSON.stringify(at) });
  while (Object.entries(heads).some(([module, head]) => at[module]! < head)) {
    for (const [module, head] of Object.entries(heads)) {
      const [from, to] = [at[module]!, Math.min(head, at[module]! + size)];
      if (from === to) continue;
      at[module] = to;
      // Every third stretch is one that a filter hides.
      yield to % 3 === 0 ? checkpoint([progress(module, to, from, head)]) : batch(module, from, to);
    }
    yield checkpoint([], JSON.stringify(at));
  }
  yield caughtUp(at);
}

function* spoil(frames: Iterable<Frame>, mischief: Mischief[]): Generator<Frame> {
  let held: Frame | undefined;
  for (const each of frames) {
    const what = mischief.shift() ?? "none";
    if (what === "cut") throw away();
    if (what === "drop") continue;
    if (what === "swap" && held === undefined) {
      held = each;
      continue;
    }
    yield each;
    if (what === "repeat") yield each;
    if (held !== undefined) yield held;
    held = undefined;
  }
}

test("F1: whatever is lost, repeated, reordered or cut off, each event comes once and in order", async () => {
  const mischief = fc.array(fc.constantFrom<Mischief>("none", "none", "drop", "repeat", "swap", "cut"), {
    maxLength: 60,
  });
  const heads = fc.record({ a: fc.integer({ min: 0, max: 30 }), b: fc.integer({ min: 0, max: 30 }) });
  const property = fc.asyncProperty(heads, fc.integer({ min: 1, max: 5 }), mischief, async (log, size, plan) => {
    const left = [...plan];
    const end = new AbortController();
    const followed: Followed[] = [];
    const open: FollowOptions["open"] = async function* (place) {
      // The last stream is a good one.
      const clean = left.length === 0;
      const share = left.splice(0, 12);
      yield* spoil(serve(log, place, size), share);
      if (clean) end.abort();
    };
    const giveUpNever = { backoff: { initialMs: 0, maxMs: 0 }, signal: end.signal };
    try {
      for await (const each of follow({ open, ...giveUpNever })) followed.push(each);
    } catch (error) {
      // Noticed, too often in a row: also an answer.
      if (!(error instanceof ChainBroken)) throw error;
      return;
    }
    for (const [module, head] of Object.entries(log)) {
      const events = followed.flatMap((each) =>
        each.kind === "event" && each.module === module ? [each.position] : [],
      );
      expect(events).toEqual([...new Set(events)].sort((x, y) => x - y));
      expect(coverage(followed, module)).toBe(head);
    }
  });
  await fc.assert(property, { numRuns: 150 });
});

/** The position up to which events and progress, each following the one before, have come. */
function coverage(followed: readonly Followed[], module: string): number {
  let at = 0;
  for (const each of followed) {
    if (each.kind === "checkpoint" || each.cursor.module !== module) continue;
    const to = Number(each.cursor.position);
    // An event is the very next one, or the first after a stretch that progress has covered.
    if (each.kind === "event") expect(to).toBe(at + 1);
    at = Math.max(at, to);
  }
  return at;
}
