import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { afterEach, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { GoAway_Reason } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { accessRevoked } from "#shared/auth/refusals.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { decodeResumeToken } from "#shared/highway/resume-token.ts";
import { accessTo, readerOf } from "./access-to.ts";
import { type RequestInit as AnyInit, Listener } from "./listener.ts";
import { MemoryLog } from "./memory-log.ts";
import { closeHubs, openFastHub, range, some } from "./open-hub.ts";

afterEach(closeHubs);

type RequestInit = Exclude<AnyInit, { $typeName: string }>;

const MODULES = ["cc", "pepys", "other"];
const all: RequestInit = { allModules: true };
const fromBeginning: RequestInit = { start: { case: "fromBeginning", value: true } };
const fromTime: RequestInit = { start: { case: "fromTime", value: timestampFromMs(3_000) } };

/** A log of three modules of five memories each. */
function threeModules(): MemoryLog {
  const port = new MemoryLog(MODULES);
  for (const module of MODULES) port.record(module, some(5));
  return port;
}

async function begun(hub: Awaited<ReturnType<typeof openFastHub>>, init: RequestInit, access: Access) {
  const listener = new Listener(hub, init, access);
  await listener.until((self) => self.of("caughtUp").some((frame) => frame.all));
  return listener;
}

test("A3: a module that is registered later joins no stream of all modules whose caller may not read it", async () => {
  const port = threeModules();
  const hub = await openFastHub(port);
  const listener = await begun(hub, all, accessTo(["cc"]));
  const everybody = await begun(hub, all, accessTo([...MODULES, "late"]));
  port.register("late");
  hub.publish("late", port.record("late", some(2)));
  await everybody.until((self) => self.positions("late").length === 2);
  hub.publish("cc", port.record("cc", some(1)));
  await listener.until((self) => self.positions("cc").length === 1);
  expect(listener.positions("late")).toEqual([]);
});

describe("when the access of a stream's caller ends", () => {
  test("R1: by revocation, GoAway ACCESS_CHANGED is the last frame and the reason follows", async () => {
    const hub = await openFastHub(threeModules());
    const access = accessTo(["cc"]);
    const listener = await begun(hub, {}, access);
    access.end(accessRevoked());
    await listener.ended;
    expect(listener.frames.at(-1)).toMatchObject({
      case: "goAway",
      value: { reason: GoAway_Reason.ACCESS_CHANGED },
    });
    expect(listener.error).toMatchObject({ reason: ErrorReason.TOKEN_REVOKED });
    expect(hub.state().streams).toBe(0);
  });

  test("R1: by the clock alone, so does it", async () => {
    const hub = await openFastHub(threeModules());
    const listener = await begun(hub, {}, accessTo(["cc"], Date.now() + 60));
    await listener.ended;
    expect(listener.of("goAway")).toMatchObject([{ reason: GoAway_Reason.ACCESS_CHANGED }]);
    expect(listener.error).toMatchObject({ reason: ErrorReason.TOKEN_EXPIRED });
  });

  test("U8: nothing new is told of any module, and the token named last still stands", async () => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc"]);
    const listener = await begun(hub, { filter: { tags: ["never"] } }, access);
    const { token } = listener;
    const frames = listener.frames.length;
    const waiting = Promise.withResolvers<void>();
    port.meanwhile = () => waiting.promise;
    hub.publish("cc", port.record("cc", some(3)));
    // The stream moves by the ring, without a frame, since it wants nothing of it.
    await new Promise((resolve) => setTimeout(resolve, 5));
    access.end(accessRevoked());
    await listener.ended;
    waiting.resolve();
    expect(listener.frames.slice(frames).map((frame) => frame.case)).toEqual(["goAway"]);
    expect(listener.token).toBe(token);
  });

  test("R4: while its start is resolved, it ends as soon as it has begun", async () => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc"]);
    port.meanwhile = (call) => {
      if (call === "positionAt") access.end(accessRevoked());
    };
    const listener = new Listener(hub, fromTime, access);
    await listener.ended;
    expect(listener.events).toEqual([]);
    expect(listener.error).toMatchObject({ reason: ErrorReason.TOKEN_REVOKED });
  });

  test("what is being read of the log at that moment is not sent", async () => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc"]);
    port.meanwhile = (call) => {
      if (call === "read") access.end(accessRevoked());
    };
    const listener = new Listener(hub, fromBeginning, access);
    await listener.ended;
    expect(port.reads).toBeGreaterThan(0);
    expect(listener.events).toEqual([]);
    expect(listener.of("goAway")).toHaveLength(1);
  });
});

