import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { Followed, FollowedEvent } from "#shared/highway/client/followed.ts";
import { Subscriber, type SubscriberOptions } from "#shared/highway/client/subscriber.ts";
import { mostReactions } from "#tests/support/most-reactions.ts";
import { cursor, event } from "./frames.ts";

function followed(module: string, position: number): FollowedEvent {
  return { kind: "event", module, position, cursor: cursor(module, position), event: event(module, position) };
}

async function* streamOf(items: readonly Followed[]): AsyncGenerator<Followed> {
  yield* items;
}

/** A handler whose calls a test ends one by one. */
function gate() {
  const started: string[] = [];
  const ends = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const handle = (each: FollowedEvent): Promise<void> => {
    const name = `${each.module}/${each.position}`;
    started.push(name);
    return new Promise((resolve, reject) => ends.set(name, { resolve, reject }));
  };
  return {
    started,
    handle,
    end: (name: string) => ends.get(name)!.resolve(),
    fail: (name: string) => ends.get(name)!.reject(new Error("no")),
  };
}

interface Reported {
  readonly reports: string[];
  readonly options: Pick<SubscriberOptions, "onProgress" | "onResumeToken" | "backoff">;
}

function reporting(): Reported {
  const reports: string[] = [];
  return {
    reports,
    options: {
      onProgress: ({ module, position }) => void reports.push(`${module}/${position}`),
      onResumeToken: (token) => void reports.push(token),
      backoff: { initialMs: 0, maxMs: 0 },
    },
  };
}

describe("S1: an event is handled until its handler returns", () => {
  test("a failing handler is called again, and the next event waits", async () => {
    const calls: number[] = [];
    const retried: number[] = [];
    const { reports, options } = reporting();
    const handle = async ({ position }: FollowedEvent): Promise<void> => {
      calls.push(position);
      if (position === 1 && calls.length < 3) throw new Error("not yet");
    };
    const onRetry = ({ position }: FollowedEvent): number => retried.push(position);
    const source = streamOf([followed("a", 1), followed("a", 2)]);
    await new Subscriber({ source, handle, onRetry, ...options }).run();
    expect(calls).toEqual([1, 1, 1, 2]);
    expect(retried).toEqual([1, 1]);
    expect(reports).toEqual(["a/1", "a/2"]);
  });

  test("a handler that gives up stops everything; nothing at or above it is reported", async () => {
    const { reports, options } = reporting();
    const handle = async ({ position }: FollowedEvent): Promise<void> => {
      if (position === 2) throw new Error("never");
    };
    const source = streamOf([followed("a", 1), followed("a", 2), followed("a", 3)]);
    const subscriber = new Subscriber({ source, handle, attemptsMax: 2, ...options });
    await expect(subscriber.run()).rejects.toThrow("never");
    expect(reports).toEqual(["a/1"]);
  });
});

test("what is over is let go of, however long it goes on", async () => {
  const source = streamOf(Array.from({ length: 100 }, (_, index) => followed("a", index + 1)));
  const subscriber = new Subscriber({ source, handle: async () => undefined });
  expect(await mostReactions(() => subscriber.run())).toBeLessThan(10);
});

describe("S2: order", () => {
  test("within a module one after the other, modules side by side", async () => {
    const { started, handle, end } = gate();
    const source = streamOf([followed("a", 1), followed("a", 2), followed("b", 1)]);
    const done = new Subscriber({ source, handle }).run();
    await turn();
    expect(started).toEqual(["a/1", "b/1"]);
    end("a/1");
    await turn();
    expect(started).toEqual(["a/1", "b/1", "a/2"]);
    end("b/1");
    end("a/2");
    await done;
  });

  test("none, where none is asked for", async () => {
    const { started, handle, end } = gate();
    const { reports, options } = reporting();
    const source = streamOf([followed("a", 1), followed("a", 2)]);
    const done = new Subscriber({ source, handle, order: "none", ...options }).run();
    await turn();
    expect(started).toEqual(["a/1", "a/2"]);
    end("a/2");
    await turn();
    expect(reports).toEqual([]);
    end("a/1");
    await done;
    expect(reports).toEqual(["a/1", "a/2"]);
  });
});

