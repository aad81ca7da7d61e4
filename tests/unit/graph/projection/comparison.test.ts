import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { GraphStore } from "#services/graph/domain/graph-store.ts";
import { applyEvents } from "#services/graph/projection/apply-events.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { openMemoryGraph } from "#tests/support/graph/memory-graph-store.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { openFakeLog } from "./fake-log.ts";

import { reached, running, slowly, start, states, tamper } from "./start-projection.ts";

describe("a comparison with a replay", () => {
  test("finds a graph that equals its log, module by module, and leaves nothing behind", async () => {
    const { store, projection } = await running();
    const verdicts = await (await projection.verify(undefined)).verdicts;
    expect(verdicts.map(({ place, equal }) => `${place.module} ${place.position} ${equal}`)).toEqual([
      "cc 25 true",
      "pepys 2 true",
    ]);
    expect(verdicts[0]).toMatchObject({ digest: verdicts[0]?.replayDigest, differences: [] });
    expect(verdicts[0]?.nodes).toBeGreaterThan(25);
    expect(await states(store)).toEqual(["1 live"]);
  });

  test("finds what differs", async () => {
    const { store, projection } = await running();
    await tamper(store);
    const verdicts = await (await projection.verify(undefined)).verdicts;
    expect(verdicts.map(({ equal }) => equal)).toEqual([false, true]);
    expect(verdicts[0]?.differences.length).toBeGreaterThan(0);
    expect(verdicts[0]?.differences.length).toBeLessThanOrEqual(10);
  });

  test("of one module reads that module alone", async () => {
    const { projection } = await running();
    const build = await projection.verify(["pepys"]);
    const verdicts = await build.verdicts;
    expect(verdicts.map(({ place }) => place.module)).toEqual(["pepys"]);
    expect(build.status).toMatchObject({ projected: 2, total: 2, done: true });
  });

  test("B2: finds them equal while much is recorded, and the projection goes on", async () => {
    const { store, log, projection } = await running();
    const recording = setInterval(() => log.append("cc", "Bert met Carl"), 1);
    const verdicts = await (await projection.verify(undefined)).verdicts;
    clearInterval(recording);
    expect(verdicts.every(({ equal }) => equal)).toBe(true);
    await reached(store, log.memories.get("cc")?.length ?? 0);
  });

  test("B3: what was forgotten after the live graph had seen it makes no difference in the end", async () => {
    let isHeld = true;
    const [store, log] = [openMemoryGraph(), openFakeLog()];
    log.append("cc", "Anna met Bert", "Carl");
    const gate = Promise.withResolvers<void>();
    const projection = start(store, log, {
      apply: async (transaction, module, events) => {
        if (isHeld && events.some((event) => event.kind === "forgotten")) await gate.promise;
        await applyEvents(transaction, module, events);
      },
    });
    await reached(store, 2);
    // The log has forgotten already; the live graph is about to hear of it.
    const [first] = log.memories.get("cc") ?? [];
    if (first === undefined) throw new Error("nothing there");
    const bare = { ...first, text: "", source: "", sessionId: "", forgottenAt: { seconds: 1n, nanos: 0 } };
    log.memories.get("cc")?.splice(0, 1, bare as typeof first);
    const build = await projection.verify(undefined);
    setTimeout(() => {
      log.append("cc", "");
      const act = log.memories.get("cc")?.[2];
      Object.assign(act ?? {}, { eventType: "cos.memory.forgotten", payload: { ids: [first.id] } });
      isHeld = false;
      gate.resolve();
    }, 0);
    const verdicts = await build.verdicts;
    expect(verdicts).toMatchObject([{ equal: true, place: { position: 3 } }]);
  });

  test("B2: gives up where another process takes the live one further all the time", async () => {
    const { store, log, projection } = await running();
    // The other process is always there first.
    const disturbed: GraphStore = new Proxy(store, {
      get(target, name, receiver) {
        const call: unknown = Reflect.get(target, name, receiver);
        if (name !== "places") return call;
        return async (generation: number) => {
          const places = await store.places(generation);
          return generation === 1
            ? places.map((place) => ({ ...place, position: place.position + (looks++ % 2) }))
            : places;
        };
      },
    });
    let looks = 0;
    await projection.close();
    const verifying = start(disturbed, log, { times: { holdMaxMs: 10 } });
    await eventually(() => verifying.status.generation === 1);
    const build = await verifying.verify(undefined);
    await expect(build.verdicts).rejects.toMatchObject({ reason: ErrorReason.OVERLOADED });
  });

  test("B4: ends with whoever asked, and is dropped", async () => {
    const { store, projection } = await running({ apply: slowly(applyEvents) });
    const build = await projection.verify(undefined);
    await build.close();
    await expect(build.verdicts).rejects.toThrow(/given up/);
    await eventually(async () => (await states(store)).join() === "1 live");
    expect(projection.status.building).toBeUndefined();
  });

  test("O4: one that its process left is dropped", async () => {
    const [store, log] = [openMemoryGraph(), openFakeLog()];
    await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: 1 });
    await store.begin({ purpose: "verify", extractorVersion: 2, nowMs: 1 });
    start(store, log, { times: { orphanMs: 20 } });
    await eventually(async () => (await states(store)).join() === "1 live");
  });

  test("outlasts an engine that goes away in the middle", async () => {
    const { store, projection } = await running({ apply: slowly(applyEvents) });
    const build = await projection.verify(undefined);
    store.failWith(new CosError(ErrorReason.ENGINE_UNAVAILABLE, "away"));
    await new Promise((resolve) => setTimeout(resolve, 30));
    store.failWith(undefined);
    expect((await build.verdicts).map(({ equal }) => equal)).toEqual([true, true]);
  });
});
