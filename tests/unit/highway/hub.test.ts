import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, describe, expect, test } from "@jest/globals";
import { accessTo } from "./access-to.ts";
import { Listener, type RequestInit } from "./listener.ts";
import { MemoryLog } from "./memory-log.ts";
import { closeHubs, openFastHub, range, some } from "./open-hub.ts";

afterEach(closeHubs);

const fromBeginning: RequestInit = { start: { case: "fromBeginning", value: true } };

describe("a subscriber", () => {
  test("is told at once that the stream has begun, and that it is live if it stands at the head", async () => {
    const port = new MemoryLog();
    port.record("cc", some(3));
    const hub = await openFastHub(port);
    const listener = new Listener(hub);
    await listener.until((self) => self.of("caughtUp").length === 1);
    const told = listener.frames.filter(({ case: kind }) => kind !== "checkpoint");
    expect(told).toMatchObject([
      {
        case: "started",
        value: {
          subscriptionId: "s1",
          epoch: port.epochs().current.identity,
          heartbeat: { seconds: 10n },
          progress: [{ cursor: { module: "cc", position: 3n }, after: 3n, head: 3n }],
        },
      },
      { case: "caughtUp", value: { cursors: [{ module: "cc", position: 3n }], all: true } },
    ]);
    expect(listener.of("started")[0]?.resumeToken).not.toBe("");
    await listener.stop();
    expect(listener.error).toBeUndefined();
    expect(hub.state().streams).toBe(0);
  });

  test("H5: gets everything from the beginning, then live, in order and without a gap", async () => {
    const port = new MemoryLog();
    port.record("cc", some(2_500));
    const hub = await openFastHub(port);
    const listener = new Listener(hub, fromBeginning);
    await listener.until(({ events }) => events.length === 2_500);
    for (let at = 0; at < 20; at += 1) hub.publish("cc", port.record("cc", some(3)));
    await listener.until(({ events }) => events.length === 2_560);
    expect(listener.positions("cc")).toEqual(range(0, 2_560));
    await listener.until((self) => self.of("caughtUp").length === 1);
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("H4: gets what was never published here, from the log", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port);
    const listener = new Listener(hub);
    await listener.until(({ frames }) => frames.length >= 2);
    port.record("cc", some(5));
    hub.publish("cc", port.record("cc", some(2)));
    await listener.until(({ events }) => events.length === 7);
    expect(listener.positions("cc")).toEqual(range(0, 7));
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("of several modules gets each in order, in turns, and what it named resumes by one token", async () => {
    const port = new MemoryLog(["cc", "pepys", "other"]);
    for (const module of ["cc", "pepys", "other"]) port.record(module, some(1_500));
    const hub = await openFastHub(port);
    const modules = ["cc", "pepys"];
    const listener = new Listener(hub, { modules, ...fromBeginning });
    await listener.until(({ events }) => events.length === 3_000);
    const turns = listener.of("batch").map(({ cursor }) => cursor?.module);
    expect(turns.slice(0, 4)).toEqual(["cc", "pepys", "cc", "pepys"]);
    await listener.until(({ frames }) => frames.some((frame) => frame.case === "caughtUp" && frame.value.all));
    await listener.stop();
    port.record("pepys", some(2));
    const resumed = new Listener(hub, { modules, resumeToken: listener.token });
    await resumed.until(({ events }) => events.length === 2);
    expect(resumed.events).toEqual(["pepys 1501", "pepys 1502"]);
    await resumed.stop();
  });

  test("of all modules follows those that are registered later, from their beginning", async () => {
    const port = new MemoryLog(["cc"]);
    const hub = await openFastHub(port);
    const all = new Listener(hub, { allModules: true });
    const few = new Listener(hub, { allModules: true }, accessTo(["cc"]));
    await all.until(({ frames }) => frames.length >= 2);
    port.register("late");
    port.record("late", some(2));
    await all.until(({ events }) => events.length === 2);
    const joined = all
      .of("checkpoint")
      .find(({ progress }) => progress.some(({ cursor }) => cursor?.module === "late"));
    expect(joined?.progress).toMatchObject([{ cursor: { module: "late", position: 0n }, after: 0n, head: 2n }]);
    expect(joined?.resumeToken).not.toBe("");
    expect(all.faults).toEqual([]);
    expect(few.frames.some((frame) => frame.case === "checkpoint" && frame.value.progress.length > 0)).toBe(false);
    await Promise.all([all.stop(), few.stop()]);
  });

  test("of all modules takes in one that was registered here at once, whenever the next sweep is due", async () => {
    const port = new MemoryLog(["cc"]);
    const hub = await openFastHub(port, { sweeper: { tickMinMs: 60, tickMaxMs: 3_600_000 } });
    const listener = new Listener(hub, { allModules: true });
    await listener.until(({ frames }) => frames.length >= 2);
    for (const module of ["first", "second"]) {
      port.register(module);
      hub.lookForModules();
      await listener.until(({ named }) => named.has(module));
    }
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("with a filter gets what it wants, and is moved on by checkpoints where it wants nothing", async () => {
    const port = new MemoryLog();
    port.record("cc", [{ tags: ["a"] }, {}, { tags: ["a"] }, {}, {}]);
    const hub = await openFastHub(port, { streams: { heartbeatMs: 20 } });
    const listener = new Listener(hub, { ...fromBeginning, filter: { tags: ["a"] } });
    await listener.until(({ frames }) => frames.some(({ case: kind }) => kind === "caughtUp"));
    expect(listener.positions("cc")).toEqual([1, 3]);
    hub.publish("cc", port.record("cc", [{}, {}]));
    await listener.until(({ named }) => named.get("cc") === 7n);
    hub.publish("cc", port.record("cc", [{ tags: ["a"] }, { eventType: "cos.memory.forgotten" }]));
    await listener.until(({ events }) => events.length === 4);
    expect(listener.positions("cc")).toEqual([1, 3, 8, 9]);
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("with a filter is told of every move from where it was told to stand, however much was passed over", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port);
    const listener = new Listener(hub, { filter: { tags: ["a"] } });
    await listener.until((self) => self.of("caughtUp").length === 1);
    const before = listener.named.get("cc");
    hub.publish("cc", port.record("cc", some(5)));
    await new Promise((resolve) => setImmediate(resolve));
    hub.publish("cc", port.record("cc", [{ tags: ["a"] }]));
    await listener.until(({ events }) => events.length === 1);
    expect(listener.of("batch")).toMatchObject([{ after: before, cursor: { position: 6n } }]);
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("hears a heartbeat as often as it asked for, with the head it may lag behind", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port, { streams: { heartbeatMs: 5 } });
    const listener = new Listener(hub);
    await listener.until((self) => self.of("checkpoint").length >= 3);
    expect(listener.of("checkpoint").every(({ at }) => at !== undefined)).toBe(true);
    // Nothing moved, so nothing is said again but that it is alive (and that Redis is not).
    expect(
      listener.of("checkpoint").every(({ progress, resumeToken }) => progress.length === 0 && resumeToken === ""),
    ).toBe(true);
    await listener.stop();
    const asked = new Listener(hub, { heartbeat: durationFromMs(7_500) });
    await asked.until(({ frames }) => frames.length > 0);
    expect(asked.of("started")[0]?.heartbeat).toMatchObject({ seconds: 7n, nanos: 500_000_000 });
    await asked.stop();
  });

  test("from a time starts with the first memory recorded then", async () => {
    const port = new MemoryLog();
    port.record("cc", some(5));
    const hub = await openFastHub(port);
    const listener = new Listener(hub, { start: { case: "fromTime", value: timestampFromMs(3_000) } });
    await listener.until(({ events }) => events.length === 3);
    expect(listener.positions("cc")).toEqual([3, 4, 5]);
    await listener.stop();
  });

  test("gets frames of about 1 MiB, with at least one event", async () => {
    const port = new MemoryLog();
    const sizes = [400_000, 400_000, 400_000, 1_000_000, 10];
    for (const size of sizes) port.record("cc", [{ text: "x".repeat(size) }]);
    const hub = await openFastHub(port);
    const listener = new Listener(hub, fromBeginning);
    await listener.until(({ events }) => events.length === 5);
    expect(listener.of("batch").map(({ events }) => events.length)).toEqual([2, 1, 2]);
    await listener.stop();
  });

  test("of more than 1,000 modules hears of the rest in checkpoints, and of each once", async () => {
    const port = new MemoryLog(Array.from({ length: 1_200 }, (_, index) => `m${index}`));
    const hub = await openFastHub(port);
    const listener = new Listener(hub, { allModules: true });
    await listener.until(({ frames }) => frames.some((frame) => frame.case === "caughtUp" && frame.value.all));
    expect(listener.of("started")[0]?.progress.length).toBe(1_000);
    expect(listener.of("checkpoint")[0]?.progress.length).toBe(200);
    expect(listener.of("caughtUp").map(({ cursors }) => cursors.length)).toEqual([1_000, 200]);
    for (let index = 0; index < 1_200; index += 1) hub.publish(`m${index}`, port.record(`m${index}`, some(1)));
    await listener.until(({ events }) => events.length === 1_200);
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("of many modules that move at once hears of them in checkpoints of 1,000", async () => {
    const modules = Array.from({ length: 1_100 }, (_, index) => `m${index}`);
    const port = new MemoryLog(modules);
    const hub = await openFastHub(port, { streams: { heartbeatMs: 40 } });
    const listener = new Listener(hub, { allModules: true, filter: { tags: ["never"] } });
    await listener.until((self) => self.of("caughtUp").some(({ all }) => all));
    for (const module of modules) hub.publish(module, port.record(module, some(1)));
    await listener.until(({ named }) => modules.every((module) => named.get(module) === 1n));
    expect(Math.max(...listener.of("checkpoint").map(({ progress }) => progress.length))).toBeLessThanOrEqual(1_000);
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("hears that it caught up only after it was told where that is", async () => {
    const port = new MemoryLog();
    port.record("cc", some(5));
    const hub = await openFastHub(port);
    const listener = new Listener(hub, { ...fromBeginning, filter: { tags: ["never"] } });
    await listener.until((self) => self.of("caughtUp").length === 1);
    expect(listener.of("caughtUp")).toMatchObject([{ cursors: [{ position: 5n }], all: true }]);
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("of all modules misses none that is registered while its start is resolved", async () => {
    const port = new MemoryLog(["cc"]);
    const hub = await openFastHub(port, { sweeper: { tickMinMs: 60_000, tickMaxMs: 60_000 } });
    const listener = new Listener(hub, { allModules: true, start: { case: "fromTime", value: timestampFromMs(0) } });
    port.meanwhile = async (call) => {
      if (call !== "positionAt") return;
      port.meanwhile = undefined;
      port.register("late");
      // Another stream hears of it first, so that it is known here before the first stream has begun.
      const other = new Listener(hub, { modules: ["late"] });
      await other.until(({ frames }) => frames.length > 0);
      await other.stop();
    };
    await listener.until(({ named }) => named.has("late"));
    hub.publish("late", port.record("late", some(2)));
    await listener.until(({ events }) => events.length === 2);
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });
});
