import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { SearchMemoriesRequestSchema } from "#gen/cos/conductor/v1/search_pb.ts";
import type { SearchIndex } from "#services/conductor/domain/search-index.ts";
import { openSearch } from "#services/conductor/search/search-memories.ts";
import { localScope } from "#shared/auth/scope.ts";
import { postgresUnavailable } from "#shared/postgres/engine-error.ts";
import { openSearchable, type Searchable } from "./open-searchable.ts";
import { forgetAll, type Selector, someRequest } from "./some-forgetting.ts";

const limits = { memoriesMax: 1000, bytesMax: 1_000_000 };
const noWatch = { next: () => new Promise<never>(() => undefined) };
const clearHighway = async (): Promise<boolean> => true;

let given: Searchable;
beforeEach(async () => {
  given = await openSearchable();
});
afterEach(() => given.close());

const forget = (selector: Selector, module = "cc") =>
  forgetAll({ store: given.store, clearHighway }, someRequest(selector, { module }));

const count = async (text: string, values: unknown[] = []): Promise<number> =>
  Number((await given.client.query(`select count(*) from ${text}`, values)).rows[0].count);

describe("a wide scope", () => {
  /** Comets are rare, and water is everywhere. */
  const fill = async (): Promise<void> => {
    await given.record(
      ...Array.from({ length: 12 }, (_, n) => ({ text: `comet ${n}`, occurredAt: { seconds: 1n } })),
      ...Array.from({ length: 70 }, (_, n) => ({
        text: `water ${n}`,
        sessionId: n === 0 ? "well" : "",
        tags: [`t${n}`],
      })),
    );
    await given.index();
    await given.client.query("update mem0_cc.index_place set passages = 1000000, words = 9000000");
    await given.client.query("update mem0_cc.term set df = 600000 where lexeme = 'water'");
  };

  test("is looked through for the rarest words; common ones are followed where those find little, or a filter asks", async () => {
    await fill();
    const all = await given.find("comet water", { pageSize: 50 });
    expect(all).toHaveLength(12);
    expect(await given.find("comet water", { filter: { tags: ["t7"] } })).toEqual(["m:cc/20"]);
    expect(await given.find("comet water", { filter: { sessionIds: ["well"] } })).toEqual(["m:cc/13"]);
    const occurred = { since: { seconds: 2n } };
    expect(await given.find("comet water", { filter: { occurred }, pageSize: 50 })).toHaveLength(50);
    await given.client.query("delete from mem0_cc.passage where position < 10");
    expect((await given.find("comet water", { pageSize: 50 })).length).toBe(50);
  });

  test("what takes too long to follow is left, and what was found is answered", async () => {
    await fill();
    const { search: index } = given.store;
    const wanted: string[] = [];
    const slow: SearchIndex = {
      ...index,
      findCandidates: async (call, query, isNarrow) => {
        wanted.push(query.leading);
        if (wanted.length === 2) throw postgresUnavailable();
        if (wanted.length === 4) throw new Error("a fault of ours");
        return index.findCandidates(call, query, isNarrow);
      },
    };
    const search = openSearch({ index: slow, log: given.store.log, places: index.places, watch: noWatch });
    const call = { scope: localScope(), signal: new AbortController().signal, deadlineMs: Number.POSITIVE_INFINITY };
    const request = create(SearchMemoriesRequestSchema, { query: "comet water", filter: { eventTypes: ["note"] } });
    expect((await search(request, call)).hits).toHaveLength(10);
    await expect(search(request, call)).rejects.toThrow("a fault of ours");
    expect(wanted).toEqual(["'comet'", "'comet' | 'water'", "'comet'", "'comet' | 'water'"]);
  });
});

