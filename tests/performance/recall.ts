// How much of what answers a question search finds, against what PostgreSQL finds without us.
//
//   npm run bench:recall -- [memories.jsonl questions.jsonl] [--map field=key,...] [--half development|held-out] [--failures] [--json]
//
// It starts engines and a conductor of its own, records the memories, and asks every question. Without files it takes the diary, which
// lies beside the repository, and the 150 questions about it. A question is a line {id, question, kind, evidence, half}: `evidence` are
// the idempotency keys of the memories that answer it. --map is that of `cos import`.
//
// Whoever tunes the ranking looks at --half development. The other half is for what is claimed in the end.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Closers } from "#shared/lifecycle/closers.ts";
import { openRig } from "./open-rig.ts";
import { type Answered, placeOf } from "./recall/measure-recall.ts";
import { openSearch } from "./recall/open-search.ts";
import { openSqlSearches } from "./recall/open-sql-searches.ts";
import { HALVES, type Half, type Question, readQuestions } from "./recall/read-questions.ts";
import { recordFile } from "./recall/record-file.ts";
import { reportRecall } from "./recall/report-recall.ts";
import type { Search } from "./recall/search.ts";
import { formatReport, load } from "./report.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const DIARY = join(ROOT, "..", "shared", "data", "pepys.jsonl.gz");
const DIARY_MAP = "idempotency_key=key,occurred_at=occurred_on,source=author";
const DIARY_QUESTIONS = join(import.meta.dirname, "recall", "pepys-questions.jsonl");
const MODULE = "recall_bench";
/** Evidence that comes later counts as not found, in the list of failures. */
const FAILED_BEYOND = 10;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    map: { type: "string" },
    half: { type: "string" },
    failures: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});
const [memories = DIARY, questionsFile = DIARY_QUESTIONS] = positionals;
if (positionals.length === 1 || positionals.length > 2) throw new Error("give both files, or none");
if (!existsSync(memories)) throw new Error(`there is no ${memories}`);
const questions = readQuestions(readFileSync(questionsFile, "utf8")).filter(wantedHalf(values.half));

const closers = new Closers();
process.once("SIGINT", () => void closers.close().then(() => process.exit(130)));
process.once("SIGTERM", () => void closers.close().then(() => process.exit(143)));
try {
  const rig = await openRig(closers, {});
  const map = values.map ?? (positionals.length === 0 ? DIARY_MAP : "");
  const recorded = await recordFile(rig, MODULE, memories, map);
  refuseUnknown(questions, new Set(recorded.keyAt.values()));
  const searches: Search[] = [...(await openSqlSearches(rig, recorded)), await openSearch(rig, recorded)];
  const before = load();
  const answers = new Map<string, Answered[]>();
  for (const search of searches) answers.set(search.name, await askAll(search, questions));
  print(answers, recorded.keyAt.size, [before, load()]);
} finally {
  await closers.close();
}

function wantedHalf(half: string | undefined): (question: Question) => boolean {
  if (half === undefined) return () => true;
  if (!HALVES.includes(half as Half)) throw new Error(`--half is ${HALVES.join(" or ")}`);
  return (question) => question.half === half;
}

/** A misspelt key would count as never found. */
function refuseUnknown(asked: readonly Question[], keys: ReadonlySet<string>): void {
  for (const { id, evidence } of asked) {
    const unknown = evidence.find((key) => !keys.has(key));
    if (unknown !== undefined) throw new Error(`question ${id}: no memory has the key ${unknown}`);
  }
}

/** One after the other, as one person would; the first is asked twice, since it warms up what it meets. */
async function askAll({ search }: Search, asked: readonly Question[]): Promise<Answered[]> {
  const answers: Answered[] = [];
  if (asked[0] !== undefined) await search(asked[0].question);
  for (const question of asked) {
    const began = performance.now();
    const found = await search(question.question);
    answers.push({ question, found, tookMs: performance.now() - began });
  }
  return answers;
}

function print(
  answers: ReadonlyMap<string, readonly Answered[]>,
  memoryCount: number,
  loads: readonly [string, string],
): void {
  const report = reportRecall(answers, memoryCount);
  // Of the last way alone, which is ours.
  const failures = values.failures ? failuresOf([...answers.values()].at(-1) ?? []) : [];
  if (values.json) {
    process.stdout.write(`${JSON.stringify({ name: "recall", ...report, failures, loads, node: process.version })}\n`);
    return;
  }
  process.stdout.write(`${formatReport("recall", report, loads)}\n`);
  for (const { id, question, place, evidence, found } of failures) {
    const where = place === undefined ? "not found" : `place ${place}`;
    process.stdout.write(`${id} ${question}\n  ${where}: ${evidence.join(" ")}\n  first: ${found.join(" ")}\n`);
  }
}

/** Questions of whose evidence nothing is among the first, and what was found in its place. */
function failuresOf(answered: readonly Answered[]) {
  return answered
    .map((answer) => ({ answer, place: placeOf(answer) }))
    .filter(({ place }) => place === undefined || place > FAILED_BEYOND)
    .map(({ answer: { question, found }, place }) => ({
      id: question.id,
      question: question.question,
      evidence: question.evidence,
      place,
      found: found.slice(0, 5).map(({ key }) => key),
    }));
}
