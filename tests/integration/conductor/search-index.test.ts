import { readFileSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { Client } from "pg";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { SearchMemoriesRequestSchema } from "#gen/cos/conductor/v1/search_pb.ts";
import type { SearchIndex } from "#services/conductor/domain/search-index.ts";
import { openSearch } from "#services/conductor/search/search-memories.ts";
import { indexMemories } from "#services/conductor/store/search/index-memories.ts";
import { localScope } from "#shared/auth/scope.ts";
import { postgresUnavailable } from "#shared/postgres/engine-error.ts";
import { openSearchable, type Searchable } from "./open-searchable.ts";
import { forgetAll, type Selector, someRequest, wholeModule } from "./some-forgetting.ts";

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

/** The index as it would be, made from nothing. */
async function rebuilt(): Promise<unknown[]> {
  await given.client.query("truncate mem0_cc.passage, mem0_cc.term, mem0_cc.index_place");
  await given.index();
  return given.dump();
}

describe("X2: a rebuild comes to the same", () => {
  const texts = [
    "plague and fire",
    "fire, fire! The city burns",
    "",
    "wine\n\nwater",
    Array(300).fill("long").join(" "),
  ];
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant("record" as const), texts: fc.array(fc.nat(4), { maxLength: 5 }) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ kind: fc.constant("index" as const), memoriesMax: fc.integer({ min: 1, max: 4 }) }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("forget" as const), session: fc.nat(2) }) },
  );

  test("after any history of recording, forgetting and indexing, in any batches", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (history) => {
        let n = 0;
        for (const act of history) {
          if (act.kind === "index") await given.store.search.step({ ...limits, memoriesMax: act.memoriesMax });
          else if (act.kind === "forget") await forget({ case: "sessionId", value: `s${act.session}` });
          else {
            const memories = act.texts.map((text, at) => ({
              text: texts[text] || "-",
              sessionId: `s${(n + at) % 3}`,
              source: `source ${(n + at) % 2}`,
            }));
            n += memories.length;
            if (memories.length > 0) await given.record(...memories);
          }
        }
        await given.index();
        const live = await given.dump();
        expect(await rebuilt()).toEqual(live);
        await forget(wholeModule);
        await given.index();
        expect((await given.dump()).slice(0, 2)).toEqual([[], []]);
      }),
      { numRuns: 25 },
    );
  }, 60_000);
});

describe("forgetting", () => {
  test("is obeyed at once, however far behind the index is; then its passages go, and the counts are given back", async () => {
    await given.record(
      { text: "a secret comet", sessionId: "s" },
      { text: "a plain comet" },
      { text: "more of the secret", sessionId: "s" },
    );
    await given.index();
    await forget({ case: "sessionId", value: "s" });
    expect(await given.find("secret")).toEqual([]);
    expect(await given.find("comet")).toEqual(["m:cc/2"]);
    expect(await count("mem0_cc.passage")).toBe(3);
    await given.index();
    expect(await count("mem0_cc.passage")).toBe(1);
    expect(await count("mem0_cc.term where lexeme = 'secret'")).toBe(0);
    const { terms } = await given.search({ query: "comet secret" });
    expect(terms.map(({ passages }) => passages)).toEqual([1n, 0n]);
  });

  test("before the index came to a memory, leaves nothing of it in the index", async () => {
    await given.record({ text: "a secret", sessionId: "s" });
    await forget({ case: "sessionId", value: "s" });
    await given.index();
    expect((await given.dump()).slice(0, 2)).toEqual([[], []]);
    expect(await given.store.search.places("all")).toEqual(new Map([["cc", 2]]));
  });

  test("a page whose hits were all forgotten is empty, and not the last", async () => {
    await given.record({ text: "comet one", sessionId: "s" }, { text: "comet two", sessionId: "t" });
    await given.index();
    await forget({ case: "sessionId", value: "t" });
    const { hits, nextPageToken } = await given.search({ query: "comet", pageSize: 1 });
    expect(hits).toEqual([]);
    expect(await given.find("comet", { pageSize: 1, pageToken: nextPageToken })).toEqual(["m:cc/1"]);
  });
});

