import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Client } from "pg";
import { indexMemories } from "#services/conductor/store/search/index-memories.ts";
import { openSearchable, type Searchable } from "./open-searchable.ts";
import { forgetAll, type Selector, someRequest, wholeModule } from "./some-forgetting.ts";

const limits = { memoriesMax: 1000, bytesMax: 1_000_000 };
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
