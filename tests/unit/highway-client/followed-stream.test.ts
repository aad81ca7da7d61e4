import { setTimeout as delay, setImmediate as turn } from "node:timers/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import {
  type FollowedStreamOptions,
  type FollowedTask,
  type FollowedWork,
  followedStream,
} from "#shared/highway/client/followed-stream.ts";
import { ParkEvent } from "#shared/highway/client/park-event.ts";
import { RetryEvent } from "#shared/highway/client/retry-event.ts";
import { Subscriber, type SubscriberOptions } from "#shared/highway/client/subscriber.ts";
import { mostReactions } from "#tests/support/most-reactions.ts";
import { openFakeLog } from "#tests/unit/graph/projection/fake-log.ts";
import { batch, checkpoint, cursor, type Frame, progress, started } from "./frames.ts";

/** Streams of these frames that then stay open. */
function opening(...streams: Frame[][]): FollowedStreamOptions["open"] {
  let opened = 0;
  return async function* (_, { signal }) {
    yield* streams[opened++] ?? [];
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  };
}

type Given = Partial<FollowedStreamOptions> &
  Partial<Omit<SubscriberOptions<FollowedTask, FollowedWork>, "source">> & { readonly frames: Frame[] };

/** What handlers were given, as `module after-position: positions`. */
function shown({ module, after, cursor: to, events }: FollowedWork): string {
  return `${module} ${after}-${to.position}: ${events.map(({ position }) => position).join(" ")}`.trim();
}

function follow({ frames, handle = async () => undefined, ...given }: Given) {
  const works: string[] = [];
  const { concurrency = 8, batch: most = 100, heldMax = 1000, graceMs = 5_000, ...stream } = given;
  const source = followedStream({ open: opening(frames), retry: { initialMs: 0, maxMs: 0 }, ...stream });
  const subscriber = new Subscriber({
    source,
    ...{ concurrency, batch: most, heldMax, graceMs },
    handle: (work, signal) => {
      works.push(shown(work));
      return handle(work, signal);
    },
  });
  const ended = subscriber.run();
  ended.catch(() => undefined);
  return { subscriber, ended, works };
}

async function until(holds: () => boolean): Promise<void> {
  for (let turns = 0; !holds(); turns += 1) {
    if (turns > 20_000) throw new Error("it never came to that");
    await turn();
    if (turns % 50 === 49) await delay(1);
  }
}

/** A handler whose calls a test ends one by one. */
function gate() {
  const ends = new Map<string, PromiseWithResolvers<void>>();
  const handle = (work: FollowedWork): Promise<void> => {
    const end = Promise.withResolvers<void>();
    ends.set(shown(work), end);
    return end.promise;
  };
  return {
    handle,
    end: (name: string) => ends.get(name)!.resolve(),
    fail: (name: string) => ends.get(name)!.reject(1),
  };
}

describe("W1: a module's events, with the place before and after", () => {
  test("a lone event at once, and then what has come meanwhile, in one", async () => {
    const { handle, end } = gate();
    const { subscriber, works } = follow({ frames: [started({ a: 0 }), batch("a", 0, 1), batch("a", 1, 9)], handle });
    await until(() => works.length === 1);
    expect(works).toEqual(["a 0-0:"]);
    end("a 0-0:");
    await until(() => works.length === 2);
    expect(works[1]).toBe("a 0-9: 1 2 3 4 5 6 7 8 9");
    end("a 0-9: 1 2 3 4 5 6 7 8 9");
    await subscriber.close();
  });

  test("one handler at a time in each, modules side by side, no more than so many", async () => {
    const { handle, end } = gate();
    const from = { cursors: ["a", "b", "c"].map((module) => cursor(module, 0)) };
    const frames = [started({ a: 0, b: 0, c: 0 }), batch("a", 0, 2), batch("b", 0, 1), batch("c", 0, 1)];
    const { subscriber, works } = follow({ frames, from, handle, batch: 1, concurrency: 2 });
    await until(() => works.length === 2);
    await turn();
    expect(works).toEqual(["a 0-1: 1", "b 0-1: 1"]);
    end("a 0-1: 1");
    await until(() => works.length === 3);
    // Keys take turns: a stands behind c, though it was there before.
    expect(works[2]).toBe("c 0-1: 1");
    end("b 0-1: 1");
    await until(() => works.length === 4);
    end("a 1-2: 2");
    end("c 0-1: 1");
    await subscriber.close();
  });

  test("what a text weighs bounds what one handler gets", async () => {
    const source = followedStream({ open: opening([started({ a: 0 }), batch("a", 0, 4)]) });
    const given: number[] = [];
    const handle = async ({ events }: FollowedWork): Promise<void> => {
      given.push(events.length);
      await delay(1);
    };
    const subscriber = new Subscriber({ source, handle, batch: 100, batchBytes: 900 });
    void subscriber.run();
    await until(() => given.reduce((sum, each) => sum + each, 0) === 4);
    expect(given).toEqual([0, 2, 2]);
    await subscriber.close();
  });
});

