import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import {
  SearchBoost_Reason,
  SearchMemoriesHitSchema,
  type SearchMemoriesRequest,
  type SearchMemoriesResponse,
  SearchMemoriesResponseSchema,
  SearchTerm_Use,
} from "#gen/cos/conductor/v1/search_pb.ts";
import { run } from "./support/run.ts";

const score = {
  total: 12.345,
  passage: 4.1,
  window: 2.0725,
  boosts: [
    { reason: SearchBoost_Reason.MONTH_NAMED, factor: 2 },
    { reason: 99 as SearchBoost_Reason, factor: 1 },
  ],
};

const hit = (position: number, passage = "the Plague spreads in the city", highlights = [{ start: 4, end: 10 }]) =>
  create(SearchMemoriesHitSchema, {
    memory: {
      module: "pepys",
      position: BigInt(position),
      eventType: "diary.entry",
      source: "Samuel Pepys",
      occurredAt: { seconds: BigInt(Date.parse("1665-06-07") / 1000) },
    },
    citation: `m:pepys/${position}`,
    passage,
    highlights,
    score,
  });

type Answer = Exclude<MessageInitShape<typeof SearchMemoriesResponseSchema>, { $typeName: string }>;

const answer = (over: Answer = {}): SearchMemoriesResponse =>
  create(SearchMemoriesResponseSchema, { modules: [{ module: "pepys", position: 9n, head: 9n }], ...over });

/** Answers with one page after the other. */
function open(...pages: (SearchMemoriesResponse | Error)[]) {
  const requests: SearchMemoriesRequest[] = [];
  const transport = createRouterTransport((router) => {
    router.rpc(ConductorService.method.searchMemories, (request) => {
      requests.push(structuredClone(request));
      const page = pages[requests.length - 1]!;
      if (page instanceof Error) throw page;
      return page;
    });
  });
  return { requests, transport: { ...transport, close: () => undefined } };
}

const search = async (page: SearchMemoriesResponse | Error, ...argv: string[]) =>
  run(["search", ...argv], { transport: open(page).transport });

describe("cos search", () => {
  test("shows each hit with its passage; into a pipe without colours and on one line", async () => {
    const { exitCode, stdout, stderr } = await search(
      answer({ hits: [hit(2017), hit(5, "a\u001B[31m b\n\nc", [])] }),
      "plague",
    );
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(stdout.split("\n")).toEqual([
      "1665-06-07  m:pepys/2017  diary.entry  Samuel Pepys",
      "  the Plague spreads in the city",
      "",
      "1665-06-07  m:pepys/5  diary.entry  Samuel Pepys",
      "  a[31m b c",
      "",
    ]);
  });

  test("highlights on a terminal, and breaks lines between words", async () => {
    const passage = "\uE000(the Plague), then 雨雨雨雨雨雨雨雨雨 comes and stays until the morning";
    const { transport } = open(answer({ hits: [hit(1, passage, [{ start: 6, end: 12 }])] }));
    const { stdout } = await run(["search", "plague"], { transport, isTTY: true, columns: 30 });
    const [lead, ...lines] = stdout.trimEnd().split("\n");
    expect(lead).toContain("\u001B[36m1665-06-07\u001B[39m");
    expect(lines.join("\n")).toContain("  (the \u001B[1m\u001B[31mPlague\u001B[39m\u001B[22m), then\n  雨雨雨");
    const plain = lines.map((line) => line.replaceAll(/\u001B\[\d+m/g, ""));
    expect(plain).toEqual(["  (the Plague), then", "  雨雨雨雨雨雨雨雨雨 comes and", "  stays until the morning"]);
  });

  test("takes words, modules, filters and whoever asks", async () => {
    const { requests, transport } = open(answer());
    const argv = [
      "search",
      "the",
      "plague",
      "--module",
      "pepys",
      "--module",
      "cc",
      "--module",
      "cc",
      "--source",
      "Ann",
    ];
    const more = ["--since", "1665-06-01", "--recorded-until", "2026-01-01", "--asker", "Bob", "--limit", "3"];
    await run([...argv, ...more], { transport });
    expect(requests).toMatchObject([
      {
        query: "the plague",
        modules: ["pepys", "cc"],
        allModules: false,
        asker: "Bob",
        pageSize: 3,
        filter: {
          sources: ["Ann"],
          occurred: { since: { seconds: BigInt(Date.parse("1665-06-01") / 1000) } },
          recorded: { until: {} },
        },
      },
    ]);
  });

  test("reads pages until there are as many hits as wanted", async () => {
    const page = (...positions: number[]) =>
      answer({ hits: positions.map((each) => hit(each)), nextPageToken: "more" });
    const { requests, transport } = open(page(1, 2), page(), page(3, 4));
    const { stdout } = await run(["search", "x", "--all", "--limit", "3", "--json"], { transport });
    expect(
      stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line).citation),
    ).toEqual(["m:pepys/1", "m:pepys/2", "m:pepys/3"]);
    expect(requests.map(({ pageSize, pageToken, allModules }) => [pageSize, pageToken, allModules])).toEqual([
      [3, "", true],
      [1, "more", true],
      [1, "more", true],
    ]);
  });

  test("--json keeps to hits, and tells the rest apart", async () => {
    const { stdout, stderr } = await search(answer(), "x", "--json", "--module", "pepys");
    expect([stdout, stderr]).toEqual(["", "cos: nothing found in pepys\n"]);
  });

  test("--explain says what scores are made of, and how many passages hold each word", async () => {
    const terms = [
      { word: "plague", passages: 1n, use: SearchTerm_Use.ANY },
      { word: "city", passages: 1204n, use: SearchTerm_Use.ANY },
    ];
    const { stdout, stderr } = await search(answer({ hits: [hit(1)], terms }), "x", "--explain");
    expect(stdout).toContain(
      "  score 12.35 = (4.10 passage + 2.07 around it) x 2 (you name its month) x 1 (a reason of a newer COS)\n",
    );
    expect(stderr).toBe('cos: "plague" in 1 passage, "city" in 1,204 passages\n');
    const bare = create(SearchMemoriesHitSchema, { citation: "m:pepys/7", passage: "x" });
    expect((await search(answer({ hits: [bare] }), "x", "--explain")).stdout).toBe("m:pepys/7\n  x\n");
  });
});

