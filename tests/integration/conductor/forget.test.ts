import { randomUUIDv7 } from "node:crypto";
import { create, fromJson } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  GetMemoryRequestSchema,
  ListMemoriesOrder,
  ListMemoriesRequestSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { ForgottenSchema, type Memory } from "#gen/cos/memory/v1/memory_pb.ts";
import { localScope } from "#shared/auth/scope.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { type Forgetful, openForgetful } from "./open-forgetful.ts";
import { type Selector, wholeModule } from "./some-forgetting.ts";

const everything = localScope();
const upTo = (n: number) => Array.from({ length: n }, (_, at) => at + 1);
const noteIn = (session: string, source = "pepys"): Parameters<typeof someMemory> => [{ sessionId: session, source }];
let given: Forgetful;
beforeAll(async () => {
  given = await openForgetful();
});
afterAll(() => given.close());

describe("forgetting", () => {
  test("F4: by ids: what is there is emptied, what is not is counted, and one event tells of it", async () => {
    const elsewhere = await given.freshModule([[]]);
    const { module, ids, recorded, forget } = await given.freshModule([
      [{ text: "one" }],
      [{ text: "two" }, "key"],
      [],
    ]);
    const [first, second] = ids as [string, string, string];
    const wanted = [second, first.toUpperCase(), first, randomUUIDv7(), elsewhere.ids[0] as string];
    const frames = await forget({ case: "ids", value: { $typeName: "cos.conductor.v1.MemoryIds", ids: wanted } });
    expect(frames).toMatchObject([
      { found: 2n, forgotten: 2n, missing: 2n, alreadyForgotten: 0n, cursor: { module, position: 4n }, done: false },
      { found: 2n, forgotten: 2n, cursor: { epoch: recorded[0]?.epoch }, done: true, highwayCleared: true },
    ]);
    const memories = await given.memoriesOf(module);
    expect(memories.map(({ position }) => Number(position))).toEqual(upTo(4));
    expect(memories[0]).toEqual(
      expect.objectContaining({ id: first, module, eventType: "note", recordedAt: recorded[0]?.memory.recordedAt }),
    );
    expect(memories[0]).toMatchObject({ text: "", source: "", recordedBy: "", requestId: "", tags: [] });
    expect(memories[2]).toMatchObject({ text: "up betimes", recordedBy: "editor" });
    const event = memories[3] as Memory;
    expect(event).toMatchObject({
      eventType: "cos.memory.forgotten",
      source: "cos",
      payloadType: "cos.memory.v1.Forgotten",
      recordedBy: "owner",
      requestId: "request-7",
    });
    expect(fromJson(ForgottenSchema, event.payload ?? {})).toMatchObject({ ids: [first, second], positions: [1n, 2n] });
    expect(await given.forgottenOf(elsewhere.module)).toEqual([]);
    const again = await forget({ case: "ids", value: { $typeName: "cos.conductor.v1.MemoryIds", ids: [...ids] } });
    expect(again.at(-1)).toMatchObject({ found: 1n, forgotten: 1n, alreadyForgotten: 2n, missing: 0n });
  });

  test("F2: the row keeps nothing but its place, its type and its key", async () => {
    const { module, forget } = await given.freshModule([
      [
        {
          text: "canary",
          source: "canary",
          sessionId: "canary",
          tags: ["canary"],
          payload: { canary: "canary" },
          payloadType: "canary.v1.Canary",
          causationId: randomUUIDv7(),
          occurredAt: { seconds: -9_000_000_000n },
          promptTrace: { prompt: "canary", response: "canary" },
        },
        "key",
      ],
    ]);
    await forget(wholeModule);
    const { rows } = await given.client.query("select * from mem0_cc.memory where module = $1 and position = 1", [
      module,
    ]);
    const { id: _, position: __, recorded_at, occurred_at, forgotten_at, size, ...rest } = rows[0];
    expect(rest).toEqual({
      module,
      event_type: "note",
      source: "",
      text: "",
      session_id: null,
      tags: [],
      payload: null,
      payload_type: null,
      request_id: "",
      trace_id: null,
      traceparent: null,
      causation_id: null,
      prompt_trace: null,
      idempotency_key: "key",
      content_hash: null,
      recorded_by: null,
    });
    expect(occurred_at).toEqual(recorded_at);
    expect(forgotten_at).toBeInstanceOf(Date);
    expect(size).toBeLessThan(200);
  });

  test("B3, F2: the key of a forgotten memory answers with what is left, whatever the content; nothing is recorded again", async () => {
    const { module, ids, forget } = await given.freshModule([[{ text: "once" }, "key"]]);
    await forget(wholeModule);
    const again = await given.store.record(everything, someMemory({ module, text: "other" }, "key"));
    expect(again).toMatchObject({ deduplicated: true, position: 1, memory: { id: ids[0], text: "", recordedBy: "" } });
    expect(again.memory.forgottenAt).toBeDefined();
    expect((await given.memoriesOf(module)).length).toBe(2);
  });

  test("by id or by place, what is left is found; by what was lost, nothing; and no filter hides the event", async () => {
    const { module, ids, forget } = await given.freshModule([noteIn("s1"), noteIn("s2")]);
    await forget({ case: "sessionId", value: "s1" });
    const byId = await given.store.getMemory(everything, create(GetMemoryRequestSchema, { id: ids[0] as string }));
    const byPlace = await given.store.getMemory(everything, create(GetMemoryRequestSchema, { module, position: 1n }));
    expect(byId).toEqual(byPlace);
    expect(byId).toMatchObject({ id: ids[0], eventType: "note", text: "" });
    const listed = async (
      filter: Parameters<typeof create<typeof FilterSchema>>[1],
      order: ListMemoriesOrder = ListMemoriesOrder.UNSPECIFIED,
    ): Promise<number[]> => {
      const request = create(ListMemoriesRequestSchema, { module, filter: create(FilterSchema, filter), order });
      return (await given.store.listMemories(everything, request)).memories.map(({ position }) => Number(position));
    };
    expect(await listed({ sessionIds: ["s1"] })).toEqual([]);
    expect(await listed({ sources: ["pepys"] })).toEqual([2]);
    expect(await listed({ occurred: { since: { seconds: 0n } } }, ListMemoriesOrder.OCCURRED_ASCENDING)).toEqual([
      2, 3,
    ]);
    expect(await listed({ eventTypes: ["note"] })).toEqual([1, 2]);
    const limits = { eventsMax: 10, bytesMax: 100_000 };
    const filter = create(FilterSchema, { sessionIds: ["s1"] });
    const { events, through } = await given.store.log.read(everything, module, 0, limits, filter);
    expect([events.map(({ body }) => body.value?.position), through]).toEqual([[3n], 3]);
  });

  test.each<[string, Selector, number[]]>([
    ["a session", { case: "sessionId", value: "s1" }, [1, 3]],
    ["a source", { case: "source", value: "evelyn" }, [2, 3]],
    ["the whole module", wholeModule, [1, 2, 3]],
  ])("F3: by %s, within the module alone; the log's own acts stay", async (_, selector, positions) => {
    const memories = [noteIn("s1"), noteIn("s2", "evelyn"), noteIn("s1", "evelyn")];
    const [{ module, forget }, other] = [await given.freshModule(memories), await given.freshModule(memories)];
    const frames = await forget(selector);
    const count = BigInt(positions.length);
    expect(frames.at(-1)).toMatchObject({
      found: count,
      forgotten: count,
      alreadyForgotten: 0n,
      missing: 0n,
      done: true,
    });
    expect(await given.forgottenOf(module)).toEqual(positions);
    expect(await given.forgottenOf(other.module)).toEqual([]);
    await forget({ case: "source", value: "cos" });
    await forget(wholeModule);
    await forget(wholeModule);
    const left = (await given.memoriesOf(module)).filter(({ forgottenAt }) => forgottenAt === undefined);
    expect(new Set(left.map(({ eventType }) => eventType))).toEqual(new Set(["cos.memory.forgotten"]));
  });

  test("a large selection goes batch by batch, each with its event and its entry in the audit, and keeps no session's name", async () => {
    const secret = "about somebody";
    const { module, forget } = await given.freshModule(upTo(1200).map(() => noteIn(secret)));
    given.announced.length = 0;
    const frames = await forget({ case: "sessionId", value: secret });
    expect(frames.map(({ forgotten, done }) => [forgotten, done])).toEqual([
      [500n, false],
      [1000n, false],
      [1200n, false],
      [1200n, true],
    ]);
    expect(given.announced.map(([name, { position }]) => [name, position])).toEqual(
      [1201, 1202, 1203].map((position) => [module, position]),
    );
    const entries = await given.auditOf(module);
    expect(entries).toMatchObject(
      [500, 500, 200].map((count, n) => ({
        principal: "owner",
        action: "memories.forgotten",
        details: {
          selector: "session",
          reason: "asked by the author",
          count: String(count),
          position: String(1201 + n),
        },
        request_id: "request-7",
      })),
    );
    expect(JSON.stringify(entries)).not.toContain(secret);
    const head = (await given.store.log.heads()).find((each) => each.module === module);
    expect(head).toMatchObject({ position: 1203, forgetting: 1203 });
    expect(given.announced.at(-1)?.[1].event.body.value).toMatchObject({
      position: 1203n,
      eventType: "cos.memory.forgotten",
    });
  });

  test("a sparse source in a large module is found span by span", async () => {
    const memories = upTo(21_000).map(
      (n): Parameters<typeof someMemory> => [{ source: n % 7000 === 1 ? "rare" : "common", text: "x" }],
    );
    const { module, forget } = await given.freshModule(memories);
    expect((await forget({ case: "source", value: "rare" })).at(-1)).toMatchObject({ found: 3n, forgotten: 3n });
    const { rows } = await given.client.query(
      "select position::int from mem0_cc.memory where module = $1 and forgotten_at is not null order by 1",
      [module],
    );
    expect(rows.map(({ position }) => position)).toEqual([1, 7001, 14_001]);
  });

  test("a dry run counts, and changes nothing", async () => {
    const { module, ids, forget } = await given.freshModule([[], []]);
    await forget({ case: "ids", value: { $typeName: "cos.conductor.v1.MemoryIds", ids: ids.slice(0, 1) } });
    const before = await given.memoriesOf(module);
    expect(await forget(wholeModule, { dryRun: true })).toMatchObject([
      { found: 1n, forgotten: 0n, done: true, highwayCleared: false },
    ]);
    expect(await given.memoriesOf(module)).toEqual(before);
    expect((await given.auditOf(module)).length).toBe(1);
  });

  test("F5: nothing to forget: one frame, no event, no entry; a repeat finds nothing", async () => {
    const { module, forget } = await given.freshModule();
    expect(await forget(wholeModule)).toMatchObject([{ found: 0n, forgotten: 0n, done: true, highwayCleared: true }]);
    await given.store.record(everything, someMemory({ module }));
    await forget(wholeModule);
    expect(await forget(wholeModule)).toMatchObject([{ found: 0n, forgotten: 0n, done: true }]);
    expect((await given.memoriesOf(module)).length).toBe(2);
    expect((await given.auditOf(module)).length).toBe(1);
  });
});
