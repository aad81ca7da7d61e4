import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { SearchBoost_Reason, SearchTerm_Use } from "#gen/cos/conductor/v1/search_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { scopeOf } from "#shared/auth/scope.ts";
import { openSearchable, type Searchable } from "./open-searchable.ts";

const day = (date: string) => ({ seconds: BigInt(Date.parse(date) / 1000) });
const words = (count: number): string => Array.from({ length: count }, (_, n) => `filler${n % 7}`).join(" ");

let given: Searchable;
beforeAll(async () => {
  given = await openSearchable();
  for (const module of ["pepys", "talk", "late", "many"]) await given.registerModule(module);
  const diary = { module: "pepys", source: "Samuel Pepys", eventType: "diary.entry" };
  await given.record(
    { ...diary, text: "The plague spreads in the city, and the streets are empty.", occurredAt: day("1665-06-07") },
    { ...diary, text: "Up betimes and to my office, where all the morning.", occurredAt: day("1665-06-08") },
    { ...diary, text: "To the office, and thence by water; no plague there.", occurredAt: day("1666-03-01") },
    { ...diary, text: `${words(200)}\n\nThe great fire of London 😀 began here. ${words(90)}`, tags: ["fire"] },
    { ...diary, text: "", promptTrace: { prompt: "Who built the ships?", response: "Mr. Pett of Chatham." } },
    { module: "pepys", source: "Elizabeth", text: "My husband speaks of the plague, and of wine.", sessionId: "home" },
  );
  await given.record(
    ...["Shall we go to Deptford?", "Yes, tomorrow.", "By which boat?", "The barge.", "Good night."].map((text, n) => ({
      module: "talk",
      text,
      source: n % 2 === 0 ? "Ann" : "Bob",
      sessionId: "s1",
    })),
    { module: "talk", text: "Something else entirely.", source: "Ann", sessionId: "s2" },
  );
  await given.record(...Array.from({ length: 30 }, (_, n) => ({ module: "many", text: `turnip number ${n}` })));
  await given.index();
  await given.record({ module: "late", text: "A comet was seen." });
});
afterAll(() => given.close());

const pepys = { modules: ["pepys"] };

