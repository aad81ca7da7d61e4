import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { FellBehind_Reason, GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { decodeResumeToken } from "#shared/highway/resume-token.ts";
import { Listener, type RequestInit } from "./listener.ts";
import { MemoryLog } from "./memory-log.ts";
import { closeHubs, openFastHub, range, some } from "./open-hub.ts";

afterEach(async () => {
  jest.restoreAllMocks();
  await closeHubs();
});

const fromBeginning: RequestInit = { start: { case: "fromBeginning", value: true } };

describe("a slow subscriber", () => {
  test("falls behind, is told so, catches up from the log without a gap, and holds nothing meanwhile", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port, { rings: { entriesMax: 10 } });
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
    const hub = await openFastHub(port, { rings: { fillEventsMax: 10 } });
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
    const hub = await openFastHub(port, { streams: { heartbeatMs: 10, logRetryMs: 5, readEventsMax: 2 } });
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
    const hub = await openFastHub(port, { streams: { logRetryMs: 2, logOutageMaxMs: 20, readEventsMax: 2 } });
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
    const hub = await openFastHub(port, { streams: { readEventsMax: 2 } });
    const listener = new Listener(hub, fromBeginning);
    await listener.until(({ events }) => events.length >= 2);
    port.fault = new CosError(ErrorReason.MODULE_NOT_FOUND, "gone");
    await listener.ended;
    expect(listener.error).toBe(port.fault);
  });

  test("the log not there yet refuses the first step, and the next try is served", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port);
    port.fault = new CosError(ErrorReason.ENGINE_UNAVAILABLE, "no log");
    const refused = new Listener(hub);
    await refused.ended;
    expect(refused.error).toBe(port.fault);
    port.fault = undefined;
    const served = new Listener(hub);
    await served.until(({ frames }) => frames.length >= 2);
    await served.stop();
  });

  test("a reading of the log that lags behind the ring is asked again, and nothing is skipped", async () => {
    const port = new MemoryLog();
    port.record("cc", some(20));
    const hub = await openFastHub(port, { streams: { logRetryMs: 3 }, rings: { entriesMax: 5 } });
    port.lag = 12;
    const listener = new Listener(hub, { cursors: [{ position: 3n }] });
    await listener.until(({ events }) => events.length === 5);
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(listener.positions("cc")).toEqual(range(3, 8));
    expect(hub.state()).toMatchObject({ streams: 1, streamsBehind: 1 });
    port.lag = 0;
    await listener.until(({ events }) => events.length === 17);
    expect(listener.positions("cc")).toEqual(range(3, 20));
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("the signal that fires while the log is read ends the stream without a fault", async () => {
    const port = new MemoryLog();
    port.record("cc", some(10));
    const hub = await openFastHub(port, { streams: { readEventsMax: 2 } });
    const listener = new Listener(hub, fromBeginning);
    await listener.until(({ events }) => events.length >= 2);
    port.meanwhile = () => {
      port.fault = new Error("canceled");
      void listener.stop();
    };
    await listener.ended;
    expect(listener.error).toBeUndefined();
  });

  test("a clock that is set back stops neither the heartbeat nor the age of a stream", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port, { streams: { heartbeatMs: 5, ageMaxMs: 100 } });
    const listener = new Listener(hub);
    await listener.until(({ frames }) => frames.length >= 2);
    jest.spyOn(Date, "now").mockReturnValue(Date.now() - 3_600_000);
    const beats = listener.of("checkpoint").length;
    await listener.until((self) => self.of("checkpoint").length > beats + 2);
    await listener.ended;
    expect(listener.of("goAway")).toMatchObject([{ reason: GoAway_Reason.CONNECTION_AGE }]);
  });

  test("H4: without Redis, streams are marked degraded at once", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port);
    const listener = new Listener(hub);
    await listener.until(
      (self) =>
        self.of("checkpoint").some(({ degraded }) => degraded) || self.of("started").some(({ degraded }) => degraded),
    );
    expect(hub.degraded).toBe(true);
    expect(hub.state()).toMatchObject({ degraded: true, readerHealthy: false });
    expect(hub.viewOf("cc")).toMatchObject({ degraded: true, breaker: hub.state().breaker });
    await listener.stop();
  });
});

