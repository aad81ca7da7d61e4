import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import type { ProjectorNeeds } from "#services/graph/projection/projector.ts";
import { readMemory } from "#services/graph/projection/read-memory.ts";
import { localScope } from "#shared/auth/scope.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { openFakeLog, refusal } from "./fake-log.ts";
import { namesIn, QUICK } from "./some-projector.ts";

import { begun, memories, placeOf, reached, start, watched } from "./start-projector.ts";

describe("a projector", () => {
  test("takes all that was recorded, and what comes later, of every module", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "Anna met Bert", "Bert");
    const projector = start(store, log);
    await reached(store, 2);
    log.append("pepys", "Anna");
    log.append("cc", "Carl");
    await reached(store, 1, "pepys");
    await reached(store, 3);
    expect(await memories(store)).toEqual([1, 2, 3]);
    expect(projector.figures.connected).toBe(true);
    expect(projector.figures.of("cc")).toMatchObject({ head: 3, lagPositions: 0, lagMs: 0, place: { epoch: "e1" } });
  });

  test("N2: a lone event is written at once, and what comes meanwhile in one step", async () => {
    const log = openFakeLog();
    const gate = Promise.withResolvers<void>();
    const { steps, store } = watched(await begun(), (after) => (after === 0 ? gate.promise : undefined));
    start(store, log);
    log.append("cc", "one");
    await eventually(() => log.asked.length === 1);
    log.append("cc", "two", "three");
    log.append("cc", "four");
    await new Promise((resolve) => setTimeout(resolve, 20));
    gate.resolve();
    await reached(store, 4);
    expect(steps).toEqual(["cc 0-1", "cc 1-4"]);
  });

  test("N3: a step holds no more events and bytes than it may, but one at least", async () => {
    const log = openFakeLog();
    log.append("cc", ...Array.from({ length: 7 }, (_, n) => `note ${n}`), "x".repeat(5000), "last");
    const { steps, store } = watched(await begun());
    start(store, log, { pace: { stepEventsMax: 3, stepBytesMax: 2000 } });
    await reached(store, 9);
    const sizes = steps.map((step) => {
      const [, from, to] = /(\d+)-(\d+)/.exec(step) ?? [];
      return Number(to) - Number(from);
    });
    expect(Math.max(...sizes)).toBeLessThanOrEqual(3);
    expect(steps).toContain("cc 7-8");
  });

  test("T2: no more is held in memory than may be", async () => {
    const log = openFakeLog();
    log.batchMax = 1;
    log.append("cc", ...Array.from({ length: 60 }, (_, n) => `note ${n}`));
    const gate = Promise.withResolvers<void>();
    const { store } = watched(await begun(), () => gate.promise);
    let read = 0;
    const counted: ProjectorNeeds["read"] = (memory) => {
      read += 1;
      return readMemory(memory, namesIn);
    };
    start(store, log, { read: counted, pace: { heldEventsMax: 10 } });
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(read).toBeLessThanOrEqual(11);
    gate.resolve();
    await reached(store, 60);
    expect(await memories(store)).toHaveLength(60);
  });

  test("J1: it goes on where the store stands", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one", "two");
    const first = start(store, log);
    await reached(store, 2);
    await first.close();
    log.append("cc", "three");
    start(store, log);
    await reached(store, 3);
    expect(log.asked.at(-1)?.cursors.map(({ position, epoch }) => `${position} ${epoch}`)).toEqual(["2 e1"]);
    expect(await memories(store)).toEqual([1, 2, 3]);
  });

  test("T3: a token is kept when all before it is in the store, and is given back", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one");
    const first = start(store, log);
    await reached(store, 1);
    log.checkpoint("token-1");
    await eventually(async () => (await store.generations())[0]?.resumeToken === "token-1");
    await first.close();
    start(store, log);
    await eventually(() => log.asked.length === 2);
    expect(log.asked[1]?.resumeToken).toBe("token-1");
  });

  test("J2, N4: of two at one generation each memory is taken once, and one reads nothing until the other is gone", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    const read: string[] = [];
    const needs = {
      read: (memory: Memory) => {
        read.push(memory.text);
        return readMemory(memory, namesIn);
      },
      pace: { ...QUICK, standBackMs: 300 },
    };
    log.append("cc", ...Array.from({ length: 30 }, (_, n) => `Anna ${n}`));
    const [left, right] = [start(store, log, needs), start(store, log, needs)];
    await reached(store, 30);
    for (let n = 0; n < 20; n += 1) {
      log.append("cc", `Bert ${n}`);
      await reached(store, 31 + n);
    }
    expect(await memories(store)).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
    const [anna] = await store.findNodes(localScope(), { labels: ["Entity"], name: "Anna", properties: {}, limit: 1 });
    expect(anna?.count).toBe(30);
    // Both have read the first ones, perhaps; and of the later ones the first.
    expect(read.filter((text) => text.startsWith("Bert")).length).toBeLessThanOrEqual(21);
    await left.close();
    log.append("cc", "Carl");
    await reached(store, 51);
    await right.close();
    expect(await memories(store)).toHaveLength(51);
  });

  test("J4: a log that has forked ends it, and so does one that stays behind the place", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.refuse(refusal(Code.DataLoss, ErrorReason.CURSOR_PAST_FORK));
    await expect(start(store, log).run()).resolves.toBe("forked");
    log.refuse(refusal(Code.OutOfRange, ErrorReason.CURSOR_ABOVE_HEAD));
    const before = log.asked.length;
    await expect(start(store, log).run()).resolves.toBe("forked");
    expect(log.asked.length - before).toBe(5);
  });

  test("a generation that is dropped ends it, from the start and in the middle", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    await expect(start(store, log, {}, { generation: 7 }).run()).resolves.toBe("gone");
    const row = await store.begin({ purpose: "verify", extractorVersion: 1, nowMs: 1 });
    const projector = start(store, log, {}, { generation: row?.number ?? 0 });
    log.append("cc", "one");
    await eventually(async () => (await placeOf(store, "cc", row?.number)) === 1);
    await store.drop(row?.number ?? 0);
    log.append("cc", "two");
    await expect(projector.run()).resolves.toBe("gone");
  });

  test("N5, T4: it ends at the places it was given, and takes nothing above them, nor of other modules", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one", "two", "three");
    log.append("pepys", "one");
    const until = new Map([["cc", 2]]);
    await expect(start(store, log, {}, { until }).run()).resolves.toBe("reached");
    expect(await placeOf(store)).toBe(2);
    expect(await placeOf(store, "pepys")).toBe(0);
    await expect(start(store, log, {}, { until }).run()).resolves.toBe("reached");
  });

  test("it knows whether its stream has caught up", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    const { figures } = start(store, log);
    await eventually(() => figures.caughtUp);
    log.fallBehind("cc");
    await eventually(() => !figures.caughtUp);
  });

  test("of some modules, those alone are read", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one");
    log.append("pepys", "one");
    start(store, log, {}, { modules: ["pepys"] });
    await reached(store, 1, "pepys");
    expect(await placeOf(store)).toBe(0);
  });

  test("closing lets the step in hand end", async () => {
    const log = openFakeLog();
    log.append("cc", "one");
    const gate = Promise.withResolvers<void>();
    const begunStep = Promise.withResolvers<void>();
    const { store } = watched(await begun(), async () => {
      begunStep.resolve();
      await gate.promise;
    });
    const projector = start(store, log);
    await begunStep.promise;
    const closing = projector.close();
    gate.resolve();
    await closing;
    expect(await placeOf(store)).toBe(1);
    await expect(projector.run()).resolves.toBe("closed");
  });
});
