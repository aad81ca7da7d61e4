import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { Client } from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { ListMemoriesOrder, ListMemoriesRequestSchema } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { FilterSchema } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { logEntities, logSchema } from "#services/conductor/store/entities.ts";
import { listMemories } from "#services/conductor/store/list-memories.ts";
import { logMigrations } from "#services/conductor/store/migrations/log-migrations.ts";
import { plannerSettings } from "#services/conductor/store/planner-settings.ts";
import { localScope, scopeOf } from "#shared/auth/scope.ts";
import { encodePageToken } from "#shared/paging/page-token.ts";
import { openPostgres, type Postgres } from "#shared/postgres/open-postgres.ts";
import { someMemory } from "#tests/unit/conductor/some-memory.ts";
import { openTestStore, silent, type TestStore } from "./open-test-store.ts";

const everything = localScope();
const count = 240;
let given: TestStore;
let postgres: Postgres;

type Request = Exclude<MessageInitShape<typeof ListMemoriesRequestSchema>, { $typeName: string }>;
type FilterInit = MessageInitShape<typeof FilterSchema>;

const sessionOf = (n: number) => (n % 10 === 0 ? "rare" : n % 3 === 0 ? "third" : "");
/** Scrambled, with repeats, so that the order of happening is not that of recording. */
const occurredOf = (n: number) => BigInt((n * 7919) % 97);

beforeAll(async () => {
  given = await openTestStore();
  postgres = await openPostgres({
    url: given.url,
    applicationName: "lists",
    entities: logEntities,
    schema: logSchema,
    migrations: logMigrations,
    log: silent,
  });
  const memories = Array.from({ length: count }, (_, at) => at + 1).map((n) =>
    someMemory({
      eventType: n % 2 === 0 ? "note" : "diary.entry",
      sessionId: sessionOf(n),
      tags: n % 5 === 0 ? ["fifth"] : [],
      occurredAt: { seconds: occurredOf(n) },
    }),
  );
  await given.store.recordAtomic(everything, memories);
  await spreadTimes(given.client);
}, 20_000);
afterAll(async () => {
  await postgres.close();
  await given.close();
});

/** The memory at position n was recorded at the n-th second of the epoch. */
const spreadTimes = (client: Client) =>
  client.query("update mem0_cc.memory set recorded_at = timestamptz 'epoch' + position * interval '1 second'");

/** All pages, one after the other; also how many there were. */
async function listAll(request: Request, scanMax = 10_000): Promise<{ positions: number[]; pages: number }> {
  const positions: number[] = [];
  let pages = 0;
  let pageToken = "";
  do {
    const message = create(ListMemoriesRequestSchema, { ...request, pageToken });
    const page = await listMemories(postgres, everything, message, { scanMax });
    positions.push(...page.memories.map(({ position }) => Number(position)));
    pageToken = page.nextPageToken;
    pages += 1;
  } while (pageToken !== "");
  return { positions, pages };
}

interface Row {
  n: number;
  occurred: bigint;
}
const rows: Row[] = Array.from({ length: count }, (_, at) => ({ n: at + 1, occurred: occurredOf(at + 1) }));
const byTime = (a: Row, b: Row) => Number(a.occurred - b.occurred) || a.n - b.n;
const sorted: Record<number, Row[]> = {
  [ListMemoriesOrder.RECORDED_ASCENDING]: rows,
  [ListMemoriesOrder.RECORDED_DESCENDING]: rows.toReversed(),
  [ListMemoriesOrder.OCCURRED_ASCENDING]: rows.toSorted(byTime),
  [ListMemoriesOrder.OCCURRED_DESCENDING]: rows.toSorted(byTime).toReversed(),
};

const filters: { filter: FilterInit; wanted: (row: Row) => boolean }[] = [
  { filter: {}, wanted: () => true },
  { filter: { eventTypes: ["diary.*"] }, wanted: ({ n }) => n % 2 === 1 },
  { filter: { sessionIds: ["rare"] }, wanted: ({ n }) => sessionOf(n) === "rare" },
  { filter: { sessionIds: ["third", "rare", "none"] }, wanted: ({ n }) => sessionOf(n) !== "" },
  { filter: { sessionIds: ["third"], tags: ["fifth"] }, wanted: ({ n }) => sessionOf(n) === "third" && n % 5 === 0 },
  {
    filter: { occurred: { since: { seconds: 20n }, until: { seconds: 60n } } },
    wanted: ({ occurred }) => occurred >= 20n && occurred < 60n,
  },
  { filter: { occurred: { until: { seconds: 5n } } }, wanted: ({ occurred }) => occurred < 5n },
  {
    filter: { recorded: { since: { seconds: 50n }, until: { seconds: 100n } } },
    wanted: ({ n }) => n >= 50 && n < 100,
  },
  {
    filter: { recorded: { since: { seconds: 101n } }, sessionIds: ["rare"], occurred: { since: { seconds: 10n } } },
    wanted: ({ n, occurred }) => n >= 101 && sessionOf(n) === "rare" && occurred >= 10n,
  },
];