test("W2: a module that moved without an event is told in its order", async () => {
  const from = { cursors: [cursor("a", 0)] };
  const frames = [started({ a: 0, b: 7 }), batch("a", 0, 5, [1, 2]), checkpoint([progress("a", 9, 5)])];
  const { subscriber, works } = follow({ frames, from, batch: 1 });
  await until(() => works.length === 5);
  expect(works.toSorted()).toEqual(["a 0-1: 1", "a 1-2: 2", "a 2-5:", "a 5-9:", "b 7-7:"]);
  await subscriber.close();
});

describe("W3: a failure", () => {
  test("is tried again, and the module waits; others go on", async () => {
    const from = { cursors: [cursor("a", 0), cursor("b", 0)] };
    const frames = [started({ a: 0, b: 0 }), batch("a", 0, 2), batch("b", 0, 1)];
    const retried: unknown[] = [];
    const attempts: number[] = [];
    const { subscriber, works } = follow({
      frames,
      from,
      batch: 1,
      onRetry: (module, error, retryInMs) => retried.push([module, (error as Error).message, retryInMs]),
      handle: async ({ module, events }) => {
        if (module !== "a" || events[0]?.position !== 1) return;
        attempts.push(events[0].attempt);
        if (events[0].attempt === 1) throw new RetryEvent(3, "later");
        if (events[0].attempt < 3) throw new Error("not yet");
      },
    });
    await until(() => works.length === 5);
    expect(attempts).toEqual([1, 2, 3]);
    expect(retried).toEqual([
      ["a", "later", 3],
      ["a", "not yet", 0],
    ]);
    expect(works.indexOf("a 1-2: 2")).toBe(4);
    await subscriber.close();
  });

  test("of several is narrowed down", async () => {
    const from = { cursors: [cursor("a", 0)] };
    const failed: number[][] = [];
    let isMended = false;
    const frames = [started({ a: 0 }), batch("a", 0, 8)];
    const { subscriber, works } = follow({
      frames,
      from,
      handle: async ({ events }) => {
        await delay(1);
        const positions = events.map(({ position }) => position);
        if (isMended || !positions.includes(5)) return;
        failed.push(positions);
        if (positions.length === 1) isMended = true;
        throw new Error("five");
      },
    });
    await until(() => works.at(-1)?.includes("-8:") === true && isMended);
    expect(failed.at(-1)).toEqual([5]);
    await subscriber.close();
  });

  test("that is for good ends it, and nothing above was begun", async () => {
    const from = { cursors: [cursor("a", 0)] };
    const { ended, works } = follow({
      frames: [started({ a: 0 }), batch("a", 0, 3)],
      from,
      batch: 1,
      handle: async ({ events }) => {
        if (events[0]?.position === 2) throw new ParkEvent("never");
      },
    });
    await expect(ended).rejects.toThrow("never");
    expect(works).toEqual(["a 0-1: 1", "a 1-2: 2"]);
  });

  test("of the stream ends it", async () => {
    const open: FollowedStreamOptions["open"] = async function* () {
      yield started({ a: 0 });
      throw new ConnectError("no", Code.PermissionDenied);
    };
    await expect(follow({ frames: [], open }).ended).rejects.toMatchObject({ name: "StreamRefused" });
  });
});

describe("W4: resume tokens", () => {
  const frames = [
    started({ a: 0, b: 0 }, { resumeToken: "t0" }),
    batch("a", 0, 2),
    checkpoint([], "t1"),
    checkpoint([], "t2"),
  ];
  const from = { cursors: [cursor("a", 0), cursor("b", 0)] };

  test("wait for all before them; one that waits is not replaced", async () => {
    const { handle, end } = gate();
    const told: string[] = [];
    const { subscriber, works } = follow({ frames, from, handle, onResumeToken: (token) => void told.push(token) });
    await until(() => works.length === 1);
    await turn();
    expect(told).toEqual(["t0"]);
    end("a 0-1: 1");
    await until(() => works.length === 2);
    expect(told).toEqual(["t0"]);
    const closed = subscriber.close();
    end("a 1-2: 2");
    await closed;
    expect(told).toEqual(["t0", "t1"]);
  });

  test("that cannot be kept end it", async () => {
    const onResumeToken = async (): Promise<void> => {
      throw new Error("disk full");
    };
    await expect(follow({ frames, from, onResumeToken }).ended).rejects.toThrow("disk full");
  });
});

test("no more is held than may be: the stream is not asked for more", async () => {
  let taken = 0;
  const open: FollowedStreamOptions["open"] = async function* () {
    yield started({ a: 0 });
    for (let position = 1; position <= 9; position += 1) {
      taken = position;
      yield batch("a", position - 1, position);
    }
  };
  const { handle, end } = gate();
  const { subscriber } = follow({ frames: [], open, handle, heldMax: 3, batch: 1 });
  await until(() => taken === 2);
  await turn();
  expect(taken).toBe(2);
  end("a 0-0:");
  await until(() => taken === 3);
  const closed = subscriber.close();
  end("a 0-1: 1");
  await closed;
});