describe("corrections", () => {
  const addTrigrams = readFileSync(
    new URL("../../../services/conductor/store/migrations/add-trigrams.sql", import.meta.url),
    "utf8",
  );

  test("N2: are done without where the database lacks pg_trgm, and said to be; and come back with it, in whatever schema", async () => {
    await given.record({ text: "a comet" });
    await given.index();
    await given.client.query("drop extension pg_trgm cascade");
    const without = await given.search({ query: "commet" });
    expect(without).toMatchObject({ correctionsUnavailable: true, hits: [], terms: [{ correctedTo: "" }] });
    expect(await given.search({ query: "comet" })).toMatchObject({ correctionsUnavailable: false, hits: [{}] });
    await given.client.query('create schema "an other"; create extension pg_trgm schema "an other"');
    expect(await given.search({ query: "commet" })).toMatchObject({
      correctionsUnavailable: false,
      hits: [{ citation: "m:cc/1" }],
      terms: [{ correctedTo: "comet" }],
    });
    await given.client.query(addTrigrams);
    expect(await count("pg_indexes where indexname = 'term_trigrams'")).toBe(1);
  });

  test("a role that may not create extensions can migrate all the same", async () => {
    await given.client.query("drop extension pg_trgm cascade");
    const role = `plain_${process.pid}_${Date.now()}`;
    await given.client.query(`create role ${role}; grant usage on schema mem0_cc to ${role}; set role ${role}`);
    await given.client.query(addTrigrams);
    await given.client.query(`reset role; drop owned by ${role}; drop role ${role}`);
    expect(await count("pg_extension where extname = 'pg_trgm'")).toBe(0);
  });
});

test("a correction to a word that only forgotten memories hold is not told, while the index still has it", async () => {
  await given.record(
    { text: "the secret comet", sessionId: "s" },
    ...[1, 2].map((n) => ({ text: `a plain comet ${n}` })),
  );
  await given.index();
  const correctedTo = async (query: string) => (await given.search({ query })).terms.map((term) => term.correctedTo);
  expect(await correctedTo("sekret commet")).toEqual(["secret", "comet"]);
  await forget({ case: "sessionId", value: "s" });
  expect(await correctedTo("sekret commet")).toEqual(["", "comet"]);
  // Another word than those of the one hit that is shown is looked up, past what was forgotten.
  expect((await given.search({ query: "plain commet", pageSize: 1 })).terms[1]).toMatchObject({ correctedTo: "comet" });
});

describe("what takes too long", () => {
  const call = { scope: localScope(), signal: new AbortController().signal, deadlineMs: Number.POSITIVE_INFINITY };
  const searchWith = (changed: Partial<SearchIndex>, query: string) => {
    const { search: places, log } = given.store;
    const index = { ...places, ...changed };
    return openSearch({ index, log, places: places.places, watch: noWatch })(
      create(SearchMemoriesRequestSchema, { query }),
      call,
    );
  };
  const afterAll = async ({ endMs }: { endMs: number }): Promise<never> => {
    jest.spyOn(Date, "now").mockReturnValue(endMs);
    throw postgresUnavailable();
  };
  afterEach(() => {
    jest.restoreAllMocks();
  });

  test("of corrections is left: the search is answered without them, and says so", async () => {
    await given.record({ text: "comet" });
    await given.index();
    const asked: unknown[] = [];
    const nearLexemes: SearchIndex["nearLexemes"] = async ({ endMs }, _, lexemes) => {
      asked.push([endMs - Date.now() <= 300, lexemes]);
      throw postgresUnavailable();
    };
    const answer = await searchWith({ nearLexemes }, "comet plague fires");
    expect(answer).toMatchObject({ correctionsUnavailable: true, hits: [{ citation: "m:cc/1" }] });
    expect(asked).toEqual([[true, ["plagu", "fire"]]]);
    const defect = { nearLexemes: () => Promise.reject(new Error("a fault of ours")) };
    await expect(searchWith(defect, "plague")).rejects.toThrow("a fault of ours");
  });

  test("is told as the search's own weight, not as an engine that is away, and not to be sent again", async () => {
    await given.record({ text: "comet" });
    await given.index();
    await expect(searchWith({ findCandidates: afterAll }, "comet")).rejects.toMatchObject({
      reason: ErrorReason.QUOTA_EXCEEDED,
      message: expect.stringMatching(/^the search takes over 2 s/),
      retryAfterMs: undefined,
    });
    jest.restoreAllMocks();
    const unavailable = { reason: ErrorReason.ENGINE_UNAVAILABLE };
    await expect(searchWith({ readModules: afterAll }, "comet")).rejects.toMatchObject(unavailable);
    jest.restoreAllMocks();
    const away = { findCandidates: () => Promise.reject(postgresUnavailable()) };
    await expect(searchWith(away, "comet")).rejects.toMatchObject(unavailable);
  });
});

