import { describe, expect, test } from "@jest/globals";
import { pino } from "pino";
import type { Event } from "#gen/cos/highway/v1/highway_pb.ts";
import { RINGS_LIMITS, Rings } from "#shared/highway/rings.ts";
import { shareEvent } from "#shared/highway/shared-event.ts";
import { eventAt } from "./event-at.ts";
import { MemoryLog } from "./memory-log.ts";
import { some } from "./open-hub.ts";

function open(port: MemoryLog) {
  const added: string[] = [];
  const removed: string[] = [];
  const reader = {
    add: (module: string, position: number) => void added.push(`${module} ${position}`),
    remove: (module: string) => void removed.push(module),
  };
  const rings = new Rings({ port, log: pino({ level: "silent" }), limits: RINGS_LIMITS, reader });
  return { rings, added, removed, epoch: port.epochs().current };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

describe("the rings", () => {
  test("are read from Redis as long as somebody listens, and a sweep longer", () => {
    const { rings, added, removed, epoch } = open(new MemoryLog());
    const listener = (): void => {};
    rings.attach("cc", epoch, 7, listener);
    rings.attach("cc", epoch, 9, () => {});
    expect(added).toEqual(["cc 7"]);
    rings.sweep();
    rings.restart();
    expect(removed).toEqual(["cc"]);
    rings.attach("cc", epoch, 9, listener);
    rings.detach("cc", listener);
    rings.sweep();
    expect(removed).toEqual(["cc"]);
    rings.sweep();
    expect(removed).toEqual(["cc", "cc"]);
    expect(rings.stateOf("cc")).toBeUndefined();
  });

  test("ignore what is of another epoch, or of a module that nobody listens to", () => {
    const { rings, epoch } = open(new MemoryLog());
    rings.attach("cc", epoch, 0, () => {});
    rings.feed("cc", { generation: 2, identity: "other" }, [eventAt(1)]);
    rings.feed("pepys", epoch, [eventAt(1)]);
    rings.takeEntries("pepys", [{ position: 1, bytes: undefined, forgets: false }]);
    rings.reach("pepys", 5);
    expect(rings.stateOf("cc")).toMatchObject({ low: 0, high: 0, listeners: 1 });
  });

  test("G2: two commits that overtake each other do not cost a reading of the log", async () => {
    const port = new MemoryLog();
    const { rings, epoch } = open(port);
    rings.attach("cc", epoch, 0, () => {});
    rings.feed("cc", epoch, [eventAt(2)]);
    rings.feed("cc", epoch, [eventAt(1)]);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(rings.stateOf("cc")?.high).toBe(2);
    expect(port.reads).toBe(0);
  });

  test("G4: a position that the log does not have is forgotten", async () => {
    const port = new MemoryLog();
    port.record("cc", some(3));
    const { rings, epoch } = open(port);
    const ring = rings.attach("cc", epoch, 3, () => {});
    rings.takeEntries("cc", [{ position: 9, bytes: undefined, forgets: false }]);
    expect(ring.gapped).toBe(true);
    await until(() => !ring.gapped);
    expect(ring.high).toBe(3);
  });

  test("a log that does not answer leaves the gap to the next sweep", async () => {
    const port = new MemoryLog();
    const { rings, epoch } = open(port);
    const ring = rings.attach("cc", epoch, 0, () => {});
    port.record("cc", some(3));
    port.fault = new Error("connection refused");
    rings.reach("cc", 3);
    await until(() => port.reads === 1);
    await new Promise((resolve) => setImmediate(resolve));
    port.fault = undefined;
    expect(ring.high).toBe(0);
    rings.reach("cc", 3);
    await until(() => ring.high === 3);
    rings.close();
  });

  test("G5: a forgetting empties the ring by whoever tells of it first, and the log fills what comes after", async () => {
    const port = new MemoryLog();
    const { rings, epoch } = open(port);
    let woken = 0;
    const ring = rings.attach("cc", epoch, 0, () => {
      woken += 1;
    });
    rings.feed("cc", epoch, port.record("cc", some(3)).map(shareEvent));
    const [forgetting] = port.forget("cc", [1, 2]);
    const { framed, offset } = shareEvent(forgetting as Event);
    rings.takeEntries("cc", [{ position: 4, bytes: Buffer.from(framed.subarray(offset)), forgets: true }]);
    expect([ring.low, ring.high]).toEqual([3, 4]);
    port.record("cc", some(2));
    port.forget("cc", [5]);
    woken = 0;
    rings.forget("cc", 7);
    rings.forget("cc", 7);
    rings.forget("pepys", 7);
    expect([ring.low, ring.high, woken]).toEqual([6, 6, 1]);
    await until(() => ring.high === 7);
    rings.close();
  });

  test("a ring that was closed while it was filled takes nothing more", async () => {
    const port = new MemoryLog();
    port.record("cc", some(3_000));
    const { rings, epoch } = open(port);
    rings.attach("cc", epoch, 1_500, () => {});
    rings.reach("cc", 3_000);
    rings.close();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(port.reads).toBe(1);
    expect(rings.bytes).toBe(0);
  });
});