describe("when what a stream's caller may read becomes less", () => {
  test.each<[string, RequestInit]>([
    ["of named modules", { modules: ["cc", "pepys"] }],
    ["of all modules", all],
  ])("R2: a stream %s that carries it ends, and carries the rest when resumed", async (_which, init) => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc", "pepys"]);
    const listener = await begun(hub, init, access);
    access.update(readerOf(["cc"]));
    await listener.ended;
    expect(listener.of("goAway")).toMatchObject([{ reason: GoAway_Reason.ACCESS_CHANGED }]);
    expect(listener.error).toMatchObject({ reason: ErrorReason.ACCESS_CHANGED });
    const resumed = await begun(hub, { ...all, resumeToken: listener.token }, access);
    expect([...resumed.named.keys()]).toEqual(["cc"]);
    await resumed.stop();
  });

  test("R2: a stream that does not carry it goes on", async () => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc", "pepys"]);
    const listener = await begun(hub, { modules: ["cc"] }, access);
    access.update(readerOf(["cc"]));
    hub.publish("cc", port.record("cc", some(2)));
    await listener.until(({ events }) => events.length === 2);
    await listener.stop();
    expect(listener.error).toBeUndefined();
  });

  test("a stream that is over hears of nothing any more", async () => {
    const hub = await openFastHub(threeModules());
    const access = accessTo(["cc", "pepys"]);
    const listener = await begun(hub, { modules: ["pepys"] }, access);
    await listener.stop();
    access.update(readerOf(["cc"]));
    access.end(accessRevoked());
    expect(listener.of("goAway")).toEqual([]);
  });

  test("reads of the log are asked for with what is allowed at that moment", async () => {
    const scopes: Scope[] = [];
    class WatchedLog extends MemoryLog {
      override read(...asked: Parameters<MemoryLog["read"]>) {
        scopes.push(asked[0]);
        return super.read(...asked);
      }
    }
    const port = new WatchedLog(MODULES);
    port.record("cc", some(1_500));
    const hub = await openFastHub(port);
    const access = accessTo(["cc", "pepys"]);
    port.meanwhile = (call) => {
      if (call === "read") access.update(readerOf(["cc"]));
    };
    const listener = new Listener(hub, { modules: ["cc"], ...fromBeginning }, access);
    await listener.until(({ events }) => events.length === 1_500);
    await listener.stop();
    expect(scopes.map(({ modules }) => Array.from(modules).join())).toEqual([
      "cc,pepys",
      ...scopes.slice(1).map(() => "cc"),
    ]);
    expect(scopes.length).toBeGreaterThan(1);
  });
});

