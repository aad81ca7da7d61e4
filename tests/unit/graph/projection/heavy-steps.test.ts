import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Mention } from "#services/graph/domain/mention.ts";
import { applyEvents } from "#services/graph/projection/apply-events.ts";
import { gaveUp } from "#services/graph/projection/engine-watch.ts";
import type { LogEvent } from "#services/graph/projection/log-event.ts";
import { bareMemory, readMemory } from "#services/graph/projection/read-memory.ts";
import { type Step, weightOf } from "#services/graph/projection/step.ts";
import { localScope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { openFakeLog } from "./fake-log.ts";
import { emptyGraph, holdings, project } from "./project-log.ts";
import { namesIn } from "./some-projector.ts";
import { begun, memories, reached, start, watched } from "./start-projector.ts";

/** What a store says whose engine gave a statement up for its time. */
function timedOut(code = "57014"): CosError {
  const cause = Object.assign(new Error("canceling statement"), { code });
  return new CosError(ErrorReason.ENGINE_UNAVAILABLE, "PostgreSQL does not answer", { cause });
}

/** Weighs more than a thousand. */
const HEAVY = Array.from({ length: 800 }, (_, n) => `N${n}`).join(" ");

const parked = { module: "cc", kind: "parked", limit: 10 } as const;

const named = (key: string, passages: readonly number[]): Mention => ({
  kind: "person",
  key,
  forms: [key],
  count: 1,
  passages,
});

function stepOf(...mentions: readonly Mention[][]): Step {
  const items = mentions.map((some, n) => {
    const event = {
      kind: "remembered",
      position: n,
      memoryId: "",
      memory: bareMemory("note"),
      mentions: some,
    } as const;
    return { memory: { position: BigInt(n) }, event };
  });
  return { module: "cc", after: 0, to: 1, epoch: "", items } as unknown as Step;
}

describe("a step that is too heavy", () => {
  test.each([
    ["57014", true],
    ["25P03", true],
    ["Neo.ClientError.Transaction.TransactionTimedOutClientConfiguration", true],
    ["Neo.TransientError.General.MemoryPoolOutOfMemoryError", true],
    ["Neo.TransientError.General.DatabaseUnavailable", false],
    ["Neo.TransientError.Transaction.DeadlockDetected", false],
    ["57P01", false],
    ["ECONNREFUSED", false],
  ])("an engine that says %s gave it up: %s", (code, isSo) => {
    expect(gaveUp(timedOut(code))).toBe(isSo);
  });

  test("K3: what the engine gives up for its time is cut until it passes, and nothing is parked", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", ...Array.from({ length: 20 }, (_, n) => `note ${n}`));
    start(store, log, {
      apply: async (transaction, module, events) => {
        if (events.length > 2) throw timedOut();
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 20);
    expect(await memories(store)).toHaveLength(20);
    expect((await store.faults(localScope(), parked)).total).toBe(0);
  });

  test("K3: a memory that is too heavy alone is parked, and the rest goes on", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one", HEAVY, "three");
    start(store, log, {
      apply: async (transaction, module, events) => {
        if (events.some((event) => event.kind === "remembered" && event.mentions.length > 0)) throw timedOut();
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 3);
    expect(await memories(store)).toEqual([1, 3]);
    const { faults } = await store.faults(localScope(), parked);
    expect(faults).toMatchObject([{ position: 2, attempts: 5, error: expect.stringMatching(/57014$/) }]);
  });

  test("K6: an engine that gives up what is light is waited for, and nothing is parked", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one");
    let tries = 0;
    start(store, log, {
      apply: async (transaction, module, events) => {
        tries += 1;
        if (tries < 12) throw timedOut("Neo.TransientError.General.MemoryPoolOutOfMemoryError");
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 1);
    expect(await memories(store)).toEqual([1]);
    expect((await store.faults(localScope(), parked)).total).toBe(0);
  });

  test("K6: so it is for a forgetting, whatever it holds", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", HEAVY, "");
    const [heavy, act] = log.memories.get("cc") ?? [];
    Object.assign(act ?? {}, { eventType: "cos.memory.forgotten", payload: { ids: [heavy?.id ?? ""] } });
    let tries = 0;
    start(store, log, {
      apply: async (transaction, module, events) => {
        if (events.some(({ kind }) => kind === "forgotten") && ++tries < 12) throw timedOut();
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 2);
    expect(tries).toBe(12);
    expect((await store.faults(localScope(), parked)).total).toBe(0);
  });

  test("K2: a step that waits for somebody else's, or for the engine, is not too heavy", async () => {
    const log = openFakeLog();
    log.append("cc", "one");
    let tries = 0;
    const { store } = watched(await begun(), () => {
      tries += 1;
      if (tries < 15) throw timedOut();
    });
    start(store, log);
    await reached(store, 1);
    expect((await store.faults(localScope(), parked)).total).toBe(0);
  });

  test("K2: how long the engine was away does not count against a memory that fails once", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one");
    let tries = 0;
    start(store, log, {
      apply: async (transaction, module, events) => {
        tries += 1;
        if (tries < 10) throw new CosError(ErrorReason.ENGINE_UNAVAILABLE, "away");
        if (tries === 10) throw new Error("now and then");
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 1);
    expect((await store.faults(localScope(), parked)).total).toBe(0);
  });

  test("a step weighs what its memories name, and which of it comes together, each pair once", () => {
    expect(weightOf(stepOf([]))).toBe(1);
    expect(weightOf(stepOf([named("a", [0]), named("b", [0]), named("c", [1])]))).toBe(1 + 3 + 1);
    expect(weightOf(stepOf([named("a", [0, 1]), named("b", [0, 1])], []))).toBe(1 + 2 + 1 + 1);
    const many = Array.from({ length: 256 }, (_, n) => named(`p${n}`, [n % 10]));
    expect(weightOf(stepOf(many))).toBe(1 + 256 + 10 * ((24 * 23) / 2));
  });

  test("what weighs too much for one step goes in several, one memory at least", async () => {
    const log = openFakeLog();
    log.append("cc", ...Array.from({ length: 8 }, () => "Anna met Bert and Carl"));
    const sizes: number[] = [];
    const store = await begun();
    start(store, log, {
      pace: { stepWeightMax: 15, retry: { initialMs: 1, maxMs: 5 }, reconnect: { initialMs: 1, maxMs: 5 } },
      apply: async (transaction, module, events) => {
        sizes.push(events.length);
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 8);
    // Each weighs 1, three names and three pairs.
    expect(Math.max(...sizes)).toBe(2);
    expect(await memories(store)).toHaveLength(8);
  });

  test("while many memories are written the event loop turns", async () => {
    let turns = 0;
    let isOver = false;
    const count = (): void => {
      turns += 1;
      if (!isOver) setImmediate(count);
    };
    const log = openFakeLog();
    log.append("cc", ...Array.from({ length: 450 }, (_, n) => `note ${n}`));
    const events = (log.memories.get("cc") ?? []).map((memory) => readMemory(memory, namesIn));
    const store = await emptyGraph();
    setImmediate(count);
    await project(store, events);
    isOver = true;
    expect(turns).toBeGreaterThanOrEqual(4);
  });
});

describe("a memory that was parked", () => {
  test("K5: leaves its bare node, as a replay does that finds it forgotten", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "Anna", "poison", "Bert");
    start(store, log, {
      read: (memory) => {
        if (memory.text === "poison") throw new RangeError("unreadable");
        return readMemory(memory, namesIn);
      },
    });
    await reached(store, 3);
    log.append("cc", "");
    const [, poison, , act] = log.memories.get("cc") ?? [];
    const events = (log.memories.get("cc") ?? []).map((memory): LogEvent => {
      const at = { position: Number(memory.position), memoryId: memory.id };
      if (memory === act) return { ...at, kind: "forgotten", ids: [poison?.id ?? ""] };
      if (memory !== poison) return readMemory(memory, namesIn);
      return { ...at, kind: "remembered", memory: bareMemory(memory.eventType), mentions: [] };
    });
    // The live graph hears that it is forgotten after it was parked.
    await reached(store, 4);
    const replay = await emptyGraph();
    await project(replay, events);
    expect((await holdings(store)).nodes.find(({ position }) => position === 2)).toMatchObject({ forgotten: true });
    expect((await holdings(replay)).nodes.find(({ position }) => position === 2)).toEqual(
      (await holdings(store)).nodes.find(({ position }) => position === 2),
    );
  });

  test("K5: is the same graph whether it is forgotten afterwards or not", async () => {
    const log = openFakeLog();
    log.append("cc", "Anna", "poison", "Bert");
    const [one, two, three] = (log.memories.get("cc") ?? []).map((memory) => readMemory(memory, namesIn));
    if (one === undefined || two === undefined || three === undefined) throw new Error("too few");
    const bare: LogEvent = { ...two, kind: "remembered", memory: bareMemory("note.written"), mentions: [] };
    const act: LogEvent = { kind: "forgotten", position: 4, memoryId: three.memoryId, ids: [two.memoryId] };
    const [live, replay] = [await emptyGraph(), await emptyGraph()];
    await project(live, [one, bare, three, act], [1, 2, 3]);
    await project(replay, [one, bare, three, { ...act, kind: "passed" }]);
    expect(await holdings(live)).toEqual(await holdings(replay));
  });
});
