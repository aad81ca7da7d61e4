import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { Client as Postgres } from "pg";
import {
  ListMemoriesRequestSchema,
  RecordMemoryRequestSchema,
  SubscribeRequestSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { CursorFaultsSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemorySchema, type MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { detailOf } from "#shared/rpc/error-reason.ts";
import { type Mesh, type MeshClient, openMesh } from "#tests/support/mesh.ts";
import { type Refusal, refusalOf, sendOverConnect, sendOverGrpc } from "#tests/support/mesh-refusal.ts";

jest.setTimeout(30_000);

const SERVICE = "cos.conductor.v1.ConductorService";
const GOOD = { module: "cc", eventType: "note", source: "me", text: "Up betimes" };
const MIB = 1024 * 1024;

let mesh: Mesh;
let client: MeshClient;
beforeAll(async () => {
  mesh = await openMesh();
  client = mesh.client();
});
afterAll(() => mesh.stop());

const invalid = (...fields: string[]): Refusal => ({ code: "InvalidArgument", reason: "INVALID_FIELD", fields });

async function head(module = "cc"): Promise<number> {
  return Number((await client.modules.getModule({ name: module })).module?.head?.position);
}

type MemoryInit = NonNullable<MessageInitShape<typeof RecordMemoryRequestSchema>["memory"]>;

/** A memory that is at fault, as a message, and as JSON where that is another thing. */
interface Row {
  readonly given: string;
  readonly message: MemoryInit;
  readonly json?: Record<string, unknown>;
  readonly answer: Refusal;
}

const seconds = (year: number) => BigInt(Math.floor(new Date(Date.UTC(2000, 0, 1)).setUTCFullYear(year) / 1000));

const ROWS: readonly Row[] = [
  { given: "an empty memory", message: { ...GOOD, text: "" }, answer: invalid("memory.text") },
  {
    given: "an event type of the log's own",
    message: { ...GOOD, eventType: "cos.memory.forgotten" },
    answer: invalid("memory.event_type"),
  },
  {
    given: "an event type with capitals and spaces",
    message: { ...GOOD, eventType: "Not A Type" },
    answer: invalid("memory.event_type"),
  },
  {
    given: "an unknown module",
    message: { ...GOOD, module: "nobody" },
    answer: { code: "NotFound", reason: "MODULE_NOT_FOUND", fields: ["memory.module"] },
  },
  { given: "a text over 1 MiB", message: { ...GOOD, text: "x".repeat(MIB + 1) }, answer: invalid("memory.text") },
  { given: "a NUL in the text", message: { ...GOOD, text: "a\0b" }, answer: invalid("memory.text") },
  {
    given: "a NUL in the payload",
    message: { ...GOOD, payload: { a: { b: "\0" } } },
    answer: invalid("memory.payload.a.b"),
  },
  { given: "a bad UUID", message: { ...GOOD, causationId: "not-a-uuid" }, answer: invalid("memory.causation_id") },
  {
    given: "year 0",
    message: { ...GOOD, occurredAt: { seconds: seconds(0) } },
    json: { ...GOOD, occurredAt: "0000-01-01T00:00:00Z" },
    answer: invalid("memory.occurred_at"),
  },
  {
    given: "year 10000",
    message: { ...GOOD, occurredAt: { seconds: seconds(10_000) } },
    json: { ...GOOD, occurredAt: "10000-01-01T00:00:00Z" },
    answer: invalid("memory.occurred_at"),
  },
  {
    given: "65 tags",
    message: { ...GOOD, tags: Array.from({ length: 65 }, (_, n) => `tag-${n}`) },
    answer: invalid("memory.tags"),
  },
  {
    given: "a payload over 64 KiB",
    message: { ...GOOD, payload: { a: "x".repeat(64 * 1024) } },
    answer: invalid("memory.payload"),
  },
];

describe("a memory at fault is refused by its field, nothing is written, others in the same commit are unharmed", () => {
  test.each(ROWS)("$given", async ({ message, json = message, answer }) => {
    const before = await head();
    const bytes = toBinary(RecordMemoryRequestSchema, create(RecordMemoryRequestSchema, { memory: message }));
    const [overGrpc, overConnect, ...good] = await Promise.all([
      sendOverGrpc(mesh, `${SERVICE}/RecordMemory`, bytes),
      sendOverConnect(mesh, `${SERVICE}/RecordMemory`, JSON.stringify({ memory: json })),
      ...Array.from({ length: 8 }, () => client.conductor.recordMemory({ memory: GOOD })),
    ]);
    expect({ overGrpc, overConnect }).toEqual({ overGrpc: answer, overConnect: answer });
    const positions = good.map(({ cursor }) => Number(cursor?.position)).sort((a, b) => a - b);
    expect(positions).toEqual(Array.from({ length: 8 }, (_, n) => before + 1 + n));
    await expect(head()).resolves.toBe(before + 8);
  });
});

describe("what is no message of the call is refused", () => {
  const malformed: Refusal = { code: "InvalidArgument", reason: "MALFORMED_MESSAGE", fields: [] };

  test("malformed JSON", async () => {
    await expect(sendOverConnect(mesh, `${SERVICE}/RecordMemory`, '{"memory":')).resolves.toEqual(malformed);
  });

  test("malformed protobuf", async () => {
    const bytes = Uint8Array.of(0xff, 0xff, 0xff, 0xff);
    await expect(sendOverGrpc(mesh, `${SERVICE}/RecordMemory`, bytes)).resolves.toEqual(malformed);
  });

  test("an unknown enum: by number in both, by name in JSON", async () => {
    const memory = GOOD;
    const request = create(RecordMemoryRequestSchema, { memory: create(MemorySchema, memory) });
    const bytes = toBinary(RecordMemoryRequestSchema, { ...request, view: 77 as MemoryView });
    const answers = await Promise.all([
      sendOverGrpc(mesh, `${SERVICE}/RecordMemory`, bytes),
      sendOverConnect(mesh, `${SERVICE}/RecordMemory`, JSON.stringify({ memory, view: 77 })),
      sendOverConnect(mesh, `${SERVICE}/RecordMemory`, JSON.stringify({ memory, view: "MEMORY_VIEW_ALL" })),
    ]);
    expect(answers).toEqual([invalid("view"), invalid("view"), invalid("view")]);
  });
});

describe("idempotency keys", () => {
  test("the same content is answered as the first time, other content is refused", async () => {
    const request = { memory: GOOD, idempotencyKey: "twice" };
    const first = await client.conductor.recordMemory(request);
    const second = await client.conductor.recordMemory(request);
    expect([first.deduplicated, second.deduplicated]).toEqual([false, true]);
    expect(second.memory).toEqual(first.memory);
    const before = await head();
    const other = { memory: { ...GOOD, text: "other" }, idempotencyKey: "twice" };
    const answer = { code: "AlreadyExists", reason: "IDEMPOTENCY_KEY_REUSED", fields: ["idempotency_key"] };
    const bytes = toBinary(RecordMemoryRequestSchema, create(RecordMemoryRequestSchema, other));
    await expect(sendOverGrpc(mesh, `${SERVICE}/RecordMemory`, bytes)).resolves.toEqual(answer);
    await expect(sendOverConnect(mesh, `${SERVICE}/RecordMemory`, JSON.stringify(other))).resolves.toEqual(answer);
    await expect(head()).resolves.toBe(before);
  });

  test("at once from 50 callers, and twice in one batch, it is one memory", async () => {
    const before = await head();
    const request = { memory: GOOD, idempotencyKey: "from-fifty" };
    const answers = await Promise.all(Array.from({ length: 50 }, () => client.conductor.recordMemory(request)));
    expect(new Set(answers.map(({ memory }) => memory?.id)).size).toBe(1);
    expect(answers.filter(({ deduplicated }) => !deduplicated)).toHaveLength(1);
    const twice = { memory: GOOD, idempotencyKey: "in-one-batch" };
    const { responses } = await client.conductor.batchRecordMemories({ requests: [twice, twice] });
    expect(responses.map(({ cursor }) => Number(cursor?.position))).toEqual([before + 2, before + 2]);
    await expect(head()).resolves.toBe(before + 2);
  });

  test("a batch with one fault is refused whole, by the item's path", async () => {
    const before = await head();
    const requests = [{ memory: GOOD }, { memory: { ...GOOD, text: "" } }];
    const answer = invalid("requests[1].memory.text");
    const failed = client.conductor.batchRecordMemories({ requests }).catch((error) => refusalOf(error));
    await expect(failed).resolves.toEqual(answer);
    const json = JSON.stringify({ requests });
    await expect(sendOverConnect(mesh, `${SERVICE}/BatchRecordMemories`, json)).resolves.toEqual(answer);
    await expect(head()).resolves.toBe(before);
  });
});

describe("places that cannot be gone on from", () => {
  /** The refusal of a subscription, over both. */
  async function subscribeOverBoth(request: MessageInitShape<typeof SubscribeRequestSchema>, json: object) {
    const bytes = toBinary(SubscribeRequestSchema, create(SubscribeRequestSchema, request));
    return [
      await sendOverGrpc(mesh, `${SERVICE}/Subscribe`, bytes),
      await sendOverConnect(mesh, `${SERVICE}/Subscribe`, JSON.stringify(json), true),
    ];
  }

  async function failureOf(request: MessageInitShape<typeof SubscribeRequestSchema>): Promise<ConnectError> {
    try {
      for await (const _ of client.conductor.subscribe(request)) break;
    } catch (error) {
      return ConnectError.from(error);
    }
    throw new Error("the subscription was accepted");
  }

  /** Subscribes and leaves with the first frame. */
  async function startOf(request: MessageInitShape<typeof SubscribeRequestSchema>): Promise<number> {
    const leaving = new AbortController();
    for await (const { frame } of client.conductor.subscribe(request, { signal: leaving.signal })) {
      leaving.abort();
      if (frame.case === "started") return Number(frame.value.progress[0]?.cursor?.position);
    }
    throw new Error("no first frame");
  }

  test("a cursor above the head: OUT_OF_RANGE, with where to go on", async () => {
    const { cursor } = await client.conductor.recordMemory({ memory: GOOD });
    const above = { module: "cc", position: (cursor?.position ?? 0n) + 5n, epoch: cursor?.epoch ?? "" };
    const answer = { code: "OutOfRange", reason: "CURSOR_ABOVE_HEAD", fields: [] };
    const json = { cursors: [{ ...above, position: String(above.position) }] };
    await expect(subscribeOverBoth({ cursors: [above] }, json)).resolves.toEqual([answer, answer]);
    const faults = detailOf(await failureOf({ cursors: [above] }), CursorFaultsSchema);
    expect(faults?.faults[0]).toMatchObject({ given: above, resumeAt: { position: cursor?.position } });
    await expect(startOf({ resumeToken: faults?.resumeToken ?? "" })).resolves.toBe(Number(cursor?.position));
  });

  test("a garbage resume token: INVALID_ARGUMENT", async () => {
    const answer = { code: "InvalidArgument", reason: "RESUME_TOKEN_INVALID", fields: ["resume_token"] };
    const request = { resumeToken: "garbage" };
    await expect(subscribeOverBoth(request, request)).resolves.toEqual([answer, answer]);
  });

  test("a garbage page token, and one of another filter: INVALID_ARGUMENT", async () => {
    const { nextPageToken } = await client.conductor.listMemories({ pageSize: 1 });
    expect(nextPageToken).not.toBe("");
    for (const request of [{ pageToken: "garbage" }, { pageToken: nextPageToken, filter: { tags: ["diary"] } }]) {
      const bytes = toBinary(ListMemoriesRequestSchema, create(ListMemoriesRequestSchema, request));
      const answers = await Promise.all([
        sendOverGrpc(mesh, `${SERVICE}/ListMemories`, bytes),
        sendOverConnect(mesh, `${SERVICE}/ListMemories`, JSON.stringify(request)),
      ]);
      for (const { code, reason } of answers) {
        expect({ code, reason }).toEqual({ code: "InvalidArgument", reason: "PAGE_TOKEN_INVALID" });
      }
    }
  });

  test("H3: a cursor of an older epoch is good up to the fork, above it DATA_LOSS with where to go on", async () => {
    const { cursor } = await client.conductor.recordMemory({ memory: GOOD });
    const last = cursor as NonNullable<typeof cursor>;
    await mesh.conductor.stop();
    await loseLastMemory(mesh.postgresUrl);
    await mesh.restart();
    const fork = last.position - 1n;
    const refused = await failureOf({ cursors: [last] });
    expect(refusalOf(refused)).toEqual({ code: "DataLoss", reason: "CURSOR_PAST_FORK", fields: [] });
    const faults = detailOf(refused, CursorFaultsSchema);
    expect(faults?.faults[0]).toMatchObject({ given: last, resumeAt: { module: "cc", position: fork } });
    await expect(startOf({ cursors: [{ ...last, position: fork }] })).resolves.toBe(Number(fork));
    await expect(startOf({ resumeToken: faults?.resumeToken ?? "" })).resolves.toBe(Number(fork));
  });
});

/** What a restore from an older backup onto another server does to the log: its end is gone, and so is the identity. */
async function loseLastMemory(url: string): Promise<void> {
  const postgres = new Postgres({ connectionString: url });
  await postgres.connect();
  try {
    await postgres.query(`begin;
      delete from mem0_cc.memory m using mem0_cc.head h where m.module = 'cc' and h.module = 'cc' and m.position = h.position;
      update mem0_cc.head set position = position - 1 where module = 'cc';
      update mem0_cc.epoch set system_identifier = '42';
      commit`);
  } finally {
    await postgres.end();
  }
}