describe("a step", () => {
  /** Another connection, in a transaction. */
  const another = async (): Promise<Client> => {
    const client = new Client({ connectionString: given.url });
    client.on("error", () => undefined);
    await client.connect();
    await client.query("begin");
    return client;
  };

  test("X1: is one process's at a time; the others find it taken, and take over as soon as that one is gone", async () => {
    await given.record({ text: "comet" });
    const other = await another();
    expect(await indexMemories(other, limits)).toMatchObject({ isElsewhere: false, passed: 1 });
    expect(await given.store.search.step(limits)).toMatchObject({ isElsewhere: true, passed: 0 });
    // One that is frozen is cut off by the server.
    const { rows } = await other.query("show idle_in_transaction_session_timeout");
    expect(rows).toEqual([{ idle_in_transaction_session_timeout: "3s" }]);
    await other.query("rollback");
    expect(await given.store.search.step(limits)).toMatchObject({ isElsewhere: false, passed: 1 });
    await other.end();
  });

  test("X2: of a process that is killed in the middle leaves nothing, and the next one does it once", async () => {
    await given.record({ text: "comet" }, { text: "another comet" });
    const other = await another();
    await indexMemories(other, limits);
    const { rows } = await other.query("select pg_backend_pid() as pid");
    await given.client.query("select pg_terminate_backend($1, 5000)", [rows[0].pid]);
    expect((await given.dump())[0]).toEqual([]);
    await given.index();
    const live = await given.dump();
    expect(await count("mem0_cc.passage")).toBe(2);
    expect(await rebuilt()).toEqual(live);
  });

  test("X1: that finds the place moved undoes itself", async () => {
    await given.record({ text: "comet" });
    await given.index();
    await given.record({ text: "another comet" });
    const other = await another();
    await other.query("update mem0_cc.index_place set position = 2");
    const failed = given.store.search.step(limits).catch((error: unknown) => error);
    while ((await count("pg_locks where not granted")) === 0);
    await other.query("commit");
    expect(await failed).toMatchObject({
      name: "StepFailed",
      module: "cc",
      cause: { cause: { message: expect.stringMatching(/moved/) } },
    });
    expect(await count("mem0_cc.passage")).toBe(1);
    await other.end();
  });

  test("takes in the modules that waited longest, as much as it may of each", async () => {
    await given.registerModule("second");
    await given.record(
      ...[1, 2, 3].flatMap((n) => [{ text: `first ${n}` }, { text: `second ${n}`, module: "second" }]),
    );
    const step = () => given.store.search.step({ ...limits, memoriesMax: 2 });
    expect((await step()).passed).toBe(2);
    expect(await given.store.search.places("all")).toEqual(new Map([["cc", 2]]));
    await step();
    expect(await given.store.search.places(["second"])).toEqual(new Map([["second", 2]]));
    expect((await given.store.search.step({ ...limits, bytesMax: 1 })).passed).toBe(2);
    expect(await given.store.search.isBehind()).toBe(false);
    expect(await given.store.search.step(limits)).toMatchObject({ isElsewhere: false, passed: 0 });
  });

  const skipping = { ...limits, careful: new Map([["cc", { memoriesMax: 1, skipText: true }]]) };
  const parked = async () => (await given.client.query("select * from mem0_cc.projection_parked")).rows;

  test("passes a memory over whose text cannot be indexed, and keeps that it did until it is indexed anew", async () => {
    await given.record({ text: "comet" }, { text: "comet" });
    expect(await given.store.search.step(skipping)).toMatchObject({ passedOver: [{ module: "cc", position: 1 }] });
    await given.index();
    expect(await given.store.search.places("all")).toEqual(new Map([["cc", 2]]));
    expect(await count("mem0_cc.passage")).toBe(1);
    expect(await count("mem0_cc.term where lexeme = 'word'")).toBe(0);
    expect(await parked()).toMatchObject([{ module: "cc", projection: "search", position: "1" }]);
    await given.client.query("update mem0_cc.index_place set rules = 0");
    await given.index();
    expect(await parked()).toEqual([]);
    expect(await count("mem0_cc.passage")).toBe(2);
  });

  test("passes nothing over while the database takes no word in its place either", async () => {
    await given.record({ text: "comet" });
    await given.client.query(`create function mem0_cc.slow() returns trigger language plpgsql as
      'begin perform pg_sleep(4); return new; end'`);
    await given.client.query(
      "create trigger slow before insert on mem0_cc.passage for each row execute function mem0_cc.slow()",
    );
    await expect(given.store.search.step(skipping)).rejects.toMatchObject({ cause: { cause: { code: "57014" } } });
    expect(await parked()).toEqual([]);
    expect(await given.store.search.places("all")).toEqual(new Map([["cc", 0]]));
  });

  test("X6: a forgetting of many passages takes several steps, and is passed with the last of them", async () => {
    await given.record(...Array.from({ length: 50 }, (_, n) => ({ text: `comet ${n}`, sessionId: "s" })), {
      text: "star",
    });
    await given.index();
    await forget({ case: "sessionId", value: "s" });
    const careful = new Map([["cc", { memoriesMax: 1 }]]);
    const left: number[] = [];
    for (let n = 0; n < 3; n += 1) {
      await given.store.search.step({ ...limits, careful });
      left.push(await count("mem0_cc.passage"));
      expect((await given.dump())[2]).toMatchObject([{ passages: String(left[n]), position: n < 2 ? "51" : "52" }]);
    }
    expect(left).toEqual([31, 11, 1]);
    const live = await given.dump();
    expect(await rebuilt()).toEqual(live);
  });

  test("X6: emptying a module is bounded by the limits too", async () => {
    await given.record(...Array.from({ length: 50 }, (_, n) => ({ text: `comet ${n}` })));
    await given.index();
    await given.client.query("update mem0_cc.index_place set rules = 0");
    await given.store.search.step({ ...limits, careful: new Map([["cc", { memoriesMax: 1 }]]) });
    expect(await count("mem0_cc.passage")).toBe(30);
  });

  test("that fails at a module puts it behind the others; one that has failed is taken alone", async () => {
    await given.registerModule("second");
    await given.record({ text: "comet" });
    await given.record({ text: "comet", module: "second" });
    await given.client.query(`create function mem0_cc.refuse() returns trigger language plpgsql as
      'begin if new.module = ''cc'' then raise ''refused''; end if; return new; end'`);
    await given.client.query(
      "create trigger refuse before insert on mem0_cc.passage for each row execute function mem0_cc.refuse()",
    );
    const step = (careful?: ReadonlyMap<string, { memoriesMax: number }>) =>
      given.store.search.step({ ...limits, ...(careful === undefined ? {} : { careful }) });
    await expect(step()).rejects.toMatchObject({ name: "StepFailed", module: "cc" });
    const careful = new Map([["cc", { memoriesMax: 1 }]]);
    expect(await step(careful)).toMatchObject({ modules: ["second"] });
    await expect(step(careful)).rejects.toMatchObject({ module: "cc" });
    await given.client.query("drop trigger refuse on mem0_cc.passage");
    await given.record({ text: "another comet", module: "second" });
    await given.client.query("update mem0_cc.index_place set stepped_at = null where module = 'cc'");
    expect(await step(careful)).toMatchObject({ modules: ["cc"], passed: 1 });
  });
});

