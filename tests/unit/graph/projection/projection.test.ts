import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { applyEvents } from "#services/graph/projection/apply-events.ts";
import { readMemory } from "#services/graph/projection/read-memory.ts";
import { localScope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { openFakeLog, refusal } from "./fake-log.ts";
import { namesIn, QUICK } from "./some-projector.ts";
import { placeOf, reached, running, slowly, start, states } from "./start-projection.ts";

describe("a graph that is kept up with its log", () => {
  test("O1: the first generation is begun, with the rules of this process", async () => {
    const { store, projection } = await running();
    expect(await store.generations()).toMatchObject([{ number: 1, state: "live", extractorVersion: 2 }]);
    expect(projection.status).toMatchObject({ generation: 1, connected: true, building: undefined });
    expect(projection.figureOf("pepys")).toMatchObject({ head: 2, lagPositions: 0 });
    expect(projection.figureOf("drafts")).toBeUndefined();
  });

  test("O1: of two processes that find nothing, one begins the first generation", async () => {
    const [store, log] = [openMemoryGraph(), openFakeLog()];
    // The other one was there first, after both had looked.
    let looks = 0;
    const late: GraphStore = new Proxy(store, {
      get(target, name, receiver) {
        const call: unknown = Reflect.get(target, name, receiver);
        if (name !== "generations") return call;
        return async () => {
          const rows = await store.generations();
          looks += 1;
          if (looks === 1) await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
          return rows;
        };
      },
    });
    start(late, log);
    log.append("cc", "one");
    await reached(store, 1);
    expect(await states(store)).toEqual(["1 live"]);
  });

  test("it begins when the engine comes", async () => {
    const [store, log, said] = [openMemoryGraph(), openFakeLog(), [] as string[]];
    store.failWith(new CosError(ErrorReason.ENGINE_UNAVAILABLE, "away"));
    const projection = start(store, log, { said });
    await projection.moved(1, new AbortController().signal);
    await eventually(() => said.length > 0);
    expect(projection.status).toMatchObject({ generation: undefined, connected: false, modules: [] });
    store.failWith(undefined);
    log.append("cc", "one");
    await reached(store, 1);
    expect(said.filter((line) => line.includes("does not take steps"))).toHaveLength(1);
  });

  test("whoever waits for a move is woken by it", async () => {
    const { log, projection } = await running();
    const moved = projection.moved(60_000, new AbortController().signal);
    log.append("cc", "more");
    await moved;
  });
});

describe("a rebuild", () => {
  test("B1: is read when it has come as far, and the old one is dropped", async () => {
    const { store, log, projection } = await running();
    const build = await projection.rebuild();
    expect(build.status).toMatchObject({ generation: 2, purpose: "rebuild", done: false });
    await expect(build.verdicts).resolves.toEqual([]);
    expect(build.status).toMatchObject({ projected: 27, total: 27, done: true });
    expect((await store.live())?.number).toBe(2);
    expect(await placeOf(store)).toBe(25);
    log.append("cc", "Emil");
    await reached(store, 26);
    expect(projection.status).toMatchObject({ generation: 2, building: undefined });
    await eventually(async () => (await states(store)).join() === "2 live");
  });

  test("B1: the live place never goes back, however much is recorded meanwhile", async () => {
    const { store, log, projection } = await running();
    const build = await projection.rebuild();
    let isOver = false;
    const over = build.verdicts.then(() => {
      isOver = true;
    });
    let highest = 25;
    for (let n = 0; !isOver; n += 1) {
      log.append("cc", `Bert ${n}`);
      const now = await placeOf(store);
      expect(now).toBeGreaterThanOrEqual(highest);
      highest = now;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await over;
    const last = log.memories.get("cc")?.length ?? 0;
    await reached(store, last);
    expect(await store.memoryCounts(localScope(), ["cc"])).toEqual(new Map([["cc", last]]));
  });

  // The shorter time is over before the build has come as far, and it is tried again.
  test.each([40, 5_000])(
    "B1: one that is slow is not read before it has come as far (held for %d ms at most)",
    async (holdMaxMs) => {
      const { store, log, projection } = await running();
      await projection.close();
      const slow: GraphStore = new Proxy(store, {
        get(target, name, receiver) {
          const call: unknown = Reflect.get(target, name, receiver);
          if (name !== "project") return call;
          const project: GraphStore["project"] = async (step, work) => {
            if (step.generation > 1) await new Promise((resolve) => setTimeout(resolve, 3));
            return await store.project(step, work);
          };
          return project;
        },
      });
      const rebuilding = start(slow, log, { times: { holdMaxMs }, pace: { ...QUICK, stepEventsMax: 1 } });
      await eventually(() => rebuilding.status.generation === 1);
      const build = await rebuilding.rebuild();
      let isOver = false;
      const over = build.verdicts.then(() => {
        isOver = true;
      });
      const seen = new Set<number>();
      while (!isOver) {
        seen.add(await placeOf(store));
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await over;
      seen.add(await placeOf(store));
      expect([...seen]).toEqual([25]);
      expect((await store.live())?.number).toBe(2);
    },
  );

  test("B2: is read although another process takes the live one further all the time", async () => {
    const { store, log, projection: leading } = await running();
    const other = start(store, log);
    const recording = setInterval(() => log.append("cc", "Bert met Carl"), 1);
    await (await other.rebuild()).verdicts;
    clearInterval(recording);
    await reached(store, log.memories.get("cc")?.length ?? 0);
    await eventually(() => leading.status.generation === 2);
    expect(await states(store)).toContain("2 live");
  });

  test("O2: one at a time", async () => {
    const { projection } = await running();
    const build = await projection.rebuild();
    await expect(projection.rebuild()).rejects.toMatchObject({ reason: ErrorReason.REBUILD_RUNNING });
    await expect(projection.verify(undefined)).rejects.toMatchObject({ reason: ErrorReason.REBUILD_RUNNING });
    await build.verdicts;
  });

  test("O3: a retired generation stays for those who are reading it", async () => {
    const { store, projection } = await running({ times: { dropAfterMs: 60_000 } });
    await (await projection.rebuild()).verdicts;
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(await states(store)).toEqual(["1 retired", "2 live"]);
  });

  test("B4, O4: one that its process left is taken up by the next", async () => {
    const [store, log, said] = [openMemoryGraph(), openFakeLog(), [] as string[]];
    log.append("cc", ...Array.from({ length: 20 }, (_, n) => `Anna ${n}`));
    await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
    await store.begin({ purpose: "rebuild", extractorVersion: 2, nowMs: 1 });
    const projection = start(store, log, { said, times: { orphanMs: 30 } });
    await eventually(async () => (await states(store)).join() === "2 live");
    expect(said.join()).toMatch(/left behind/);
    await reached(store, 20);
    await eventually(() => projection.status.generation === 2);
  });

  test("O4: one that another process works on is left to it, and told of", async () => {
    const { store, log, projection } = await running({ times: { orphanMs: 500 } });
    const row = await store.begin({ purpose: "rebuild", extractorVersion: 2, nowMs: 5 });
    for (let position = 1; position <= 5; position += 1) {
      const step = { generation: row?.number ?? 0, module: "cc", after: position - 1 };
      const memory = log.memories.get("cc")?.[position - 1];
      await store.project(step, async (transaction) => {
        if (memory !== undefined) await applyEvents(transaction, "cc", [readMemory(memory, namesIn)]);
        return { module: "cc", position, epoch: "e1", atMs: position };
      });
      await eventually(() => projection.status.building?.projected === position);
    }
    expect(projection.status.building).toEqual({
      generation: 2,
      purpose: "rebuild",
      projected: 5,
      total: 27,
      beganMs: 5,
      done: false,
    });
    expect(await states(store)).toEqual(["1 live", "2 building"]);
  });

  test("O1: a generation that another process made live is projected from then on", async () => {
    const { store, log, projection } = await running();
    const other = start(store, log);
    await (await other.rebuild()).verdicts;
    await eventually(() => projection.status.generation === 2);
    log.append("cc", "Emil");
    await reached(store, 26);
    await eventually(() => projection.figureOf("cc")?.place?.position === 26);
  });

  test("O1, O3: so it is while one that nobody needs is being dropped, which may take minutes", async () => {
    const { store, log, projection: first } = await running();
    await first.close();
    let drops = 0;
    const drop: GraphStore["drop"] = async (_, signal) => {
      drops += 1;
      await new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));
    };
    const projection = start({ ...store, drop }, log);
    const other = start({ ...store, drop: async () => undefined }, log);
    await (await other.rebuild()).verdicts;
    await eventually(() => drops > 0);
    await (await other.rebuild()).verdicts;
    await eventually(() => projection.status.generation === 3);
    expect(drops).toBe(1);
  });

  test("closing leaves it for the next process", async () => {
    const { store, projection } = await running({ apply: slowly(applyEvents) });
    const build = await projection.rebuild();
    await projection.close();
    await expect(build.verdicts).rejects.toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE });
    expect(await states(store)).toEqual(["1 live", "2 building"]);
  });

  test("one whose generation is dropped is over", async () => {
    const gate = Promise.withResolvers<void>();
    const [store, log] = [openMemoryGraph(), openFakeLog()];
    log.append("cc", "Anna");
    let isHeld = false;
    const projection = start(store, log, {
      apply: async (...args) => {
        if (isHeld) await gate.promise;
        await applyEvents(...args);
      },
    });
    await reached(store, 1);
    isHeld = true;
    const build = await projection.rebuild();
    await eventually(() => build.status.total > 0);
    await store.drop(2);
    gate.resolve();
    await expect(build.verdicts).rejects.toThrow(/was dropped/);
    expect(await states(store)).toEqual(["1 live"]);
    expect((await projection.rebuild()).status.generation).toBe(3);
  });

  test("one that was made live without its answer, or by another process, is over as well, and done", async () => {
    const { store, log, projection } = await running();
    await projection.close();
    const lossy: GraphStore = {
      ...store,
      activate: async (...args) => {
        await store.activate(...args);
        throw new CosError(ErrorReason.ENGINE_UNAVAILABLE, "the answer was lost");
      },
    };
    const rebuilding = start(lossy, log);
    await eventually(() => rebuilding.status.generation === 1);
    const build = await rebuilding.rebuild();
    await expect(build.verdicts).resolves.toEqual([]);
    expect(build.status.done).toBe(true);
    await eventually(() => rebuilding.status.generation === 2);
    expect((await rebuilding.rebuild()).status.generation).toBe(3);
  });

  test("B5, O5: a log that was restored makes the graph anew by itself", async () => {
    const { store, log, projection } = await running();
    const before = log.asked.length;
    log.refuse(refusal(Code.Unavailable, ErrorReason.ENGINE_UNAVAILABLE));
    await eventually(() => log.asked.length > before);
    // What was recorded last is gone, and something else has happened since.
    log.restore("cc", 20);
    log.append("cc", "Emil");
    log.refuse(undefined);
    await eventually(async () => (await store.live())?.number === 2);
    await reached(store, 21);
    expect((await store.livePlaces(localScope())).map(({ epoch }) => epoch)).toEqual(["e1x", "e1x"]);
    await eventually(() => projection.status.generation === 2);
  });
});
