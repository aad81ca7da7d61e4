import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import type { ProjectionNeeds } from "#services/graph/projection/projection.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { openFakeLog } from "./fake-log.ts";
import { reached, running, start, states } from "./start-projection.ts";

const BUILD = { purpose: "rebuild", extractorVersion: 2, nowMs: 1 } as const;

/** A store of which some calls are other ones. */
function changed(store: GraphStore, calls: Partial<GraphStore>): GraphStore {
  return new Proxy(store, {
    get: (target, name, receiver) =>
      name in calls ? calls[name as keyof GraphStore] : (Reflect.get(target, name, receiver) as unknown),
  });
}

const untilAborted = (signal: AbortSignal | undefined): Promise<never> =>
  new Promise((_, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });

/** A process with a comparison that stands in the middle of reading the replay. */
async function comparing(callsOf: (store: GraphStore) => Partial<GraphStore> = () => ({})) {
  const { store, log, projection: first } = await running();
  await first.close();
  const [begun, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let pages = 0;
  const held = changed(store, {
    ...callsOf(store),
    scanNodes: async (part) => {
      pages += 1;
      begun.resolve();
      await gate.promise;
      return store.scanNodes(part);
    },
  });
  const projection = start(held, log);
  await eventually(() => projection.figureOf("pepys")?.place?.position === 2);
  const build = await projection.verify(undefined);
  build.verdicts.catch(() => undefined);
  await begun.promise;
  return { store, log, projection, build, gate, pages: () => pages };
}

describe("a build that is left behind", () => {
  test("B5: of the log before it was restored is dropped, and the graph is built anew", async () => {
    const [store, log] = [openMemoryGraph(), openFakeLog()];
    log.append("cc", ...Array.from({ length: 25 }, (_, n) => `Anna ${n}`));
    await store.begin(BUILD);
    await store.begin(BUILD);
    const place = { module: "cc", position: 24, epoch: "e1", atMs: 1 };
    for (const generation of [1, 2]) await store.project({ generation, module: "cc", after: 0 }, async () => place);
    log.restore("cc", 20);
    start(store, log, { times: { orphanMs: 30 } });
    await eventually(async () => (await states(store)).join() === "3 live");
    await reached(store, 20);
  });

  test("B5: of which the restored log may still come is taken for the new one, however far the live one was", async () => {
    const [store, log] = [openMemoryGraph(), openFakeLog()];
    log.append("cc", ...Array.from({ length: 20 }, (_, n) => `Anna ${n}`));
    await store.begin(BUILD);
    await store.begin(BUILD);
    const place = { module: "cc", position: 5_000, epoch: "e0", atMs: 1 };
    await store.project({ generation: 1, module: "cc", after: 0 }, async () => place);
    start(store, log, { times: { orphanMs: 30 } });
    await eventually(async () => (await states(store)).join() === "2 live");
    await reached(store, 20);
  });

  test("O4: by other rules is dropped", async () => {
    const [store, log] = [openMemoryGraph(), openFakeLog()];
    await store.begin(BUILD);
    await store.begin({ ...BUILD, extractorVersion: 1 });
    start(store, log, { times: { orphanMs: 30 } });
    await eventually(async () => (await states(store)).join() === "1 live");
  });
});

describe("a build that somebody works on", () => {
  test("O4, B6: is left to it, however long its places rest", async () => {
    const { store, log, build, gate } = await comparing();
    const said: string[] = [];
    const other = start(store, log, { said, times: { orphanMs: 60 } });
    await eventually(() => other.status.building?.generation === 2);
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(said.join()).not.toMatch(/left behind/);
    gate.resolve();
    expect((await build.verdicts).map(({ equal }) => equal)).toEqual([true, true]);
  });

  test("B6: what it found does not count if it was dropped meanwhile", async () => {
    let isRetired = false;
    const { build, gate } = await comparing((given) => ({
      generations: async () => {
        const rows = await given.generations();
        return rows.map((row) => (isRetired && row.number === 2 ? { ...row, state: "retired" as const } : row));
      },
    }));
    isRetired = true;
    gate.resolve();
    await expect(build.verdicts).rejects.toThrow(/was dropped/);
  });
});

describe("a process that goes away", () => {
  test("B4, O6: reads no further page of a comparison, and leaves it", async () => {
    const { store, projection, build, gate, pages } = await comparing();
    const before = pages();
    const closed = projection.close();
    gate.resolve();
    await closed;
    await expect(build.verdicts).rejects.toMatchObject({ reason: ErrorReason.ENGINE_UNAVAILABLE });
    expect(pages()).toBe(before);
    expect(await states(store)).toEqual(["1 live", "2 building"]);
  });

  test("B4: tells what it found before all of it is dropped, which ends with the process", async () => {
    const { store, log, projection: first } = await running();
    await first.close();
    const slow = changed(store, { drop: async (_, signal) => untilAborted(signal) });
    const projection = start(slow, log);
    await eventually(() => projection.figureOf("pepys")?.place?.position === 2);
    const verdicts = await (await projection.verify(undefined)).verdicts;
    expect(verdicts.map(({ equal }) => equal)).toEqual([true, true]);
    await projection.close();
    expect(await states(store)).toEqual(["1 live", "2 building"]);
  });

  test("O6: leaves a retired generation where it is", async () => {
    const { store, log, projection: first } = await running();
    await first.close();
    const begun = Promise.withResolvers<void>();
    const slow = changed(store, {
      drop: async (_, signal) => {
        begun.resolve();
        await untilAborted(signal);
      },
    });
    const projection = start(slow, log);
    await eventually(() => projection.figureOf("pepys")?.place?.position === 2);
    await (await projection.rebuild()).verdicts;
    await begun.promise;
    await projection.close();
    expect(await states(store)).toEqual(["1 retired", "2 live"]);
  });

  test("begins no build that it was about to", async () => {
    const { store, log, projection: first } = await running();
    await first.close();
    const gate = Promise.withResolvers<void>();
    const slow = changed(store, {
      begin: async (build) => {
        await gate.promise;
        return store.begin(build);
      },
    });
    const projection = start(slow, log);
    await eventually(() => projection.status.generation === 1);
    const asked = projection.rebuild();
    await projection.close();
    gate.resolve();
    await expect(asked).rejects.toMatchObject({ reason: ErrorReason.DRAINING });
    expect(projection.status.building).toBeUndefined();
  });
});

describe("a rebuild among several processes", () => {
  test("B2: is read although another one takes the live graph hundreds of positions further all the time", async () => {
    const { store, log } = await running();
    log.batchMax = 500;
    // A stream takes longer to begin than the leading process to go on.
    const subscribe: ProjectionNeeds["subscribe"] = (modules) =>
      async function* (place, options) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        yield* log.subscribe(modules)(place, options);
      };
    const other = start(store, log, { subscribe });
    const recording = setInterval(() => log.append("cc", ...Array.from({ length: 150 }, () => "Bert")), 10);
    const build = await other.rebuild();
    await build.verdicts.finally(() => clearInterval(recording));
    expect((await store.live())?.number).toBe(2);
  });
});