describe("the end", () => {
  test("draining: the last frame says so, the status follows, new ones are refused", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port);
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
    const hub = await openFastHub(port, { streams: { ageMaxMs: 30 } });
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
    const hub = await openFastHub(port);
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

  test("what moved unseen is named before the end", async () => {
    const port = new MemoryLog();
    const hub = await openFastHub(port);
    const listener = new Listener(hub, { filter: { tags: ["never"] } });
    await listener.until((self) => self.of("caughtUp").length === 1);
    hub.publish("cc", port.record("cc", some(3)));
    await new Promise((resolve) => setImmediate(resolve));
    hub.drain();
    await listener.ended;
    expect(listener.named.get("cc")).toBe(3n);
    expect(listener.of("goAway").length).toBe(1);
    expect(listener.faults).toEqual([]);
  });

  test("H3: a stream whose start was resolved in an epoch that has ended is sent back at once", async () => {
    const port = new MemoryLog();
    port.record("cc", some(10));
    const hub = await openFastHub(port, { sweeper: { tickMinMs: 60_000, tickMaxMs: 60_000 } });
    const changeDuring = (during: "heads" | "positionAt") => (call: string) => {
      if (call !== during) return;
      port.meanwhile = undefined;
      port.restore({ cc: 6 });
      hub.epochChanged();
    };
    port.meanwhile = changeDuring("heads");
    const early = new Listener(hub);
    await early.ended;
    expect(early.error).toMatchObject({ code: Code.Unavailable });
    port.meanwhile = changeDuring("positionAt");
    const late = new Listener(hub, { start: { case: "fromTime", value: timestampFromMs(3_000) } });
    await late.ended;
    expect(late.error).toMatchObject({ code: Code.Unavailable });
    // Nothing of the ended history is left behind: no head, and no ring of its epoch.
    expect(hub.state().modules).toEqual([]);
    const next = new Listener(hub);
    await next.until(({ frames }) => frames.length > 0);
    expect(next.of("started")[0]?.progress).toMatchObject([{ cursor: { position: 6n }, head: 6n }]);
    await next.stop();
  });

  test("H3: after a restore, a module registered later with a number of the past is sent from its beginning", async () => {
    const port = new MemoryLog(["cc", "pepys"]);
    const hub = await openFastHub(port, { sweeper: { tickMinMs: 60_000, tickMaxMs: 60_000 } });
    const before = new Listener(hub, { allModules: true });
    await before.until((self) => self.of("caughtUp").length === 1);
    port.restore({});
    port.unregister("pepys");
    hub.epochChanged();
    await before.ended;
    expect(decodeResumeToken(before.token, port.epochs().past)?.known).toBe(2);
    const after = new Listener(hub, { allModules: true });
    await after.until((self) => self.of("caughtUp").length === 1);
    await after.stop();
    port.register("history");
    port.record("history", some(7));
    const resumed = new Listener(hub, { allModules: true, resumeToken: after.token });
    await resumed.until(({ events }) => events.length === 7);
    expect(resumed.positions("history")).toEqual(range(0, 7));
    await resumed.stop();
  });

  test("H3: what was read while the epoch changed is not sent", async () => {
    const port = new MemoryLog();
    port.record("cc", some(10));
    const hub = await openFastHub(port, { sweeper: { tickMinMs: 60_000, tickMaxMs: 60_000 } });
    const listener = new Listener(hub, fromBeginning);
    port.meanwhile = (call) => {
      if (call !== "read") return;
      port.meanwhile = undefined;
      port.restore({ cc: 2 });
      hub.epochChanged();
    };
    await listener.ended;
    expect(listener.events).toEqual([]);
    expect(listener.of("goAway").length).toBe(1);
  });
});
