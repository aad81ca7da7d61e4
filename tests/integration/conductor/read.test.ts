import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { GetMemoryRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { type Filter, FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Recorded } from "#services/conductor/store/group-commit.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import type { ReadLimits } from "#shared/highway/log-port.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, type TestStore } from "./open-test-store.ts";

const everything = localScope();
const roomy: ReadLimits = { eventsMax: 1000, bytesMax: 1_000_000 };
let given: TestStore;
let recorded: Recorded[];

beforeAll(async () => {
  given = await openTestStore();
  await given.store.registerModule(everything, create(ModuleSchema, { name: "empty" }));
  recorded = await given.store.recordAtomic(everything, [
    someMemory({ eventType: "diary.entry", source: "pepys", sessionId: "1660", tags: ["office"] }),
    someMemory({ eventType: "diary", source: "pepys", tags: ["office", "home"] }),
    someMemory({ eventType: "diaryentry", source: "evelyn", occurredAt: { seconds: -9_783_000_000n } }),
    someMemory({ eventType: "note", source: "evelyn", text: "x".repeat(3000) }),
    someMemory({ eventType: "note", source: "100%_", sessionId: "1661", text: "x".repeat(3000) }),
  ]);
});
afterAll(() => given.close());

const read = async (after: number, limits: Partial<ReadLimits> = {}, filter?: Filter) => {
  const { events, through } = await given.store.log.read(everything, "cc", after, { ...roomy, ...limits }, filter);
  return [events.map(({ body }) => Number(body.value?.position)), through];
};

describe("reading the log", () => {
  test("everything above a position, and at the head nothing", async () => {
    expect(await read(0)).toEqual([[1, 2, 3, 4, 5], 5]);
    expect(await read(3)).toEqual([[4, 5], 5]);
    expect(await read(5)).toEqual([[], 5]);
    expect(await read(99)).toEqual([[], 99]);
  });

  test("a read ends at its number of events", async () => {
    expect(await read(0, { eventsMax: 2 })).toEqual([[1, 2], 2]);
    expect(await read(4, { eventsMax: 2 })).toEqual([[5], 5]);
  });

  test("a read ends at its bytes, but one event always comes", async () => {
    expect(await read(0, { bytesMax: 1 })).toEqual([[1], 1]);
    expect(await read(2, { bytesMax: 4000 })).toEqual([[3, 4], 4]);
    expect(await read(3, { bytesMax: 1 })).toEqual([[4], 4]);
  });

  test.each<[string, Parameters<typeof create<typeof FilterSchema>>[1], number[]]>([
    ["an event type, letter for letter", { eventTypes: ["diary"] }, [2]],
    ["what follows a dot", { eventTypes: ["diary.*"] }, [1]],
    ["either of both", { eventTypes: ["note", "diary.*"] }, [1, 4, 5]],
    ["a source", { sources: ["pepys"] }, [1, 2]],
    ["a source with signs that SQL knows", { sources: ["100%_"] }, [5]],
    ["one of several sessions", { sessionIds: ["1660", "1661", "none"] }, [1, 5]],
    ["at least one of the tags", { tags: ["home", "none"] }, [2]],
    ["all fields that are set", { eventTypes: ["diary.*", "diary"], tags: ["home"] }, [2]],
    ["a time before", { occurred: { until: { seconds: 0n } } }, [3]],
    ["a time since", { occurred: { since: { seconds: 0n } } }, [1, 2, 4, 5]],
    ["an open range", { occurred: {} }, [1, 2, 3, 4, 5]],
    ["a time of recording", { recorded: { until: { seconds: 0n } } }, []],
    ["nothing in particular", {}, [1, 2, 3, 4, 5]],
  ])("a filter by %s; what it hides is still passed", async (_, filter, positions) => {
    expect(await read(0, {}, create(FilterSchema, filter))).toEqual([positions, 5]);
  });

  test("under a filter a read ends before what no longer fits, not at the last event", async () => {
    const notes = create(FilterSchema, { eventTypes: ["diary.*", "note"] });
    expect(await read(0, { bytesMax: 3300 }, notes)).toEqual([[1], 3]);
    expect(await read(0, { eventsMax: 2 }, notes)).toEqual([[1, 4], 4]);
  });

  test("a forgetting passes every filter, and what was forgotten none by what it lost", async () => {
    const own = await openTestStore();
    const [first] = await own.store.recordAtomic(everything, [
      someMemory({ source: "pepys", tags: ["a"] }),
      someMemory({ occurredAt: { seconds: 0n } }),
    ]);
    await own.client.query("update mem0_cc.memory set event_type = 'cos.memory.forgotten' where position = 1");
    await own.client.query("update mem0_cc.memory set forgotten_at = now() where position = 2");
    const seen = async (filter: Parameters<typeof create<typeof FilterSchema>>[1]) => {
      const { events } = await own.store.log.read(everything, "cc", 0, roomy, create(FilterSchema, filter));
      return events.map(({ body }) => Number(body.value?.position));
    };
    expect(await seen({ eventTypes: ["none"] })).toEqual([1]);
    expect(await seen({ occurred: { until: { seconds: 1n } } })).toEqual([1]);
    expect(first?.position).toBe(1);
    await own.close();
  });

  test("a module that is unknown, or not to be seen, is not found; an empty one is at its head", async () => {
    const missing = { reason: ErrorReason.MODULE_NOT_FOUND };
    await expect(given.store.log.read(everything, "nowhere", 0, roomy)).rejects.toMatchObject(missing);
    await expect(given.store.log.read(scopeOf(["empty"]), "cc", 0, roomy)).rejects.toMatchObject(missing);
    await expect(given.store.log.read(scopeOf(["empty"]), "empty", 0, roomy)).resolves.toEqual({
      events: [],
      through: 0,
    });
  });

  test("an aborted read says why it was", async () => {
    const aborted = AbortSignal.abort(new Error("changed my mind"));
    await expect(given.store.log.read(everything, "cc", 0, roomy, undefined, aborted)).rejects.toThrow(
      "changed my mind",
    );
  });
});

describe("heads", () => {
  test("all modules, by number, from 1", async () => {
    expect(await given.store.log.heads()).toEqual([
      { module: "cc", number: 1, position: 5, forgetting: 0 },
      { module: "empty", number: 2, position: 0, forgetting: 0 },
    ]);
  });
});

describe("the position at a time", () => {
  const at = (us: bigint, nanos = 0): Timestamp =>
    create(TimestampSchema, { seconds: us / 1_000_000n, nanos: Number(us % 1_000_000n) * 1000 + nanos });

  test("is that of the last memory before it, for every time and length", async () => {
    const own = await openTestStore();
    for (let length = 0; length < 12; length++) {
      const found = [];
      for (let us = 0n; us < 14n; us++) found.push(await own.store.log.positionAt("cc", at(us)));
      // The memory at position n was recorded at the n-th microsecond of the epoch.
      expect(found).toEqual(found.map((_, us) => Math.max(0, Math.min(us - 1, length))));
      await own.store.record(everything, someMemory());
      await own.client.query(
        `update mem0_cc.memory set recorded_at = timestamptz 'epoch' + position * interval '1 microsecond'`,
      );
    }
    expect(await own.store.log.positionAt("cc", at(5n, 1))).toBe(5);
    expect(await own.store.log.positionAt("nowhere", at(5n))).toBe(0);
    await own.close();
  });
});

describe("one memory", () => {
  const get = (request: Parameters<typeof create<typeof GetMemoryRequestSchema>>[1], scope = everything) =>
    given.store.getMemory(scope, create(GetMemoryRequestSchema, request));

  test("by its id, in any spelling, and within its module", async () => {
    const { memory } = recorded[0]!;
    expect(await get({ id: memory.id })).toEqual(memory);
    expect(await get({ id: memory.id.toUpperCase(), module: "cc" })).toEqual(memory);
  });

  test("by its place; the module is cc unless another is named", async () => {
    expect(await get({ position: 2n })).toEqual(recorded[1]?.memory);
    expect(await get({ position: 2n, module: "cc" })).toEqual(recorded[1]?.memory);
  });

  test("a place that no log has is not found, up to the last that can be asked for", async () => {
    const request = create(GetMemoryRequestSchema, { position: 9_223_372_036_854_775_807n });
    await expect(given.store.getMemory(everything, request)).rejects.toMatchObject({
      reason: ErrorReason.MEMORY_NOT_FOUND,
      resource: { type: "memory", name: "cc/9223372036854775807" },
    });
  });

  test("BASIC leaves the large fields out", async () => {
    const basic = await get({ position: 4n, view: MemoryView.BASIC });
    expect(basic).toEqual({ ...recorded[3]?.memory, text: "" });
  });

  test.each([
    ["an id that nobody has", { id: "01a20894-80c0-76cd-b204-05a1a94d596f" }, ErrorReason.MEMORY_NOT_FOUND],
    ["a place above the head", { position: 6n }, ErrorReason.MEMORY_NOT_FOUND],
    ["a module that is unknown", { position: 1n, module: "nowhere" }, ErrorReason.MODULE_NOT_FOUND],
  ])("%s is not found", async (_, request, reason) => {
    await expect(get(request)).rejects.toMatchObject({ reason });
  });

  test("what the caller may not see does not exist", async () => {
    const scope = scopeOf(["empty"]);
    const { id } = recorded[0]!.memory;
    await expect(get({ id }, scope)).rejects.toMatchObject({ reason: ErrorReason.MEMORY_NOT_FOUND });
    await expect(get({ position: 1n }, scope)).rejects.toMatchObject({ reason: ErrorReason.MODULE_NOT_FOUND });
    await expect(get({ id, module: "empty" }, scope)).rejects.toMatchObject({ reason: ErrorReason.MEMORY_NOT_FOUND });
  });
});
