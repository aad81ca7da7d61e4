import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterEach, describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { FellBehind_Reason, GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { scopeOf } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { type Hub, openHub } from "#shared/highway/hub.ts";
import type { HubSettings } from "#shared/highway/hub-settings.ts";
import { Listener, type RequestInit } from "./listener.ts";
import { MemoryLog } from "./memory-log.ts";

/** No Redis at all: everything reaches subscribers from this process' publisher, or from the log. */
const NOWHERE = "redis://127.0.0.1:1";
const FAST: HubSettings = {
  connectWaitMs: 0,
  beatMs: 2,
  streams: { logRetryMs: 5 },
  sweeper: { tickMinMs: 2, tickMaxMs: 4, compareEveryMs: 2 },
  reader: { retryMs: 5 },
};

const hubs: Hub[] = [];
const range = (low: number, high: number): number[] =>
  Array.from({ length: high - low }, (_, index) => low + 1 + index);
const some = (count: number, text = "t"): { text: string }[] => Array.from({ length: count }, () => ({ text }));

async function open(port: MemoryLog, settings: HubSettings = {}): Promise<Hub> {
  const hub = await openHub({
    port,
    redisUrl: NOWHERE,
    log: pino({ level: "silent" }),
    settings: { ...FAST, ...settings, streams: { ...FAST.streams, ...settings.streams } },
  });
  hubs.push(hub);
  return hub;
}

afterEach(async () => {
  await Promise.all(hubs.splice(0).map((hub) => hub.close()));
});

const fromBeginning: RequestInit = { start: { case: "fromBeginning", value: true } };

describe("a subscriber", () => {
  test("is told at once that the stream has begun, and that it is live if it stands at the head", async () => {
    const port = new MemoryLog();
    port.record("cc", some(3));
    const hub = await open(port);
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
    const hub = await open(port);
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
    const hub = await open(port);
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
    const hub = await open(port);
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
    const hub = await open(port);
    const all = new Listener(hub, { allModules: true });
    const few = new Listener(hub, { allModules: true }, scopeOf(["cc"]));
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

  test("with a filter gets what it wants, and is moved on by checkpoints where it wants nothing", async () => {
    const port = new MemoryLog();
    port.record("cc", [{ tags: ["a"] }, {}, { tags: ["a"] }, {}, {}]);
    const hub = await open(port, { streams: { heartbeatMs: 20 } });
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

  test("hears a heartbeat as often as it asked for, with the head it may lag behind", async () => {
    const port = new MemoryLog();
    const hub = await open(port, { streams: { heartbeatMs: 5 } });
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
    const hub = await open(port);
    const listener = new Listener(hub, { start: { case: "fromTime", value: timestampFromMs(3_000) } });
    await listener.until(({ events }) => events.length === 3);
    expect(listener.positions("cc")).toEqual([3, 4, 5]);
    await listener.stop();
  });

  test("gets frames of about 1 MiB, with at least one event", async () => {
    const port = new MemoryLog();
    const sizes = [400_000, 400_000, 400_000, 1_000_000, 10];
    for (const size of sizes) port.record("cc", [{ text: "x".repeat(size) }]);
    const hub = await open(port);
    const listener = new Listener(hub, fromBeginning);
    await listener.until(({ events }) => events.length === 5);
    expect(listener.of("batch").map(({ events }) => events.length)).toEqual([2, 1, 2]);
    await listener.stop();
  });

  test("of more than 1,000 modules hears of the rest in checkpoints, and of each once", async () => {
    const port = new MemoryLog(Array.from({ length: 1_200 }, (_, index) => `m${index}`));
    const hub = await open(port);
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
});

describe("a slow subscriber", () => {
  test("falls behind, is told so, catches up from the log without a gap, and holds nothing meanwhile", async () => {
    const port = new MemoryLog();
    const hub = await open(port, { rings: { entriesMax: 10 } });
    const slow = new Listener(hub);
    const quick = new Listener(hub);
    await quick.until(({ frames }) => frames.length >= 2);
    await slow.until(({ frames }) => frames.length >= 2);
    const gate = Promise.withResolvers<void>();
    slow.hold = gate.promise;
    for (let at = 0; at < 300; at += 1) {
      hub.publish("cc", port.record("cc", some(1)));
      if (at % 5 === 0) await quick.until(({ events }) => events.length > at);
    }
    await quick.until(({ events }) => events.length === 300);
    expect(slow.events.length).toBeLessThan(300);
    expect(hub.state().modules[0]?.ring).toMatchObject({ low: 290, high: 300, listeners: 2 });
    slow.hold = undefined;
    gate.resolve();
    await slow.until((self) => self.events.length === 300 && self.of("caughtUp").length === 2);
    expect(slow.positions("cc")).toEqual(range(0, 300));
    expect(slow.of("fellBehind")).toMatchObject([{ reason: FellBehind_Reason.SLOW_SUBSCRIBER }]);
    expect(quick.of("fellBehind")).toEqual([]);
    expect([slow.faults, quick.faults]).toEqual([[], []]);
    await Promise.all([slow.stop(), quick.stop()]);
  });

  test("is told that it was not its slowness where the highway lost its place", async () => {
    const port = new MemoryLog();
    const hub = await open(port, { rings: { fillEventsMax: 10 } });
    const listener = new Listener(hub);
    await listener.until(({ frames }) => frames.length >= 2);
    port.record("cc", some(500));
    await listener.until(({ events }) => events.length === 500);
    expect(listener.of("fellBehind")[0]?.reason).toBe(FellBehind_Reason.HIGHWAY_REBUILT);
    expect(listener.positions("cc")).toEqual(range(0, 500));
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });
});

describe("bad days", () => {
  test("the log gone: live events go on, catching up waits, the heartbeat goes on, and nothing is lost", async () => {
    const port = new MemoryLog(["cc", "pepys"]);
    port.record("pepys", some(10));
    const hub = await open(port, { streams: { heartbeatMs: 10, logRetryMs: 5, readEventsMax: 2 } });
    const listener = new Listener(hub, { modules: ["cc", "pepys"], cursors: [{ module: "pepys", position: 0n }] });
    await listener.until(({ events }) => events.length >= 2);
    port.fault = new Error("connection refused");
    const beats = listener.of("checkpoint").length;
    const live = port.record("cc", some(1));
    hub.publish("cc", live);
    await listener.until((self) => self.positions("cc").length === 1 && self.of("checkpoint").length > beats + 2);
    const before = listener.positions("pepys").length;
    expect(before).toBeLessThan(10);
    port.fault = undefined;
    await listener.until((self) => self.positions("pepys").length === 10);
    expect(listener.positions("pepys")).toEqual(range(0, 10));
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("the log gone for too long ends a stream that needs it, with UNAVAILABLE", async () => {
    const port = new MemoryLog();
    port.record("cc", some(10));
    const hub = await open(port, { streams: { logRetryMs: 2, logOutageMaxMs: 20, readEventsMax: 2 } });
    const listener = new Listener(hub, fromBeginning);
    await listener.until(({ events }) => events.length >= 2);
    port.fault = new Error("connection refused");
    await listener.ended;
    expect(listener.error).toMatchObject({
      reason: ErrorReason.ENGINE_UNAVAILABLE,
      code: Code.Unavailable,
      retryAfterMs: 1_000,
    });
    expect(hub.state().streams).toBe(0);
  });

  test("a refusal of the log that no waiting mends ends the stream with it", async () => {
    const port = new MemoryLog();
    port.record("cc", some(10));
    const hub = await open(port, { streams: { readEventsMax: 2 } });
    const listener = new Listener(hub, fromBeginning);
    await listener.until(({ events }) => events.length >= 2);
    port.fault = new CosError(ErrorReason.MODULE_NOT_FOUND, "gone");
    await listener.ended;
    expect(listener.error).toBe(port.fault);
  });

  test("the log not there yet refuses the first step, and the next try is served", async () => {
    const port = new MemoryLog();
    const hub = await open(port);
    port.fault = new CosError(ErrorReason.ENGINE_UNAVAILABLE, "no log");
    const refused = new Listener(hub);
    await refused.ended;
    expect(refused.error).toBe(port.fault);
    port.fault = undefined;
    const served = new Listener(hub);
    await served.until(({ frames }) => frames.length >= 2);
    await served.stop();
  });

  test("H4: without Redis, streams are marked degraded at once", async () => {
    const port = new MemoryLog();
    const hub = await open(port);
    const listener = new Listener(hub);
    await listener.until(
      (self) =>
        self.of("checkpoint").some(({ degraded }) => degraded) || self.of("started").some(({ degraded }) => degraded),
    );
    expect(hub.degraded).toBe(true);
    expect(hub.state()).toMatchObject({ degraded: true, readerHealthy: false });
    await listener.stop();
  });
});

describe("the end", () => {
  test("draining: the last frame says so, the status follows, new ones are refused", async () => {
    const port = new MemoryLog();
    const hub = await open(port);
    const listener = new Listener(hub);
    await listener.until(({ frames }) => frames.length >= 2);
    hub.publish("cc", port.record("cc", some(1)));
    hub.drain(1_500);
    await listener.ended;
    expect(listener.frames.at(-1)).toMatchObject({
      case: "goAway",
      value: { reason: GoAway_Reason.DRAINING, retryAfter: { seconds: 1n } },
    });
    expect(listener.error).toMatchObject({ reason: ErrorReason.DRAINING, code: Code.Unavailable, retryAfterMs: 1_500 });
    expect(listener.faults).toEqual([]);
    const late = new Listener(hub);
    await late.ended;
    expect(late.error).toMatchObject({ code: Code.Unavailable });
  });

  test("a stream that is old enough goes, and resumes where it stood", async () => {
    const port = new MemoryLog();
    const hub = await open(port, { streams: { ageMaxMs: 30 } });
    const listener = new Listener(hub, { filter: { tags: ["a"] } });
    hub.publish("cc", port.record("cc", some(2)));
    await listener.ended;
    expect(listener.of("goAway")).toMatchObject([{ reason: GoAway_Reason.CONNECTION_AGE }]);
    const resumed = new Listener(hub, { resumeToken: listener.token });
    await resumed.until(({ frames }) => frames.length > 0);
    expect(resumed.named.get("cc")).toBe(listener.named.get("cc"));
    await resumed.stop();
  });

  test("H3: a new epoch ends every stream; a cursor past the fork is refused, one below it goes on", async () => {
    const port = new MemoryLog();
    port.record("cc", some(10));
    const hub = await open(port);
    const first = port.epochs().current.identity;
    const listener = new Listener(hub);
    await listener.until(({ frames }) => frames.length >= 2);
    port.restore({ cc: 6 });
    hub.epochChanged();
    await listener.ended;
    expect(listener.of("goAway")).toMatchObject([{ reason: GoAway_Reason.EPOCH_CHANGED }]);
    port.record("cc", some(9));
    const past = new Listener(hub, { cursors: [{ position: 10n, epoch: first }] });
    await past.ended;
    expect(past.error).toMatchObject({ code: Code.DataLoss });
    const below = new Listener(hub, { cursors: [{ position: 5n, epoch: first }] });
    await below.until(({ events }) => events.length === 10);
    expect(below.positions("cc")).toEqual(range(5, 15));
    expect(below.of("started")[0]?.epoch).not.toBe(first);
    await below.stop();
  });
});
