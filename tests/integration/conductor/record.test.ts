import { create, type JsonObject } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Client } from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { ModuleSchema } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { AcceptedMemory } from "#services/conductor/domain/accepted-memory.ts";
import type { Committed } from "#services/conductor/store/group-commit.ts";
import { openStore } from "#services/conductor/store/open-store.ts";
import { recordBatch } from "#services/conductor/store/record-batch.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";

const everything = localScope();
let given: TestStore;
let committed: { module: string; positions: number[] }[] = [];
const onCommitted = (module: string, events: readonly Committed[]) => {
  committed.push({ module, positions: events.map(({ position }) => position) });
};

beforeAll(async () => {
  given = await openTestStore({ onCommitted });
});
afterAll(() => given.close());

async function freshModule(): Promise<string> {
  const name = `m${Math.random()
    .toString(36)
    .replace(/[^a-z]/g, "")}x`;
  await given.store.registerModule(everything, create(ModuleSchema, { name }));
  return name;
}

const record = (memory: AcceptedMemory) => given.store.record(everything, memory);
const recordAtomic = (memories: AcceptedMemory[]) => given.store.recordAtomic(everything, memories);

async function positionsOf(module: string): Promise<number[]> {
  const { rows } = await given.client.query("select position from mem0_cc.memory where module = $1 order by 1", [
    module,
  ]);
  return rows.map(({ position }) => Number(position));
}

const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1);

describe("recording", () => {
  test("H1: concurrent callers get the positions 1 to n, each once, in every module", async () => {
    const modules = [await freshModule(), await freshModule()];
    const recorded = await Promise.all(upTo(600).map((n) => record(someMemory({ module: modules[n % 2]! }))));
    for (const module of modules) {
      const positions = recorded.filter((one) => one.module === module).map(({ position }) => position);
      expect(positions.sort((a, b) => a - b)).toEqual(upTo(300));
      expect(await positionsOf(module)).toEqual(upTo(300));
    }
  });

  test("H1, B1: batches at once on several connections, modules in any order, all succeed and number densely", async () => {
    const modules = [await freshModule(), await freshModule(), await freshModule()];
    const clients = await Promise.all(
      upTo(4).map(async () => {
        const client = new Client({ connectionString: given.url });
        await client.connect();
        return client;
      }),
    );
    const options = { atomic: false, again: false, timeoutMs: 10_000 };
    const runs = clients.map(async (client, n) => {
      for (let round = 0; round < 25; round++) {
        const order = n % 2 === 0 ? modules : modules.toReversed();
        const outcomes = await recordBatch(
          client,
          order.map((module) => someMemory({ module })),
          options,
        );
        expect(outcomes.map(({ outcome }) => outcome)).toEqual(["recorded", "recorded", "recorded"]);
      }
    });
    await Promise.all(runs);
    await Promise.all(clients.map((client) => client.end()));
    for (const module of modules) expect(await positionsOf(module)).toEqual(upTo(100));
  });

  test("H1: refusals of every kind, between good memories, leave no gap", async () => {
    const module = await freshModule();
    await record(someMemory({ module }, "taken"));
    const kinds = fc.constantFrom("good", "repeat", "reused", "unknown", "poison", "atomic", "atomic refused");
    await fc.assert(
      fc.asyncProperty(fc.array(kinds, { minLength: 1, maxLength: 20 }), async (calls) => {
        await Promise.allSettled(
          calls.map((kind) => {
            if (kind === "good") return record(someMemory({ module }));
            if (kind === "repeat") return record(someMemory({ module }, "taken"));
            if (kind === "reused") return record(someMemory({ module, text: "other" }, "taken"));
            if (kind === "unknown") return record(someMemory({ module: "nowhere" }));
            if (kind === "poison") return record(poisonous(module));
            if (kind === "atomic") return recordAtomic([someMemory({ module }), someMemory({ module })]);
            return recordAtomic([someMemory({ module }), someMemory({ module: "nowhere" })]);
          }),
        );
        const positions = await positionsOf(module);
        expect(positions).toEqual(upTo(positions.length));
        const [head] = (await given.client.query("select position from mem0_cc.head where module = $1", [module])).rows;
        expect(Number(head.position)).toBe(positions.length);
      }),
      { numRuns: 20 },
    );
  });
  test("what is answered is what the log has, down to the microsecond, for every field", async () => {
    const memory = someMemory({
      eventType: "diary.entry",
      source: "Samuel Pepys",
      text: "Up 🌅 betimes",
      occurredAt: { seconds: -9_783_000_000n, nanos: 123_456_000 },
      sessionId: "1660",
      tags: ["a,b", 'c"d', "{e}", "ünï", "null"],
      payload: { a: [1, null, { b: "x" }], n: 1.5, "": true },
      payloadType: "cos.x.v1.Y",
      causationId: "01a20894-80c0-76cd-b204-05a1a94d596f",
      promptTrace: {
        prompt: "p",
        response: "r",
        model: "m",
        executionTimeMs: 1,
        tokenCount: 3,
        promptTokenCount: 2,
        responseTokenCount: 1,
      },
    });
    const { memory: answered, module, position } = await record(memory);
    const { events } = await given.store.log.read(everything, module, position - 1, { eventsMax: 1, bytesMax: 1 });
    expect(events[0]?.body.value).toEqual(answered);
    expect(answered.recordedAt?.nanos).toBeDefined();
  });

  test("a payload's key that means something to JavaScript comes back as it was", async () => {
    const json = '{"__proto__":{"constructor":1}}';
    const { module, position, memory } = await record(someMemory({ payload: JSON.parse(json) as JsonObject }));
    const { events } = await given.store.log.read(everything, module, position - 1, { eventsMax: 1, bytesMax: 1 });
    expect([memory.payload, events[0]?.body.value?.payload].map((one) => JSON.stringify(one))).toEqual([json, json]);
  });

  test.each([
    ["the first instant of year 1", -62_135_596_800n, 0],
    ["the last microsecond of year 9999", 253_402_300_799n, 999_999_000],
  ])("%s comes back as it was", async (_, seconds, nanos) => {
    const { module, position, memory } = await record(someMemory({ occurredAt: { seconds, nanos } }));
    const { events } = await given.store.log.read(everything, module, position - 1, { eventsMax: 1, bytesMax: 1 });
    expect(events[0]?.body.value?.occurredAt).toMatchObject({ seconds, nanos });
    expect(memory.occurredAt).toMatchObject({ seconds, nanos });
  });

  test("what happened at no time given happened when it was recorded", async () => {
    const { memory } = await record(someMemory());
    expect(memory.occurredAt).toEqual(memory.recordedAt);
  });

  test("a sampled call's traceparent is kept with the event, and its ids with the memory", async () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const memory = { ...someMemory(), traceparent };
    const { module, position } = await record(memory);
    const { events } = await given.store.log.read(everything, module, position - 1, { eventsMax: 1, bytesMax: 1 });
    expect(events[0]?.traceparent).toBe(traceparent);
    expect(events[0]?.body.value?.requestId).toBe("request 1");
  });

  test("recorded_at never decreases within a module, even if the clock does", async () => {
    const module = await freshModule();
    await given.client.query("update mem0_cc.head set recorded_at = '2999-01-01' where module = $1", [module]);
    const { memory } = await record(someMemory({ module }));
    expect(memory.recordedAt?.seconds).toBe(BigInt(Date.parse("2999-01-01") / 1000));
  });

  test("newly recorded memories are announced once, a batch and module at a time, in order of position", async () => {
    const [a, b] = [await freshModule(), await freshModule()];
    await record(someMemory({ module: a }, "k"));
    committed = [];
    await Promise.allSettled([
      record(someMemory({ module: b })),
      record(someMemory({ module: a })),
      record(someMemory({ module: a }, "k")),
      record(someMemory({ module: a })),
      record(someMemory({ module: "nowhere" })),
    ]);
    expect(committed).toEqual([
      { module: b, positions: [1] },
      { module: a, positions: [2, 3] },
    ]);
  });
});