test("what is over is let go of, however long it goes on", async () => {
  const { subscriber, works } = follow({ frames: [started({ a: 0 }), batch("a", 0, 100)], batch: 1 });
  const reactions = await mostReactions(() => until(() => works.length === 101));
  expect(reactions).toBeLessThan(10);
  await subscriber.close();
});

describe("close", () => {
  const frames = [started({ a: 0 }), batch("a", 0, 2)];

  test("begins nothing more, and waits for the handler at work", async () => {
    const { handle, end } = gate();
    const { subscriber, ended, works } = follow({ frames, handle });
    await until(() => works.length === 1);
    const closed = subscriber.close();
    end("a 0-0:");
    await Promise.all([closed, ended]);
    expect(works).toEqual(["a 0-0:"]);
  });

  test("tries nothing again, neither one nor several", async () => {
    const { handle, end, fail } = gate();
    const { subscriber, ended, works } = follow({ frames, handle });
    await until(() => works.length === 1);
    end("a 0-0:");
    await until(() => works.length === 2);
    const closed = subscriber.close();
    fail(works[1]!);
    await Promise.all([closed, ended]);
    expect(works).toHaveLength(2);
    const one = gate();
    const again = follow({ frames, handle: one.handle });
    await until(() => again.works.length === 1);
    const over = again.subscriber.close();
    one.fail("a 0-0:");
    await over;
    expect(again.works).toHaveLength(1);
  });

  test("ends the wait for another try", async () => {
    let failures = 0;
    const handle = async (): Promise<void> => {
      failures += 1;
      throw new RetryEvent(60_000, "later");
    };
    const { subscriber, ended } = follow({ frames, handle });
    await until(() => failures === 1);
    await subscriber.close();
    await ended;
  });

  test("past the grace the signal fires", async () => {
    const handle = (_: FollowedWork, signal: AbortSignal): Promise<void> =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const { subscriber, ended, works } = follow({ frames, handle, graceMs: 1 });
    await until(() => works.length === 1);
    await subscriber.close();
    await ended;
  });

  test("before it ran", async () => {
    const source = followedStream({ open: opening() });
    await new Subscriber({ source, handle: async () => undefined }).close();
  });
});

describe("a projection on top", () => {
  /** A store whose transactions take a place and an effect together, and fail now and then, before or after they were carried out. */
  class Store {
    readonly texts: string[] = [];
    readonly places = new Map<string, number>();
    readonly troubles: ("before" | "after" | "none")[];

    constructor(troubles: Store["troubles"]) {
      this.troubles = troubles;
    }

    async project({ module, cursor: to, events }: FollowedWork): Promise<void> {
      const trouble = this.troubles.shift();
      await turn();
      if (trouble === "before") throw new Error("the engine is away");
      // What another process, or this one before its answer was lost, has done is left out.
      const place = this.places.get(module) ?? 0;
      for (const { event, position } of events) {
        if (position > place && event.body.case === "memory") this.texts.push(event.body.value.text);
      }
      this.places.set(module, Math.max(place, Number(to.position)));
      if (trouble === "after") throw new Error("the answer was lost");
    }
  }

  test("has each effect exactly once, in order, whatever fails and however often it is begun anew", async () => {
    const plan = fc.record({
      counts: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 }),
      troubles: fc.array(fc.constantFrom("before", "after", "none"), { maxLength: 20 }),
      restarts: fc.array(fc.nat(12), { maxLength: 3 }),
      batch: fc.integer({ min: 1, max: 5 }),
    });
    const property = fc.asyncProperty(plan, async ({ counts, troubles, restarts, batch: most }) => {
      const log = openFakeLog();
      log.batchMax = 4;
      const modules = counts.map((_, index) => `m${index}`);
      const texts = (module: string) => Array.from({ length: counts[Number(module[1])]! }, (_, n) => `${module} ${n}`);
      for (const module of modules) log.append(module, ...texts(module));
      const store = new Store([...troubles]);
      const isDone = (): boolean => modules.every((module) => store.places.get(module) === counts[Number(module[1])]);
      const begin = () => {
        const cursors = Array.from(store.places, ([module, position]) => ({
          ...cursor(module, position),
          epoch: "e1",
        }));
        const source = followedStream({
          open: log.subscribe(modules),
          from: { cursors },
          retry: { initialMs: 0, maxMs: 0 },
        });
        const subscriber = new Subscriber({ source, handle: (work) => store.project(work), batch: most });
        void subscriber.run();
        return subscriber;
      };
      let subscriber = begin();
      for (const turns of restarts) {
        for (let n = 0; n < turns; n += 1) await turn();
        await subscriber.close();
        subscriber = begin();
      }
      await until(isDone);
      await subscriber.close();
      for (const module of modules) {
        expect(store.texts.filter((text) => text.startsWith(module))).toEqual(texts(module));
      }
    });
    await fc.assert(property, { numRuns: 40 });
  });
});
