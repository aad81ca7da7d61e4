import { getEventListeners } from "node:events";
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { MemorySchema } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Place } from "#services/graph/domain/graph-rows.ts";
import { arrivalOf } from "#services/graph/projection/arrival.ts";
import { Budget } from "#services/graph/projection/budget.ts";
import { Lane } from "#services/graph/projection/lane.ts";
import { openReader } from "#services/graph/projection/read-arrivals.ts";
import type { Step } from "#services/graph/projection/step.ts";
import { faultText, PlaceLost } from "#services/graph/projection/write-step.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { eventually } from "#tests/support/mesh-wait.ts";

const place = (position: number, atMs = 1): Place => ({ module: "cc", position, epoch: "e1", atMs });

const note = (position: number, text = "note") =>
  arrivalOf({ position, epoch: "e1" }, create(MemorySchema, { id: `m${position}`, position: BigInt(position), text }));

/** A lane before a store that another process has taken to `stored`, unless a test moves it. */
function lane(
  more: {
    stored?: Place | undefined;
    lost?: boolean;
    read?: () => never;
    look?: () => Promise<Place | undefined>;
  } = {},
) {
  const stop = new AbortController();
  const steps: string[] = [];
  const failures: unknown[] = [];
  const store = { place: more.stored };
  const budget = new Budget({ eventsMax: 100, bytesMax: 1_000_000 });
  const reading: number[] = [];
  const read = openReader({
    read: (memory) => {
      reading.push(Number(memory.position));
      return { kind: "passed", position: Number(memory.position), memoryId: memory.id };
    },
  });
  const opened = new Lane({
    module: "cc",
    after: 0,
    until: undefined,
    budget,
    read: more.read ?? read,
    write: async (step: Step) => {
      steps.push(`${step.after}-${step.to}`);
      const isLost = store.place !== undefined && store.place.position >= step.to;
      if (!isLost) store.place = place(step.to);
      return { place: store.place ?? place(step.to), lost: isLost };
    },
    look: more.look ?? (async () => store.place),
    onPlace: () => undefined,
    onFailure: (error) => {
      failures.push(error);
      stop.abort();
    },
    eventsMax: 10,
    bytesMax: 100_000,
    standBackMs: 5,
    random: () => 0.5,
    signal: stop.signal,
  });
  const running = opened.run();
  return {
    lane: opened,
    steps,
    failures,
    store,
    reading,
    budget,
    end: async () => {
      stop.abort();
      await running;
    },
    running,
  };
}

const slowly = async (): Promise<undefined> => {
  await new Promise((resolve) => setTimeout(resolve, 5));
};

describe("a lane", () => {
  test("N1: drops what comes again", async () => {
    const { lane: one, steps, end } = lane();
    for (const position of [1, 2, 2, 1, 3]) one.push(note(position));
    await eventually(() => steps.length === 1);
    expect(steps).toEqual(["0-3"]);
    await end();
  });

  test("N4: who has lost drops unread what the other one passes, and takes over when it rests", async () => {
    const { lane: one, steps, store, reading, end } = lane({ stored: place(2) });
    one.push(note(1));
    await eventually(() => steps.length === 1);
    one.push(note(2));
    one.push(note(3));
    one.push(note(4));
    store.place = place(3);
    await eventually(() => steps.length === 2);
    expect(steps).toEqual(["0-1", "3-4"]);
    expect(reading).toEqual([1, 4]);
    await end();
  });

  test("N4: a place whose time moves is being worked on", async () => {
    let looks = 0;
    const look = async () => {
      looks += 1;
      return place(1, Math.min(looks, 5));
    };
    const { lane: one, steps, end } = lane({ stored: place(1), look });
    one.push(note(1));
    await eventually(() => steps.length === 1);
    one.push(note(2));
    await eventually(() => steps.length === 2);
    expect(looks).toBeGreaterThanOrEqual(6);
    await end();
  });

  test("N4: where the store has gone back meanwhile, what is missing is not at hand", async () => {
    const { lane: one, failures, store, steps, running } = lane({ stored: place(5) });
    for (const position of [1, 2, 3, 4, 5]) one.push(note(position));
    await eventually(() => steps.length === 1);
    store.place = undefined;
    one.push(note(6));
    await running;
    expect(failures).toEqual([expect.any(PlaceLost)]);
  });

  test("what fails outside of a step is told too", async () => {
    const {
      lane: one,
      failures,
      running,
    } = lane({
      read: () => {
        throw new Error("unreadable");
      },
    });
    one.push(note(1));
    await running;
    expect(failures).toEqual([new Error("unreadable")]);
  });

  test("ends while it stands back", async () => {
    const { lane: one, steps, end, failures } = lane({ stored: place(1), look: slowly });
    one.push(note(1));
    await eventually(() => steps.length === 1);
    one.push(note(2));
    await end();
    expect(failures).toEqual([]);
  });
});