describe("S3: bounds", () => {
  test("at most so many handlers at once", async () => {
    const { started, handle, end } = gate();
    const source = streamOf([followed("a", 1), followed("b", 1), followed("c", 1)]);
    const done = new Subscriber({ source, handle, concurrency: 2 }).run();
    await turn();
    expect(started).toEqual(["a/1", "b/1"]);
    end("a/1");
    await turn();
    expect(started).toEqual(["a/1", "b/1", "c/1"]);
    end("b/1");
    end("c/1");
    await done;
  });

  test("at most so many events held: the stream is not asked for more", async () => {
    let taken = 0;
    async function* source(): AsyncGenerator<Followed> {
      for (let position = 1; position <= 9; position += 1) {
        taken = position;
        yield followed("a", position);
      }
    }
    const { handle, end } = gate();
    const subscriber = new Subscriber({ source: source(), handle, pendingMax: 3 });
    const done = subscriber.run();
    await turn();
    expect(taken).toBe(3);
    end("a/1");
    await turn();
    expect(taken).toBe(4);
    const closed = subscriber.close();
    end("a/2");
    await Promise.all([done, closed]);
  });
});

describe("S4: reports", () => {
  test("a token waits for every event before it, progress only for its module", async () => {
    const { handle, end } = gate();
    const { reports, options } = reporting();
    const source = streamOf([
      followed("a", 1),
      { kind: "progress", cursor: cursor("b", 9), progress: undefined },
      { kind: "progress", cursor: cursor("a", 4), progress: undefined },
      { kind: "checkpoint", resumeToken: "t" },
      { kind: "checkpoint", resumeToken: "" },
    ]);
    const done = new Subscriber({ source, handle, ...options }).run();
    await turn();
    expect(reports).toEqual(["b/9"]);
    end("a/1");
    await done;
    expect(reports).toEqual(["b/9", "a/1", "a/4", "t"]);
  });

  test("a report that fails ends it; later ones are not made", async () => {
    const made: bigint[] = [];
    const onProgress = ({ position }: { position: bigint }): void => {
      made.push(position);
      throw new Error("disk full");
    };
    const source = streamOf([followed("a", 1), followed("a", 2)]);
    await expect(new Subscriber({ source, handle: async () => undefined, onProgress }).run()).rejects.toThrow(
      "disk full",
    );
    expect(made).toEqual([1n]);
  });

  test("whatever fails how often, reports ascend and are made once for each event", async () => {
    const failures = fc.array(fc.nat(3), { minLength: 1, maxLength: 30 });
    const property = fc.asyncProperty(failures, fc.constantFrom("module", "none"), async (plan, order) => {
      const left = [...plan];
      const { reports, options } = reporting();
      const handle = async ({ position }: FollowedEvent): Promise<void> => {
        await turn();
        if (left[position - 1]!-- > 0) throw new Error("again");
      };
      const source = streamOf(plan.map((_, index) => followed("a", index + 1)));
      await new Subscriber({ source, handle, order, concurrency: 3, ...options }).run();
      expect(reports).toEqual(plan.map((_, index) => `a/${index + 1}`));
    });
    await fc.assert(property, { numRuns: 30 });
  });
});

describe("close", () => {
  test("waits for the handlers in flight, reports what they did and starts no more", async () => {
    const { started, handle, end } = gate();
    const { reports, options } = reporting();
    const subscriber = new Subscriber({ source: streamOf([followed("a", 1), followed("a", 2)]), handle, ...options });
    const done = subscriber.run();
    await turn();
    const closed = subscriber.close();
    end("a/1");
    await Promise.all([closed, done]);
    expect(started).toEqual(["a/1"]);
    expect(reports).toEqual(["a/1"]);
  });

  test("ends the wait for another attempt", async () => {
    const { handle, fail } = gate();
    const options = { backoff: { initialMs: 60_000, maxMs: 60_000 } };
    const subscriber = new Subscriber({ source: streamOf([followed("a", 1)]), handle, ...options });
    const done = subscriber.run();
    await turn();
    fail("a/1");
    await turn();
    await subscriber.close();
    await done;
  });

  test("a failure while closing is not tried again", async () => {
    const { started, handle, fail } = gate();
    const subscriber = new Subscriber({ source: streamOf([followed("a", 1)]), handle });
    const done = subscriber.run();
    await turn();
    const closed = subscriber.close();
    fail("a/1");
    await Promise.all([closed, done]);
    expect(started).toEqual(["a/1"]);
  });

  test("before it ran, and of a source that never ends", async () => {
    await new Subscriber({ source: streamOf([]), handle: async () => undefined }).close();
    const endless = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
    const subscriber = new Subscriber({ source: endless, handle: async () => undefined });
    const done = subscriber.run();
    await subscriber.close();
    await done;
  });
});