/** What no caller can send, since the rules refuse it first: a value that PostgreSQL itself refuses (22P05). */
function poisonous(module: string): AcceptedMemory {
  const memory = someMemory({ module });
  return { ...memory, memory: { ...memory.memory, text: "a\0b" } };
}

describe("refusals", () => {
  test("a value that cannot be stored fails its own caller alone, wherever it stands", async () => {
    const module = await freshModule();
    const results = await Promise.allSettled(
      upTo(40).map((n) => record(n % 13 === 0 ? poisonous(module) : someMemory({ module }))),
    );
    const refused = results.flatMap((result, n) => (result.status === "rejected" ? [n + 1] : []));
    expect(refused).toEqual([13, 26, 39]);
    expect(await positionsOf(module)).toEqual(upTo(37));
    await expect(record(poisonous(module))).rejects.toMatchObject({ reason: ErrorReason.INVALID_FIELD });
  });

  test("an unknown module, and one that the caller may not see, are the same to the caller", async () => {
    const module = await freshModule();
    const unseen = given.store.record(scopeOf(["cc"]), someMemory({ module }));
    await expect(unseen).rejects.toMatchObject({ reason: ErrorReason.MODULE_NOT_FOUND, resource: { name: module } });
    const batch = given.store.recordAtomic(scopeOf(["cc"]), [someMemory(), someMemory({ module })]);
    await expect(batch).rejects.toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
      fields: [{ field: "requests[1].memory.module" }],
    });
    await expect(record(someMemory({ module: "nowhere" }))).rejects.toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
      resource: { type: "module", name: "nowhere" },
      fields: [{ field: "memory.module" }],
    });
    expect(await positionsOf(module)).toEqual([]);
  });

  test("a retired module is not written, but its old keys still answer", async () => {
    const module = await freshModule();
    await record(someMemory({ module }, "k"));
    await given.client.query("update mem0_cc.module set state = 'retired' where name = $1", [module]);
    await expect(record(someMemory({ module }))).rejects.toMatchObject({ reason: ErrorReason.MODULE_RETIRED });
    await expect(record(someMemory({ module }, "k"))).resolves.toMatchObject({ deduplicated: true, position: 1 });
  });
});