describe("what is found", () => {
  test("by any word in any form, highlighted in the passage's own UTF-16", async () => {
    const { hits } = await given.search({ query: "London's fires", ...pepys });
    expect(hits.map(({ citation }) => citation)).toEqual(["m:pepys/4"]);
    const [{ passage, highlights, memory } = { passage: "", highlights: [], memory: undefined }] = hits;
    expect(passage).toMatch(/^The great fire of London 😀 began here\. filler0/);
    expect(highlights.map(({ start, end }) => passage.slice(start, end))).toEqual(["fire", "London"]);
    expect(memory).toMatchObject({ module: "pepys", position: 4n, text: "", eventType: "diary.entry", tags: ["fire"] });
  });

  test("in full, where that is asked for", async () => {
    const { hits } = await given.search({ query: "betimes", ...pepys, view: MemoryView.FULL });
    expect(hits[0]?.memory?.text).toBe("Up betimes and to my office, where all the morning.");
  });

  test("in what a model was asked and answered, where a memory has no text", async () => {
    const { hits } = await given.search({ query: "Pett", ...pepys });
    expect(hits[0]).toMatchObject({ citation: "m:pepys/5", passage: "Who built the ships?\n\nMr. Pett of Chatham." });
  });

  test("what is in quotes must be there, word after word; what follows a minus must not, anywhere in the memory", async () => {
    expect(await given.find("plague", pepys)).toEqual(expect.arrayContaining(["m:pepys/1", "m:pepys/3", "m:pepys/6"]));
    expect(await given.find('"speaks of the plague" office', pepys)).toEqual(["m:pepys/6"]);
    expect(await given.find('"plague speaks"', pepys)).toEqual([]);
    expect(await given.find("plague -wine -water", pepys)).toEqual(["m:pepys/1"]);
    expect(await given.find('plague -"no plague"', pepys)).not.toContain("m:pepys/3");
    expect(await given.find("filler3 -fire", pepys)).toEqual([]);
    expect(await given.find('"fire of london" "filler6"', pepys)).toEqual(["m:pepys/4"]);
  });

  test("quotes that are not closed, and what a tsquery would read as its own, are words", async () => {
    expect(await given.find(`"plague & !wine' <-> \\ : *`, pepys)).toContain("m:pepys/6");
  });

  test("what is said around a passage counts, and its neighbours are found with it", async () => {
    // Both words are near 1 to 3, one of them is near 4 and 5; the second session has neither.
    expect(await given.find("Deptford boat", { modules: ["talk"] })).toEqual(
      [3, 1, 2, 5, 4].map((position) => `m:talk/${position}`),
    );
  });

  test("the parts of a score make it up", async () => {
    const { hits } = await given.search({
      query: "Elizabeth on the plague in June 1665",
      ...pepys,
      asker: "samuel pepys",
    });
    for (const { score } of hits) {
      const { total, passage, window, boosts } = score!;
      expect(total).toBeCloseTo(
        boosts.reduce((sum, { factor }) => sum * factor, passage + window),
        10,
      );
    }
    const boostsOf = (citation: string) =>
      hits.find((hit) => hit.citation === citation)!.score!.boosts.map(({ reason, factor }) => [reason, factor]);
    expect(boostsOf("m:pepys/1")).toEqual([
      [SearchBoost_Reason.ASKER, 1.5],
      [SearchBoost_Reason.MONTH_NAMED, 2],
    ]);
    expect(boostsOf("m:pepys/6")).toEqual([[SearchBoost_Reason.SOURCE_NAMED, 1.2]]);
    expect(boostsOf("m:pepys/3")).toEqual([[SearchBoost_Reason.ASKER, 1.5]]);
  });

  test.each([
    [{ sources: ["Elizabeth"] }, ["m:pepys/6"]],
    [{ sessionIds: ["home"] }, ["m:pepys/6"]],
    [{ eventTypes: ["note"] }, ["m:pepys/6"]],
    [{ eventTypes: ["diary.*"], occurred: { until: day("1666-01-01") } }, ["m:pepys/1"]],
    [{ occurred: { since: day("1666-01-01"), until: day("1666-12-31") } }, ["m:pepys/3"]],
    [{ tags: ["fire"] }, []],
    [{ recorded: { until: day("1700-01-01") } }, []],
  ])("filters narrow it down: %j", async (filter, citations) => {
    expect(await given.find("plague", { ...pepys, filter })).toEqual(citations);
  });
});

describe("the answer also says", () => {
  test("which words were corrected, by how the hits write them, and which nobody has", async () => {
    const { terms, hits, correctionsUnavailable } = await given.search({
      query: 'the Plauge of zzyzzx "water" -wine',
      ...pepys,
    });
    expect(hits.map(({ citation }) => citation)).toEqual(["m:pepys/3"]);
    expect(terms).toMatchObject([
      { word: "plauge", passages: 0n, correctedTo: "plague", use: SearchTerm_Use.ANY },
      { word: "zzyzzx", passages: 0n, correctedTo: "", use: SearchTerm_Use.ANY },
      { word: "water", passages: 1n, correctedTo: "", use: SearchTerm_Use.REQUIRED },
      { word: "wine", passages: 0n, use: SearchTerm_Use.EXCLUDED },
    ]);
    expect(correctionsUnavailable).toBe(false);
  });

  test("corrections as some memory writes them, where no hit that is shown does; else by what the index has", async () => {
    const correctionsOf = async (query: string) =>
      (await given.search({ query, modules: ["pepys"], pageSize: 1 })).terms.map(({ correctedTo }) => correctedTo);
    expect(await correctionsOf("filler2 filler3 filler4 chathan chathan's bettimes")).toEqual(
      expect.arrayContaining(["chatham", "betimes"]),
    );
    // A source is searched with the text, and not shown in it.
    expect(await correctionsOf("filler2 elizabetth")).toEqual(["", "elizabeth"]);
  });

  test("what is in quotes is meant as it stands, and words of several parts are not guessed at", async () => {
    const { terms, hits } = await given.search({ query: '"plauge" ofice-plauge', ...pepys });
    expect(hits).toEqual([]);
    expect(terms).toMatchObject([
      { word: "ofice-plauge", correctedTo: "" },
      { word: "plauge", correctedTo: "" },
    ]);
  });

  test("how far the index is, so that one that is behind can be seen", async () => {
    const { hits, modules } = await given.search({ query: "comet", modules: ["late"] });
    expect(hits).toEqual([]);
    expect(modules).toMatchObject([{ module: "late", position: 0n, head: 1n }]);
    expect((await given.search({ query: "plague", ...pepys })).modules).toMatchObject([{ position: 6n, head: 6n }]);
  });
});