test("a module that appears while it is searched is read in English", async () => {
  await given.record({ text: "walking" });
  await given.index();
  const { search: index, log } = given.store;
  const renamed: SearchIndex = {
    ...index,
    readMemories: async (...asked) => {
      const answer = await index.readMemories(...asked);
      for (const { memory } of answer.shown) memory.module = "other";
      return answer;
    },
  };
  const call = { scope: localScope(), signal: new AbortController().signal, deadlineMs: Number.POSITIVE_INFINITY };
  const search = openSearch({ index: renamed, log, places: index.places, watch: noWatch });
  const { hits } = await search(create(SearchMemoriesRequestSchema, { query: "walked" }), call);
  expect(hits[0]?.highlights).toMatchObject([{ start: 0, end: 7 }]);
});

describe("at_least", () => {
  const soon = { marginMs: 0, waitMaxMs: 30_000 };

  test("P1: waits until the index has come there, of whichever module", async () => {
    const waiting = await openSearchable(soon);
    await waiting.registerModule("second");
    const recorded = await waiting.record({ text: "comet" }, { text: "another comet", module: "second" });
    const atLeast = recorded.map(({ memory, position, epoch }) => ({
      module: memory.module === "cc" ? "" : memory.module,
      position: BigInt(position),
      epoch,
    }));
    const answer = waiting.find("comet", { allModules: true, atLeast });
    await waiting.store.search.step({ ...limits, memoriesMax: 1 });
    await waiting.index();
    expect((await answer).sort()).toEqual(["m:cc/1", "m:second/1"]);
    await waiting.close();
  });

  test("P3: is given up before the deadline, with how far the index is behind", async () => {
    await given.record({ text: "comet" }, { text: "comet" });
    const behind = (position: bigint) =>
      given.search({ query: "comet", atLeast: [{ position }] }, { deadlineMs: Date.now() + 100 });
    await expect(behind(2n)).rejects.toMatchObject({
      reason: ErrorReason.PROJECTION_BEHIND,
      message: 'the search index of module "cc" is 2 positions behind',
    });
    await expect(behind(1n)).rejects.toMatchObject({ message: expect.stringMatching(/is 1 position behind/) });
    await expect(behind(0n)).resolves.toMatchObject({ hits: [] });
  });

  test("P2: what cannot come true is refused at once", async () => {
    const search = (...atLeast: { module?: string; position: bigint; epoch?: string }[]) =>
      given.search({ query: "comet", atLeast });
    await expect(search({ position: 1n })).rejects.toMatchObject({ reason: ErrorReason.CURSOR_ABOVE_HEAD });
    await expect(search({ position: 1n, epoch: "other" })).rejects.toMatchObject({
      reason: ErrorReason.CURSOR_PAST_FORK,
    });
    await expect(search({ module: "none", position: 0n })).rejects.toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
    });
    await expect(search({ position: 0n }, { module: "cc", position: 0n })).rejects.toMatchObject({
      fields: [{ field: "at_least[1].module" }],
    });
  });

  test("ends with its caller", async () => {
    await given.record({ text: "comet" });
    const controller = new AbortController();
    const call = { signal: controller.signal };
    const answer = given.search({ query: "comet", atLeast: [{ position: 1n }] }, call).catch((error: unknown) => error);
    controller.abort(new Error("gone"));
    expect(await answer).toMatchObject({ message: "gone" });
  });
});
