import { setImmediate as turn } from "node:timers/promises";
import { create } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import { describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import {
  BatchRecordMemoriesRequestSchema,
  RecordMemoriesRequestSchema,
  type RecordMemoryRequest,
  RecordMemoryRequestSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { AcceptedMemory } from "#services/conductor/domain/accepted-memory.ts";
import { batchRecordMemories } from "#services/conductor/handlers/batch-record-memories.ts";
import { recordMemories } from "#services/conductor/handlers/record-memories.ts";
import { recordMemory } from "#services/conductor/handlers/record-memory.ts";
import type { Recorded } from "#services/conductor/store/group-commit.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { localScope } from "#shared/auth/scope.ts";
import { CosError } from "#shared/errors/cos-error.ts";

const call: CallContext = {
  requestId: "request-1",
  traceId: "",
  traceparent: "",
  access: localAccess(),
  scope: localScope(),
  signal: new AbortController().signal,
  deadlineMs: Number.POSITIVE_INFINITY,
};

const note = (text: string, view: MemoryView = MemoryView.UNSPECIFIED): RecordMemoryRequest =>
  create(RecordMemoryRequestSchema, { memory: { module: "cc", eventType: "note", source: "me", text }, view });

/** A log that gives positions from 1. */
function fakeStore() {
  let position = 0;
  const place = ({ module, memory }: AcceptedMemory): Recorded => {
    position += 1;
    return { memory, module, position, epoch: "e1", deduplicated: false };
  };
  return {
    record: jest.fn(async (_: unknown, accepted: AcceptedMemory) => place(accepted)),
    recordAtomic: jest.fn(async (_: unknown, accepted: readonly AcceptedMemory[]) => accepted.map(place)),
  };
}

describe("recordMemory", () => {
  test("answers with the whole memory and its cursor, under the call's request id", async () => {
    const answer = await recordMemory(fakeStore())(note("hello"), call);
    expect(answer).toMatchObject({
      memory: { text: "hello", requestId: "request-1" },
      cursor: { module: "cc", position: 1n, epoch: "e1" },
      deduplicated: false,
    });
  });

  test("BASIC leaves the text out", async () => {
    expect(await recordMemory(fakeStore())(note("hello", MemoryView.BASIC), call)).toMatchObject({
      memory: { text: "", source: "me" },
    });
  });

  test("what is refused is not recorded", async () => {
    const store = fakeStore();
    await expect(recordMemory(store)(note(""), call)).rejects.toMatchObject({ reasonName: "INVALID_FIELD" });
    expect(store.record).not.toHaveBeenCalled();
  });
});

describe("batchRecordMemories", () => {
  test("answers each in order, BASIC unless FULL is asked for", async () => {
    const request = create(BatchRecordMemoriesRequestSchema, { requests: [note("a"), note("b", MemoryView.FULL)] });
    expect(await batchRecordMemories(fakeStore())(request, call)).toMatchObject({
      responses: [{ memory: { text: "" }, cursor: { position: 1n } }, { memory: { text: "b" } }],
    });
  });

  test("one fault refuses all and names the item", async () => {
    const store = fakeStore();
    const request = create(BatchRecordMemoriesRequestSchema, { requests: [note("a"), note("")] });
    await expect(batchRecordMemories(store)(request, call)).rejects.toMatchObject({
      fields: [{ field: "requests[1].memory.text" }],
    });
    expect(store.recordAtomic).not.toHaveBeenCalled();
  });
});

describe("recordMemories", () => {
  async function run(store: ReturnType<typeof fakeStore>, messages: RecordMemoryRequest[][], onFault = jest.fn()) {
    async function* input() {
      for (const requests of messages) yield create(RecordMemoriesRequestSchema, { requests });
    }
    const handler = recordMemories({ store, validate: () => [], onFault });
    return Array.fromAsync(handler(input(), call));
  }

  test("each message is answered, its items in order, with the index of its first", async () => {
    const answers = await run(fakeStore(), [[note("a"), note("b")], [note("c", MemoryView.FULL)]]);
    expect(answers).toMatchObject([
      {
        firstIndex: 0n,
        results: [{ outcome: { value: { memory: { text: "" } } } }, { outcome: { case: "recorded" } }],
      },
      { firstIndex: 2n, results: [{ outcome: { value: { memory: { text: "c" } } } }] },
    ]);
  });

  test("what one stream sends is one sequence of the log", async () => {
    const store = fakeStore();
    await run(store, [[note("a"), note("b")], [note("c")]]);
    const sequences = store.record.mock.calls.map((args) => (args as unknown[])[2]);
    expect(sequences).toEqual([call, call, call]);
  });

  test.each([
    ["texts", 1, { eventType: "note", source: "me", text: "x".repeat(1024 * 1024) }],
    ["prompt traces", 1, { eventType: "note", source: "me", promptTrace: { prompt: "x".repeat(1024 * 1024) } }],
    ["payloads", 18, { eventType: "note", source: "me", text: "x", payload: { a: "x".repeat(60_000) } }],
  ])("no more is taken while the %s in hand come to 8 MiB", async (_, count, memory) => {
    const store = { record: jest.fn(() => new Promise<never>(() => undefined)) };
    let taken = 0;
    async function* input() {
      for (; taken < 100; taken += 1) {
        const requests = Array.from({ length: count }, () => create(RecordMemoryRequestSchema, { memory }));
        yield create(RecordMemoriesRequestSchema, { requests });
      }
    }
    const handler = recordMemories({ store, validate: () => [], onFault: () => undefined });
    void handler(input(), call)[Symbol.asyncIterator]().next();
    for (let n = 0; n < 50; n += 1) await turn();
    expect(taken).toBe(7);
  });

  test("no more is taken while 2,000 items are in hand, nor does an item without a memory weigh nothing", async () => {
    const store = { record: jest.fn(() => new Promise<never>(() => undefined)) };
    let taken = 0;
    async function* input() {
      for (; taken < 100; taken += 1) {
        const requests = Array.from({ length: 500 }, () => create(RecordMemoryRequestSchema));
        yield create(RecordMemoriesRequestSchema, { requests: [...requests, note("a")] });
      }
    }
    const handler = recordMemories({ store, validate: () => [], onFault: () => undefined });
    void handler(input(), call)[Symbol.asyncIterator]().next();
    for (let n = 0; n < 50; n += 1) await turn();
    expect(taken).toBe(3);
  });

  test("a faulty item gets its own refusal, and the stream goes on", async () => {
    const [answer] = await run(fakeStore(), [[note("a"), note(""), note("c")]]);
    expect(answer).toMatchObject({
      results: [
        { outcome: { case: "recorded" } },
        {
          outcome: {
            case: "fault",
            value: { code: Code.InvalidArgument, reason: "INVALID_FIELD", field: "memory.text" },
          },
        },
        { outcome: { case: "recorded" } },
      ],
    });
  });

  test("a refusal of the log is told with its code; a fault of ours with the request id alone", async () => {
    const store = fakeStore();
    const inside = new Error("inside story");
    store.record
      .mockRejectedValueOnce(new CosError(ErrorReason.ENGINE_UNAVAILABLE, "no answer", { retryAfterMs: 1500 }))
      .mockRejectedValueOnce(inside);
    const onFault = jest.fn();
    const [answer] = await run(store, [[note("a"), note("b")]], onFault);
    expect(answer).toMatchObject({
      results: [
        {
          outcome: {
            value: {
              code: Code.Unavailable,
              reason: "ENGINE_UNAVAILABLE",
              field: "",
              retryAfter: { seconds: 1n, nanos: 500_000_000 },
            },
          },
        },
        {
          outcome: {
            value: { code: Code.Internal, reason: "INTERNAL", message: "internal error; request id request-1" },
          },
        },
      ],
    });
    expect(onFault.mock.calls).toEqual([[call, inside]]);
  });
});