describe("pages", () => {
  test("follow each other without a repeat or a gap, whatever their sizes", async () => {
    const all = await given.find("turnip", { modules: ["many"], pageSize: 1000 });
    expect(all).toHaveLength(30);
    expect(all[0]).toBe("m:many/30");
    const paged = [];
    let pageToken = "";
    for (const pageSize of [0, 7, 1, 50]) {
      const page = await given.search({ query: "turnip", modules: ["many"], pageSize, pageToken });
      paged.push(...page.hits.map(({ citation }) => citation));
      pageToken = page.nextPageToken;
    }
    expect(paged).toEqual(all);
    expect(pageToken).toBe("");
  });

  test("end at 2 MiB, with one memory at least", async () => {
    await given.registerModule("large");
    const text = `walnut ${"x".repeat(900_000)}`;
    await given.record(...[1, 2, 3].map(() => ({ module: "large", text })));
    await given.index();
    const request = { query: "walnut", modules: ["large"], view: MemoryView.FULL };
    const first = await given.search(request);
    expect(first.hits.map(({ citation }) => citation)).toEqual(["m:large/3", "m:large/2"]);
    const second = await given.search({ ...request, pageToken: first.nextPageToken });
    expect(second.hits.map(({ citation }) => citation)).toEqual(["m:large/1"]);
    expect(second.nextPageToken).toBe("");
  });

  test("of another search are refused", async () => {
    const { nextPageToken: pageToken } = await given.search({ query: "turnip", modules: ["many"] });
    for (const other of [{ query: "turnips" }, { asker: "me" }, { filter: { tags: ["x"] } }, { modules: ["talk"] }]) {
      await expect(given.search({ query: "turnip", modules: ["many"], ...other, pageToken })).rejects.toMatchObject({
        reason: ErrorReason.PAGE_TOKEN_INVALID,
      });
    }
  });
});