describe("idempotency", () => {
  test("fifty callers at once with one key: one memory, and forty-nine are told so", async () => {
    const module = await freshModule();
    const recorded = await Promise.all(upTo(50).map(() => record(someMemory({ module }, "k"))));
    expect(await positionsOf(module)).toEqual([1]);
    expect(recorded.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
    expect(new Set(recorded.map(({ memory }) => memory.id)).size).toBe(1);
  });

  test("two processes at once with one key: one memory", async () => {
    const module = await freshModule();
    const other = await openStore({ url: given.url, log: silent });
    const both = await Promise.all(
      upTo(20).flatMap((n) => [
        record(someMemory({ module }, `k${n}`)),
        other.record(everything, someMemory({ module }, `k${n}`)),
      ]),
    );
    await other.close();
    expect(await positionsOf(module)).toEqual(upTo(20));
    expect(both.filter(({ deduplicated }) => deduplicated)).toHaveLength(20);
  });

  test("the first answer again: the stored memory, not the one that was sent", async () => {
    const module = await freshModule();
    const first = await record(someMemory({ module, tags: ["a"] }, "k"));
    const again = await record(someMemory({ module, tags: ["a"] }, "k"));
    expect(again).toEqual({ ...first, deduplicated: true });
  });

  test("the same key for other content is refused, naming the key", async () => {
    const module = await freshModule();
    await record(someMemory({ module }, "k"));
    await expect(record(someMemory({ module, text: "other" }, "k"))).rejects.toMatchObject({
      reason: ErrorReason.IDEMPOTENCY_KEY_REUSED,
      fields: [{ field: "idempotency_key" }],
    });
    expect(await positionsOf(module)).toEqual([1]);
  });

  test("a key counts within its module", async () => {
    const [a, b] = [await freshModule(), await freshModule()];
    const recorded = await Promise.all([
      record(someMemory({ module: a }, "k")),
      record(someMemory({ module: b }, "k")),
    ]);
    expect(recorded.map(({ deduplicated }) => deduplicated)).toEqual([false, false]);
  });

  test("the key of a forgotten memory answers with what is left, whatever the content", async () => {
    const module = await freshModule();
    const { memory } = await record(someMemory({ module, tags: ["a"] }, "k"));
    await given.client.query(
      "update mem0_cc.memory set text = '', source = '', tags = '{}', forgotten_at = now() where module = $1",
      [module],
    );
    const again = await record(someMemory({ module, text: "quite other" }, "k"));
    expect(again).toMatchObject({ deduplicated: true, position: 1 });
    const { id, position, eventType, recordedAt } = memory;
    expect(again.memory).toMatchObject({ id, module, position, eventType, recordedAt, text: "", source: "", tags: [] });
    expect(again.memory.forgottenAt).toBeDefined();
    expect(again.memory.occurredAt).toBeUndefined();
  });
});

describe("batches: all or nothing", () => {
  test("they are recorded together, in their order, over several modules", async () => {
    const [a, b] = [await freshModule(), await freshModule()];
    const recorded = await recordAtomic([a, b, a].map((module) => someMemory({ module })));
    expect(recorded.map(({ module, position }) => [module, position])).toEqual([
      [a, 1],
      [b, 1],
      [a, 2],
    ]);
  });

  test("a key that comes twice counts once", async () => {
    const module = await freshModule();
    const recorded = await recordAtomic([
      someMemory({ module }, "k"),
      someMemory({ module }),
      someMemory({ module }, "k"),
    ]);
    expect(recorded.map(({ position, deduplicated }) => [position, deduplicated])).toEqual([
      [1, false],
      [2, false],
      [1, true],
    ]);
  });

  test.each([
    ["an unknown module", () => [someMemory({ module: "nowhere" })], "requests[1].memory.module"],
    ["a key used before", () => [someMemory({ text: "other" }, "before")], "requests[1].idempotency_key"],
    [
      "a key used twice",
      () => [someMemory({}, "twice"), someMemory({ text: "other" }, "twice")],
      "requests[2].idempotency_key",
    ],
    ["a value that cannot be stored", () => [poisonous("cc")], "memory"],
  ])("%s refuses all of them", async (_, rest, field) => {
    const module = await freshModule();
    await record(someMemory({}, "before"));
    const before = await positionsOf("cc");
    const batch = recordAtomic([someMemory({ module }), ...rest()]);
    await expect(batch).rejects.toMatchObject({ fields: [expect.objectContaining({ field })] });
    expect([await positionsOf(module), await positionsOf("cc")]).toEqual([[], before]);
  });

  test("a thousand memories, and four megabytes of them", async () => {
    const module = await freshModule();
    const recorded = await recordAtomic(upTo(1000).map(() => someMemory({ module, text: "x".repeat(4000) })));
    expect(recorded.map(({ position }) => position)).toEqual(upTo(1000));
  });
});