describe("lists", () => {
  test("every filter, order, size of page and budget of a scan gives the same memories in the same order", async () => {
    const orders = Object.keys(sorted).map(Number) as ListMemoriesOrder[];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...filters),
        fc.constantFrom(...orders),
        fc.integer({ min: 5, max: 300 }),
        fc.constantFrom(13, 60, 10_000),
        async ({ filter, wanted }, order, pageSize, scanMax) => {
          const { positions } = await listAll({ filter, order, pageSize }, scanMax);
          expect(positions).toEqual(sorted[order]?.filter(wanted).map(({ n }) => n));
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);

  test("unset, the order is that of recording and a page has 50; over 1,000 is 1,000", async () => {
    const { positions, pages } = await listAll({});
    expect([positions.length, pages]).toEqual([count, 5]);
    expect((await listAll({ pageSize: 2_000_000_000 })).pages).toBe(1);
  });

  test("a page that looks at its budget and finds little is short, and has a token", async () => {
    const message = create(ListMemoriesRequestSchema, { filter: { tags: ["fifth"] } });
    const page = await listMemories(postgres, everything, message, { scanMax: 12 });
    expect(page.memories.map(({ position }) => Number(position))).toEqual([5, 10]);
    expect(page.nextPageToken).not.toBe("");
  });

  test("pages are stable: what is recorded meanwhile comes at the end", async () => {
    const own = await openTestStore();
    await own.store.recordAtomic(everything, [someMemory(), someMemory(), someMemory()]);
    const first = await own.store.listMemories(everything, create(ListMemoriesRequestSchema, { pageSize: 2 }));
    await own.store.record(everything, someMemory());
    const { nextPageToken: pageToken } = first;
    const rest = await own.store.listMemories(everything, create(ListMemoriesRequestSchema, { pageToken }));
    expect(rest.memories.map(({ position }) => Number(position))).toEqual([3, 4]);
    expect(rest.nextPageToken).toBe("");
    await own.close();
  });

  test("a page ends at 2 MiB, with at least one memory; without the large fields it need not", async () => {
    const own = await openTestStore();
    const large = Array.from({ length: 5 }, () => someMemory({ text: "x".repeat(900_000) }));
    await own.store.recordAtomic(everything, large);
    const list = (view: MemoryView, pageToken = "") =>
      own.store.listMemories(everything, create(ListMemoriesRequestSchema, { view, pageToken }));
    const first = await list(MemoryView.FULL);
    expect(first.memories).toHaveLength(2);
    expect((await list(MemoryView.FULL, first.nextPageToken)).memories.map(({ position }) => position)).toEqual([
      3n,
      4n,
    ]);
    const basic = await list(MemoryView.BASIC);
    expect(basic.memories.map(({ text }) => text)).toEqual(["", "", "", "", ""]);
    expect(basic.nextPageToken).toBe("");
    await own.close();
  });

  test("a token belongs to its module, filter and order; page size and view may change", async () => {
    const list = (request: Request) => given.store.listMemories(everything, create(ListMemoriesRequestSchema, request));
    const { nextPageToken: pageToken } = await list({ pageSize: 2 });
    const refused = { reason: ErrorReason.PAGE_TOKEN_INVALID };
    await expect(list({ pageToken, filter: { tags: ["fifth"] } })).rejects.toMatchObject(refused);
    await expect(list({ pageToken, order: ListMemoriesOrder.OCCURRED_ASCENDING })).rejects.toMatchObject(refused);
    await expect(list({ pageToken, module: "other" })).rejects.toMatchObject(refused);
    await expect(list({ pageToken: "garbage" })).rejects.toMatchObject(refused);
    const same = {
      pageToken,
      pageSize: 3,
      view: MemoryView.BASIC,
      module: "cc",
      order: ListMemoriesOrder.RECORDED_ASCENDING,
    };
    expect((await list(same)).memories.map(({ position }) => position)).toEqual([3n, 4n, 5n]);
  });

  test("a token whose key was made up is refused", async () => {
    const list = (request: Request) => given.store.listMemories(everything, create(ListMemoriesRequestSchema, request));
    const order = ListMemoriesOrder.OCCURRED_ASCENDING;
    const { nextPageToken } = await list({ order, pageSize: 1 });
    const [version, fingerprint] = JSON.parse(Buffer.from(nextPageToken, "base64url").toString().slice(8));
    expect(version).toBe("1");
    for (const key of [["7"], ["NaN", "7"], ["7", "x"], ["7", "-99999999999999999"], ["1e300", "0"]]) {
      const pageToken = encodePageToken(fingerprint, key);
      await expect(list({ order, pageSize: 1, pageToken })).rejects.toMatchObject({
        reason: ErrorReason.PAGE_TOKEN_INVALID,
      });
    }
    await expect(list({ order, pageSize: 1, pageToken: nextPageToken })).resolves.toBeDefined();
  });

  test("a module that is unknown, or not to be seen, is not found", async () => {
    const missing = { reason: ErrorReason.MODULE_NOT_FOUND };
    const list = (module: string) => create(ListMemoriesRequestSchema, { module });
    await expect(given.store.listMemories(everything, list("nowhere"))).rejects.toMatchObject(missing);
    await expect(given.store.listMemories(scopeOf(["other"]), list("cc"))).rejects.toMatchObject(missing);
  });

  test.each([
    ["recorded", ListMemoriesOrder.RECORDED_ASCENDING],
    ["occurred", ListMemoriesOrder.OCCURRED_ASCENDING],
  ] as const)(
    "ten thousand memories in the order %s, a hundred pages of one at either end: each once, in order",
    async (_, order) => {
      const own = await openTestStore();
      await own.client.query(
        `insert into mem0_cc.memory (module, position, id, event_type, source, text, occurred_at, recorded_at, size)
       select 'cc', n, gen_random_uuid(), 'note', 'test', 'x', timestamptz 'epoch' + n * interval '1 hour', now(), 100
       from generate_series(1, 10000) n`,
      );
      await own.client.query("update mem0_cc.head set position = 10000 where module = 'cc'");
      const positions: number[] = [];
      let pageToken = "";
      do {
        const pageSize = positions.length < 100 || positions.length >= 9900 ? 1 : 700;
        const request = create(ListMemoriesRequestSchema, { order, pageSize, pageToken, view: MemoryView.BASIC });
        const page = await own.store.listMemories(everything, request);
        positions.push(...page.memories.map(({ position }) => Number(position)));
        pageToken = page.nextPageToken;
      } while (pageToken !== "");
      expect(positions).toEqual(Array.from({ length: 10_000 }, (_, at) => at + 1));
      await own.close();
    },
  );

  test.each([
    ["recorded", ListMemoriesOrder.RECORDED_DESCENDING, "memory_pkey"],
    ["occurred", ListMemoriesOrder.OCCURRED_DESCENDING, "memory_module_occurred"],
  ] as const)(
    "in the order %s a page walks the index of that order, however old the statistics are",
    async (_, order, index) => {
      const own = await openTestStore();
      await own.client.query("analyze mem0_cc.memory");
      await own.client.query(
        `insert into mem0_cc.memory (module, position, id, event_type, source, text, occurred_at, recorded_at, size)
       select 'cc', n, gen_random_uuid(), 'note', 'test', 'x', timestamptz 'epoch' + n * interval '1 hour', now(), 100
       from generate_series(1, 20000) n`,
      );
      await own.client.query("update mem0_cc.head set position = 20000 where module = 'cc'");
      const sent = jest.spyOn(Client.prototype, "query");
      const page = await own.store.listMemories(everything, create(ListMemoriesRequestSchema, { order }));
      const queries = sent.mock.calls.map(([query]) => query as unknown as { text?: string; values: unknown[] });
      sent.mockRestore();
      expect(page.memories[0]?.position).toBe(20_000n);
      const { text, values } = queries.find((query) => query.text?.includes("with page"))!;
      for (const [name, value] of Object.entries(plannerSettings)) await own.client.query(`set ${name} = ${value}`);
      const { rows } = await own.client.query(`explain ${text}`, values);
      const plan = rows.map((row) => row["QUERY PLAN"] as string).join("\n");
      expect(plan).toMatch(
        new RegExp(`Limit[^\n]*\n *->  (?:Index|Subquery)[^]*Index Scan Backward using ${index} on memory m`),
      );
      await own.close();
    },
  );
});