describe("modules", () => {
  test("are `cc` unless others are named, several, or all that the caller may see", async () => {
    await given.record({ text: "plague in cc" });
    await given.index();
    expect(await given.find("plague")).toEqual(["m:cc/1"]);
    expect(await given.find("plague", { modules: ["", "talk"] })).toEqual(["m:cc/1"]);
    expect(await given.find("plague", { allModules: true })).toHaveLength(4);
    const scope = scopeOf(["cc", "talk"]);
    expect(await given.find("plague", { allModules: true }, { scope })).toEqual(["m:cc/1"]);
    const { modules } = await given.search({ query: "plague", allModules: true }, { scope });
    expect(modules.map(({ module }) => module)).toEqual(["cc", "talk"]);
    expect(await given.search({ query: "plague", allModules: true }, { scope: scopeOf([]) })).toMatchObject({
      hits: [],
    });
  });

  test("N1: what the caller may not see is not there: not as a module, in counts, corrections or hits", async () => {
    const refused = { reason: ErrorReason.MODULE_NOT_FOUND, message: 'there is no module "pepys"' };
    const scope = scopeOf(["cc"]);
    await expect(given.search({ query: "x", ...pepys }, { scope })).rejects.toMatchObject(refused);
    await expect(given.search({ query: "x", modules: ["nowhere"] })).rejects.toMatchObject({
      reason: ErrorReason.MODULE_NOT_FOUND,
    });
    const { terms } = await given.search({ query: "betimes betimse", allModules: true }, { scope });
    expect(terms).toMatchObject([
      { word: "betimes", passages: 0n, correctedTo: "" },
      { word: "betimse", passages: 0n, correctedTo: "" },
    ]);
    // The store's functions are asked past their caller.
    const call = { scope, signal: new AbortController().signal, endMs: Date.now() + 5000 };
    const { search: index } = given.store;
    const where = { modules: ["pepys"], isEverywhere: false, filter: undefined, required: [], excluded: [] };
    const query = { ...where, leading: "'plagu'", lengthWeight: 0, weights: [{ lexeme: "plagu", idf: 1 }], months: [] };
    expect(await index.findCandidates(call, { ...query, meanLength: 1, monthFactor: 1, limit: 9 }, false)).toEqual([]);
    expect(await index.countTerms(call, ["pepys"], ["plagu"])).toEqual([]);
    expect(await index.nearLexemes(call, ["pepys"], ["plaug"])).toEqual([[]]);
    const keys = [{ module: "pepys", position: 1, part: 0 }];
    expect(await index.readAround(call, { keys, where, lexemes: ["plagu"], neighbours: 2 })).toEqual([]);
    const local = { ...call, scope: scopeOf(["pepys"]) };
    const passages = await index.readAround(local, { keys, where, lexemes: ["plagu"], neighbours: 2 });
    expect(passages).toMatchObject([{ source: "Samuel Pepys", isWanted: true, year: 1665, month: 6 }]);
    expect(await index.readMemories(call, passages, MemoryView.FULL)).toEqual({ shown: [], isCut: false });
  });
});

describe("bad input", () => {
  const field = (name: string, description: RegExp) => ({
    reason: ErrorReason.INVALID_FIELD,
    fields: [{ field: name, description: expect.stringMatching(description) }],
  });

  test.each([
    ["  ", /hold a word/],
    ['"" ?!', /hold a word/],
    ["-wine", /not only what to leave out/],
    ["the of and", /says something/],
    ['"of the" the', /says something/],
    ["half \uD800", /well-formed/],
  ])("%j is refused", async (query, description) => {
    await expect(given.search({ query, ...pepys })).rejects.toMatchObject(field("query", description));
  });

  test("a word that is longer than the index can hold is refused, alone and in quotes", async () => {
    const long = "雨".repeat(501);
    for (const query of [`plague ${long}`, `plague "in ${long}"`, `plague -${long}`]) {
      await expect(given.search({ query, ...pepys })).rejects.toMatchObject(field("query", /word of over 500/));
    }
  });

  test("of over 32 strict parts is refused; 32 of them are one look", async () => {
    const minuses = (count: number) => Array.from({ length: count }, (_, n) => `-w${n}`).join(" ");
    expect(await given.find(`plague -wine -water ${minuses(30)}`, pepys)).toEqual(["m:pepys/1"]);
    for (const query of [`plague ${minuses(33)}`, `${minuses(16)} ${minuses(17).replaceAll(/-(w\d+)/g, '"$1"')}`]) {
      await expect(given.search({ query, ...pepys })).rejects.toMatchObject(field("query", /over 32 parts/));
    }
  });

  test("of the asker and the filter is named by its field", async () => {
    await expect(given.search({ query: "x", asker: "\uDC00" })).rejects.toMatchObject(field("asker", /well-formed/));
    const filter = { tags: ["\uDC00"] };
    await expect(given.search({ query: "x", filter })).rejects.toMatchObject(field("filter.tags[0]", /well-formed/));
  });

  test("words that are long and strange are looked for like others", async () => {
    for (const word of [
      "😀".repeat(249),
      "雨".repeat(499),
      "a-".repeat(249),
      "'".repeat(40),
      "x'\\y",
      "http://a.b/c?d=e&f",
    ]) {
      expect(await given.find(`plague ${word}`, pepys)).toContain("m:pepys/1");
      expect(await given.find(`plague "plague ${word}x"`, pepys)).toEqual([]);
    }
  });

  test("2,000 characters of words are searched for", async () => {
    const query = Array.from({ length: 400 }, (_, n) => `w${n}`)
      .join(" ")
      .slice(0, 1990);
    expect(await given.find(`plague ${query}`.slice(0, 2000), pepys)).toContain("m:pepys/1");
  });
});