describe("when a caller who listens to all modules may read more", () => {
  test.each<[string, RequestInit, number]>([
    ["at the end, if nothing else was asked for", {}, 5],
    ["at its beginning", fromBeginning, 0],
    ["with what was recorded at a time", fromTime, 2],
    ["at the end, if the time lies ahead", { start: { case: "fromTime", value: timestampFromMs(1e9) } }, 5],
  ])("R3: a module that was there joins %s", async (_where, init, position) => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc"]);
    const listener = await begun(hub, { ...all, ...init }, access);
    access.update(readerOf(["cc", "pepys"]));
    await listener.until(({ named }) => named.has("pepys"));
    const joined = listener.of("checkpoint").flatMap(({ progress }) => progress);
    expect(joined.find(({ cursor }) => cursor?.module === "pepys")).toMatchObject({ after: BigInt(position) });
    hub.publish("pepys", port.record("pepys", some(2)));
    await listener.until((self) => self.positions("pepys").at(-1) === 7);
    expect(listener.positions("pepys")).toEqual(range(position, 7));
    expect(listener.positions("other")).toEqual([]);
    expect(listener.faults).toEqual([]);
    await listener.stop();
  });

  test("R3: a stream of named modules stays as it is", async () => {
    const hub = await openFastHub(threeModules());
    const access = accessTo(["cc"]);
    const listener = await begun(hub, {}, access);
    access.update(readerOf(MODULES));
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect([...listener.named.keys()]).toEqual(["cc"]);
    await listener.stop();
  });

  test("R3: while the log is away the module waits, and joins when it is back", async () => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc"]);
    const listener = await begun(hub, { ...all, ...fromTime }, access);
    port.fault = new Error("away");
    access.update(readerOf(["cc", "pepys"]));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(listener.named.has("pepys")).toBe(false);
    port.fault = undefined;
    await listener.until((self) => self.positions("pepys").length === 3);
    await listener.stop();
  });

  test("R3: what is taken back before its start was found does not join", async () => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc"]);
    const listener = await begun(hub, { ...all, ...fromTime }, access);
    port.meanwhile = (call) => {
      if (call === "positionAt") access.update(readerOf(["cc"]));
    };
    access.update(readerOf(["cc", "pepys"]));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([...listener.named.keys()]).toEqual(["cc"]);
    await listener.stop();
    expect(listener.error).toBeUndefined();
  });

  test("R3: a token made before the grant counts the module as known and lacks it: resumed, it starts at `start`", async () => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc"]);
    const listener = await begun(hub, all, access);
    await listener.stop();
    expect(decodeResumeToken(listener.token, port.epochs().past)).toMatchObject({
      known: 3,
      places: [{ number: 1, position: 5 }],
    });
    access.update(readerOf(["cc", "pepys"]));
    for (const [init, position] of [
      [{}, 5n],
      [fromBeginning, 0n],
      [fromTime, 2n],
    ] as const) {
      const resumed = new Listener(hub, { ...all, ...init, resumeToken: listener.token }, access);
      await resumed.until(({ frames }) => frames.length > 0);
      expect(resumed.of("started")[0]?.progress).toMatchObject([
        { cursor: { module: "cc", position: 5n } },
        { cursor: { module: "pepys", position } },
      ]);
      await resumed.stop();
    }
  });

  test("R4: granted while its start is resolved, it joins at `start`; registered meanwhile, at its beginning", async () => {
    const port = threeModules();
    const hub = await openFastHub(port, { sweeper: { tickMinMs: 60_000, tickMaxMs: 60_000 } });
    const access = accessTo(["cc", "late"]);
    port.meanwhile = async (call) => {
      if (call !== "positionAt") return;
      port.meanwhile = undefined;
      port.register("late");
      port.record("late", some(4));
      // Another stream hears of it first, so that it is known here before the first stream has begun.
      const other = new Listener(hub, { modules: ["late"] }, accessTo(["late"]));
      await other.until(({ frames }) => frames.length > 0);
      await other.stop();
      access.update(readerOf(["cc", "late", "pepys"]));
    };
    const listener = new Listener(hub, { ...all, ...fromTime }, access);
    await listener.until((self) => self.positions("late").length === 4 && self.positions("pepys").length === 3);
    expect(listener.positions("late")).toEqual(range(0, 4));
    expect(listener.positions("pepys")).toEqual(range(2, 5));
    await listener.stop();
  });

  test("A3: a module registered later joins from its beginning, if its grant came before it", async () => {
    const port = threeModules();
    const hub = await openFastHub(port);
    const access = accessTo(["cc"]);
    const listener = await begun(hub, all, access);
    access.update(readerOf(["cc", "late"]));
    port.register("late");
    port.record("late", some(2));
    await listener.until((self) => self.positions("late").length === 2);
    await listener.stop();
  });
});