describe("what is held in memory", () => {
  test("M1, M2: there is room again when enough was let go, or when nobody needs it any more", async () => {
    const budget = new Budget({ eventsMax: 2, bytesMax: 1_000 });
    const signal = new AbortController();
    await budget.room(signal.signal);
    budget.hold(10);
    budget.hold(2_000);
    let isThere = false;
    const room = budget.room(signal.signal).then(() => {
      isThere = true;
    });
    budget.release(1, 10);
    await new Promise((resolve) => setTimeout(resolve, 5));
    // One event is let go, and its bytes are too few.
    expect(isThere).toBe(false);
    budget.release(1, 2_000);
    await room;
    budget.hold(2_000);
    const waiting = budget.room(signal.signal);
    signal.abort();
    await waiting;
    await budget.room(signal.signal);
  });

  test("whoever has waited for room does not listen to the signal any more", async () => {
    const budget = new Budget({ eventsMax: 1, bytesMax: 1_000 });
    const { signal } = new AbortController();
    budget.hold(1);
    const waiting = budget.room(signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    budget.release(1, 1);
    await waiting;
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("an arrival weighs what its texts do", () => {
    const trace = create(MemorySchema, { text: "four", promptTrace: { prompt: "12", response: "123" } });
    const bare = arrivalOf({ position: 1, epoch: "e" }, undefined).bytes;
    expect(arrivalOf({ position: 1, epoch: "e" }, trace).bytes - bare).toBe(9);
    expect(arrivalOf({ position: 1, epoch: "e" }, create(MemorySchema, { promptTrace: {} })).bytes).toBe(bare);
  });
});

describe("reading", () => {
  test("E1: after each slice the event loop turns, and one reading follows another", async () => {
    const turns: number[] = [];
    let count = 0;
    const timer = setInterval(() => turns.push(count), 0);
    const read = openReader({
      sliceMs: 1,
      read: (memory) => {
        const endMs = performance.now() + 3;
        while (performance.now() < endMs);
        count += 1;
        return { kind: "passed", position: Number(memory.position), memoryId: memory.id };
      },
    });
    const [first, second] = await Promise.all([
      read([note(1), note(2), note(3)]),
      read([note(4), arrivalOf({ position: 5, epoch: "e" }, undefined)]),
    ]);
    clearInterval(timer);
    expect([first.length, second.length]).toEqual([3, 1]);
    expect(turns.some((seen) => seen > 0 && seen < 4)).toBe(true);
  });
});

describe("what is said of a fault", () => {
  test("is names and codes alone, down to the cause", () => {
    const cause = Object.assign(new TypeError("secret"), { code: "22P05" });
    expect(faultText(new CosError(ErrorReason.INTERNAL, "secret", { cause }))).toBe(
      "INTERNAL, caused by TypeError 22P05",
    );
    expect(faultText(Object.assign(new Error("secret"), { code: "a secret sentence" }))).toBe("Error");
    expect(faultText("secret")).toBe("an unknown error");
    const deep = [1, 2, 3, 4, 5].reduce((inner) => new Error("secret", { cause: inner }), new Error("secret"));
    expect(faultText(deep).split(", caused by ")).toHaveLength(4);
  });
});