describe("of many passages that match", () => {
  beforeAll(async () => {
    await given.registerModule("comets");
    const seen = (count: number, text: string, date: string) =>
      Array.from({ length: count }, () => ({ module: "comets", text, occurredAt: day(date) }));
    await given.record(
      ...seen(1, "A comet, large and slow", "1664-12-17"),
      ...seen(1, "A comet, small and quick", "1665-12-01"),
      ...seen(120, "A comet", "1666-01-31"),
    );
    await given.index();
  });

  test("a hundred are looked at closely", async () => {
    const found = [];
    let pageToken = "";
    do {
      const page = await given.search({ query: "comet", modules: ["comets"], pageSize: 50, pageToken });
      found.push(...page.hits);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(found).toHaveLength(100);
  });

  test("those of a named month are looked at before others, however many match better", async () => {
    const comets = { modules: ["comets"], pageSize: 3 };
    const first = ["m:comets/2", "m:comets/1", "m:comets/122"];
    expect(await given.find("the comet in December", comets)).toEqual(first);
    expect(await given.find("the comet of December 1664", comets)).toEqual([
      "m:comets/1",
      "m:comets/122",
      "m:comets/121",
    ]);
    expect(await given.find("the comet, 1664-12 or 1665-12", comets)).toEqual(first);
    expect((await given.find("the comet of December 1666", comets))[0]).toBe("m:comets/122");
  });
});

describe("words", () => {
  test("are found whatever signs a typesetter put around them, in the text, in the source and in the query", async () => {
    await given.registerModule("set");
    await given.record(
      { module: "set", text: "At Midsummer’s fair—so it’s said… “lanterns” «burn»." },
      {
        module: "set",
        text: "Ships\u00A0sail well\u2011known seas; cafe\u0301 and hearth🔥.",
        source: "Gráinne O’Malley",
      },
    );
    await given.index();
    const set = { modules: ["set"] };
    for (const query of [
      "midsummer",
      "midsummer's",
      "Midsummer’s",
      "lantern",
      "“burn”",
      '"said lanterns burn"',
      "fair—so",
    ]) {
      expect([query, await given.find(query, set)]).toEqual([query, ["m:set/1"]]);
    }
    for (const query of ["ship", "well-known", "café", "hearth", "o'malley", '"well-known seas" -—fair']) {
      expect([query, await given.find(query, set)]).toEqual([query, ["m:set/2"]]);
    }
    const { hits } = await given.search({ query: "midsummer said", ...set });
    const [{ passage, highlights } = { passage: "", highlights: [] }] = hits;
    expect(highlights.map(({ start, end }) => passage.slice(start, end))).toEqual(["Midsummer’s", "said"]);
    const cafe = (await given.search({ query: "café", ...set })).hits[0]!;
    expect(cafe.highlights.map(({ start, end }) => cafe.passage.slice(start, end))).toEqual(["cafe\u0301"]);
  });
});