describe("X3: what is indexed otherwise is indexed anew", () => {
  const setLanguage = (language: string) => given.client.query("update mem0_cc.module set language = $1", [language]);

  test("in another language, by steps of bounded size; searches use the one that is indexed", async () => {
    await given.record({ text: "Die Häuser brennen" }, { text: "houses are burning" });
    await given.index();
    expect(await given.find("house")).toEqual(["m:cc/2"]);
    expect(await given.find("Haus")).toEqual([]);
    expect(await given.store.search.isBehind()).toBe(false);
    await setLanguage("german");
    expect(await given.store.search.isBehind()).toBe(true);
    await given.client.query("insert into mem0_cc.term select 'cc', 'left' || n, 1 from generate_series(1, 5001) n");
    expect((await given.store.search.step(limits)).passed).toBe(5000);
    expect((await given.search({ query: "house" })).modules).toMatchObject([{ position: 0n, head: 2n }]);
    await given.index();
    expect(await given.find("Haus")).toEqual(["m:cc/1"]);
    const live = await given.dump();
    expect(live[2]).toMatchObject([{ language: "german", position: "2", clearing: false }]);
    expect(await rebuilt()).toEqual(live);
  });

  test("a language that PostgreSQL does not bring is English", async () => {
    await setLanguage("klingon'; drop table");
    await given.record({ text: "walking" });
    await given.index();
    expect(await given.find("walked")).toEqual(["m:cc/1"]);
    expect((await given.dump())[2]).toMatchObject([{ language: "english" }]);
  });

  test("modules of several languages are searched together", async () => {
    await given.registerModule("deutsch");
    await given.client.query("update mem0_cc.module set language = 'german' where name = 'deutsch'");
    await given.record({ text: "Zwei Häuser", module: "deutsch" }, { text: "two houses" });
    await given.index();
    expect((await given.find("Hauses", { allModules: true })).sort()).toEqual(["m:deutsch/1"]);
    expect((await given.find("house", { allModules: true })).sort()).toEqual(["m:cc/1"]);
    expect((await given.find('"zwei Häuser"', { allModules: true })).sort()).toEqual(["m:deutsch/1"]);
  });

  test("by rules of before, but not by those of a later release, which that one looks after", async () => {
    await given.record({ text: "comet" });
    await given.index();
    const live = await given.dump();
    await given.client.query("update mem0_cc.index_place set rules = rules - 1");
    expect(await given.store.search.isBehind()).toBe(true);
    await given.index();
    expect(await given.dump()).toEqual(live);
    await given.client.query("update mem0_cc.index_place set rules = rules + 1");
    await given.record({ text: "another" });
    expect(await given.store.search.isBehind()).toBe(false);
    expect((await given.store.search.step(limits)).passed).toBe(0);
  });
});

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
