/**
 * The labelled questions of `npm run bench:recall`: 150 about the diary of Samuel Pepys, 30 of each kind.
 *
 * - They were written, and their evidence read, before any ranking was tuned on them, as a writer or an agent would ask: two in three by
 *   the names and things that one remembers, one in three in other words than the diary's.
 * - Evidence is every entry that answers, wholly or in part. Candidates came from reading, from exact searches for the diary's own
 *   words, and from the best entries of a plain BM25; what each says was read before it was taken.
 * - `single`: one entry; `several`: two to six; `time`: the question names a month, or a season, of a year; `person`: it is about
 *   somebody by name, or asks who; `common_sense`: what it asks for is to be inferred.
 * - Months are the diary's own (Old Style), as anybody who knows it would say them: `occurred_on` is ten days ahead, so that what happened
 *   in the last days of a month is recorded in the next one.
 * - Nobody chose the halves: of each kind, those whose ids have the smaller SHA-256 are for development.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "@jest/globals";
import { KINDS, type Question, readQuestions } from "#tests/performance/recall/read-questions.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const QUESTIONS = join(ROOT, "tests", "performance", "recall", "pepys-questions.jsonl");
const DIARY = join(ROOT, "..", "shared", "data", "pepys.jsonl.gz");
const OF_EACH_KIND = 30;

describe("the questions about the diary", () => {
  const questions = readQuestions(readFileSync(QUESTIONS, "utf8"));

  test("are 150, 30 of each kind, none asked twice", () => {
    expect(questions).toHaveLength(KINDS.length * OF_EACH_KIND);
    for (const kind of KINDS) expect(ofKind(questions, kind)).toHaveLength(OF_EACH_KIND);
    expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
  });

  test("have as much evidence as their kind says", () => {
    const counts = (kind: string) => ofKind(questions, kind).map(({ evidence }) => evidence.length);
    expect(counts("single").every((count) => count === 1)).toBe(true);
    expect(counts("several").every((count) => count >= 2 && count <= 6)).toBe(true);
    expect(questions.every(({ evidence }) => evidence.length <= 6)).toBe(true);
  });

  test("name a month or a season of a year where they are of the kind that names a time", () => {
    const times = ofKind(questions, "time").filter(({ question }) => !/\b166\d\b/.test(question));
    expect(times).toEqual([]);
  });

  test("are of the half that the rule draws", () => {
    for (const kind of KINDS) {
      const drawn = ofKind(questions, kind).map(({ id }) => id);
      drawn.sort((a, b) => (sha256(a) < sha256(b) ? -1 : 1));
      const development = ofKind(questions, kind).filter(({ half }) => half === "development");
      expect(development.map(({ id }) => id).sort()).toEqual(drawn.slice(0, OF_EACH_KIND / 2).sort());
    }
  });

  const withDiary = existsSync(DIARY) ? test : test.skip;

  withDiary("have evidence that stands in the diary, of every year", () => {
    const lines = gunzipSync(readFileSync(DIARY)).toString().trim().split("\n");
    const years = new Map(
      lines.map((line) => JSON.parse(line)).map(({ key, occurred_on: day }) => [key, day.slice(0, 4)]),
    );
    const evidence = questions.flatMap((question) => question.evidence);
    expect(evidence.filter((key) => !years.has(key))).toEqual([]);
    expect(new Set(evidence.map((key) => years.get(key)))).toEqual(new Set(years.values()));
  });
});

describe("a file of questions", () => {
  const good = { id: "a", question: "Who?", kind: "person", evidence: ["k"], half: "held-out" };
  const written = (changes: object) => JSON.stringify({ ...good, ...changes });

  test("is read line by line, empty ones left out", () => {
    expect(readQuestions(`${written({})}\n\n${written({ id: "b" })}\n`).map(({ id }) => id)).toEqual(["a", "b"]);
  });

  test.each([
    ["not a JSON object", "{"],
    ["not a JSON object", "null"],
    ["id must be a text", written({ id: 7 })],
    ["question must be a text", written({ question: "" })],
    ["kind must be a text", written({ kind: undefined })],
    ["evidence must be a list of keys", written({ evidence: [] })],
    ["evidence must be a list of keys", written({ evidence: "k" })],
    ["evidence must be a list of keys", written({ evidence: [1] })],
    ["evidence has a key twice", written({ evidence: ["k", "k"] })],
    ["half must be development or held-out", written({ half: "both" })],
    ["the id a stands in the file already", written({})],
  ])("says which line is at fault: %s", (fault, line) => {
    expect(() => readQuestions(`${written({})}\n${line}`)).toThrow(`line 2: ${fault}`);
  });
});

function ofKind(questions: readonly Question[], kind: string): Question[] {
  return questions.filter((question) => question.kind === kind);
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
