import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { applyEvents } from "#services/graph/projection/apply-events.ts";
import { readMemory } from "#services/graph/projection/read-memory.ts";
import { localScope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { openFakeLog, refusal } from "./fake-log.ts";
import { namesIn } from "./some-projector.ts";

import { away, begun, memories, placeOf, reached, start, watched } from "./start-projector.ts";

describe("a projector on bad days", () => {
  test("a token that the log does not take any more is left out", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    await store.keepToken(1, "old");
    log.refuse(refusal(Code.InvalidArgument, ErrorReason.RESUME_TOKEN_INVALID));
    start(store, log);
    await eventually(() => log.asked.length > 2);
    expect(log.asked.slice(0, 2).map(({ resumeToken }) => resumeToken)).toEqual(["old", ""]);
    log.refuse(undefined);
    log.append("cc", "one");
    await reached(store, 1);
  });

  test("J3: it outlasts the conductor, and says so once", async () => {
    const [store, log, said] = [await begun(), openFakeLog(), [] as string[]];
    const projector = start(store, log, { said });
    log.refuse(refusal(Code.Unavailable, ErrorReason.ENGINE_UNAVAILABLE));
    await eventually(() => log.asked.length > 5);
    expect(projector.figures.connected).toBe(false);
    log.refuse(undefined);
    log.append("cc", "one");
    await reached(store, 1);
    expect(said.filter((line) => line.includes("cannot read the log"))).toHaveLength(1);
    expect(said.filter((line) => line.includes("reads the log again"))).toHaveLength(1);
  });

  test("J3: what the conductor refuses for good is asked for again", async () => {
    const [store, log, said] = [await begun(), openFakeLog(), [] as string[]];
    log.refuse(refusal(Code.NotFound, ErrorReason.MODULE_NOT_FOUND));
    start(store, log, { said });
    await eventually(() => log.asked.length > 3);
    log.refuse(undefined);
    log.append("cc", "one");
    await reached(store, 1);
    expect(said.filter((line) => line.includes("cannot read the log"))).toHaveLength(1);
  });

  test("K2: it outlasts the engine, and says so once", async () => {
    const [store, log, said] = [await begun(), openFakeLog(), [] as string[]];
    start(store, log, { said });
    log.append("cc", "one");
    await reached(store, 1);
    store.failWith(away());
    log.append("cc", "two");
    await eventually(() => said.some((line) => line.includes("does not take steps")));
    store.failWith(undefined);
    await reached(store, 2);
    expect(said.filter((line) => line.includes("does not take steps"))).toHaveLength(1);
    await eventually(() => said.some((line) => line.includes("takes steps again")));
    expect(await memories(store)).toEqual([1, 2]);
  });

  test("it begins as soon as the engine answers", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one");
    store.failWith(away());
    start(store, log);
    await new Promise((resolve) => setTimeout(resolve, 10));
    store.failWith(undefined);
    await reached(store, 1);
  });

  test("K3: a memory that cannot be read is parked alone, without a word of it", async () => {
    const [store, log, said] = [await begun(), openFakeLog(), [] as string[]];
    log.append("cc", "one", "two", "secret poison", "four", "five");
    let attempts = 0;
    start(store, log, {
      said,
      read: (memory) => {
        if (!memory.text.includes("poison")) return readMemory(memory, namesIn);
        attempts += 1;
        throw new RangeError(`cannot read: ${memory.text}`);
      },
    });
    await reached(store, 5);
    expect(await memories(store)).toEqual([1, 2, 4, 5]);
    const { faults, total } = await store.faults(localScope(), { module: "cc", kind: "parked", limit: 10 });
    expect(total).toBe(1);
    expect(faults).toMatchObject([
      { position: 3, error: "RangeError", attempts: 5, memoryId: expect.stringMatching(/-/) },
    ]);
    expect(attempts).toBeGreaterThanOrEqual(5);
    expect(said.join()).toMatch(/was passed over/);
    expect(said.join()).not.toMatch(/secret/);
  });

  test("K3: a memory that the engine refuses is found and parked with the codes of what was wrong", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", ...Array.from({ length: 20 }, (_, n) => (n === 12 ? "poison" : `note ${n}`)));
    start(store, log, {
      apply: async (transaction, module, events) => {
        const isPoisoned = events.some((event) => event.kind === "remembered" && event.memory.name === "poison");
        const cause = Object.assign(new Error("invalid byte of poison"), { code: "22021" });
        if (isPoisoned) throw new CosError(ErrorReason.INTERNAL, "refused", { cause });
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 20);
    const { faults } = await store.faults(localScope(), { module: "cc", kind: "parked", limit: 10 });
    expect(faults).toMatchObject([{ position: 13, error: "INTERNAL, caused by Error 22021" }]);
    expect(await memories(store)).toHaveLength(19);
  });

  test("a memory that fails now and then is not parked", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one", "two");
    let failures = 4;
    start(store, log, {
      apply: async (transaction, module, events) => {
        if (events.some(({ position }) => position === 2) && failures-- > 0) throw new Error("now and then");
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 2);
    expect((await store.faults(localScope(), { module: "cc", kind: "parked", limit: 1 })).total).toBe(0);
  });

  test("where even passing over fails, nothing is lost: it waits", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one");
    let isBroken = true;
    let tries = 0;
    start(store, log, {
      apply: async (transaction, module, events) => {
        tries += 1;
        if (isBroken) throw new TypeError("broken");
        await applyEvents(transaction, module, events);
      },
    });
    await eventually(() => tries > 8);
    expect(await placeOf(store)).toBe(0);
    isBroken = false;
    await reached(store, 1);
    expect((await store.faults(localScope(), { module: "cc", kind: "parked", limit: 1 })).total).toBe(1);
  });

  test("K1: who finds that a part of its step is done takes the rest", async () => {
    const log = openFakeLog();
    log.append("cc", "one", "two", "three", "four");
    const model = await begun();
    const other = { generation: 1, module: "cc", after: 0 };
    let isFirst = true;
    const { store } = watched(model, async () => {
      if (!isFirst) return;
      isFirst = false;
      const two =
        log.memories
          .get("cc")
          ?.slice(0, 2)
          .map((memory) => readMemory(memory, namesIn)) ?? [];
      await model.project(other, async (transaction) => {
        await applyEvents(transaction, "cc", two);
        return { module: "cc", position: 2, epoch: "e1", atMs: 1 };
      });
    });
    start(store, log);
    await reached(store, 4);
    expect(await memories(store)).toEqual([1, 2, 3, 4]);
  });

  test("K4: where the store has gone back, it is read again from there", async () => {
    const log = openFakeLog();
    log.append("cc", "one", "two");
    let model = await begun();
    const proxy = new Proxy({} as GraphStore, {
      get: (_, name) => (model as unknown as Record<PropertyKey, unknown>)[name],
    });
    start(proxy, log);
    await reached(proxy, 2);
    model = await begun();
    log.append("cc", "three");
    await reached(proxy, 3);
    expect(await memories(proxy)).toEqual([1, 2, 3]);
  });

  test("T1: a stream that begins above the store's place is not taken", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", "one", "two", "three");
    log.skipTo = 2;
    start(store, log);
    await eventually(() => log.asked.length > 2);
    expect(await placeOf(store)).toBe(0);
    log.skipTo = 0;
    await reached(store, 3);
  });

  test("N4: who stands back outlasts an engine that is away", async () => {
    const [store, log] = [await begun(), openFakeLog()];
    log.append("cc", ...Array.from({ length: 30 }, (_, n) => `note ${n}`));
    const [left, right] = [start(store, log), start(store, log)];
    await reached(store, 30);
    log.append("cc", "one more", "and one");
    await reached(store, 32);
    store.failWith(away());
    log.append("cc", "while it is away");
    await new Promise((resolve) => setTimeout(resolve, 100));
    store.failWith(undefined);
    await reached(store, 33);
    await Promise.all([left.close(), right.close()]);
    expect(await memories(store)).toHaveLength(33);
  });
});