describe("beside the hits it says", () => {
  const notes = async (over: Answer, ...argv: string[]): Promise<string[]> =>
    (await search(create(SearchMemoriesResponseSchema, over), "x", ...argv)).stderr.trimEnd().split("\n");

  test("what was corrected, and what nobody has written", async () => {
    const terms = [
      { word: "plauge", correctedTo: "plague", use: SearchTerm_Use.ANY },
      { word: "zzz", use: SearchTerm_Use.ANY },
      { word: "no such phrase", use: SearchTerm_Use.REQUIRED },
      { word: "wine", use: SearchTerm_Use.EXCLUDED },
    ];
    expect(await notes({ terms, hits: [hit(1)] })).toEqual([
      'cos: no memory has "plauge": searched for "plague" instead',
      'cos: no memory has "zzz", "no such phrase"',
    ]);
    expect(await notes({ terms: [], hits: [hit(1)], correctionsUnavailable: true }, "--explain")).toEqual([
      "cos: misspelt words are not corrected: the database lacks its extension pg_trgm",
    ]);
  });

  test("that nothing was found, and where else to look", async () => {
    expect(await notes({})).toEqual(["cos: nothing found in cc (--module names another, --all takes all)"]);
    expect(await notes({}, "--all")).toEqual(["cos: nothing found in any module that you may read"]);
    expect(await notes({}, "--module", "cc", "--module", "pepys")).toEqual(["cos: nothing found in cc, pepys"]);
  });

  test("that the index is behind", async () => {
    const late = (count: number) =>
      Array.from({ length: count }, (_, n) => ({ module: `m${n}`, position: 120n, head: 3413n }));
    expect(await notes({ hits: [hit(1)], modules: late(1) })).toEqual([
      "cos: the index is behind, so the latest may be missing: m0 at 120 of 3,413",
    ]);
    expect((await notes({ hits: [hit(1)], modules: late(5) }))[0]).toMatch(/m2 at 120 of 3,413, and 2 others$/);
  });

  test("what is wrong with the query, by the command's own names", async () => {
    const refused = new ConnectError("query: must hold a word to look for", Code.InvalidArgument);
    const { exitCode, stderr } = await search(refused, "?!");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("must hold a word to look for");
  });
});
