import type { Report } from "../report.ts";
import { type Answered, DEPTHS, measureRecall, TOKEN_BUDGETS } from "./measure-recall.ts";

/** What each way of searching found, as a table: of all questions, of each half, of each kind. Shares are in percent. */
export function reportRecall(answers: ReadonlyMap<string, readonly Answered[]>, memories: number): Report {
  const questions = Math.max(...[...answers.values()].map(({ length }) => length));
  return {
    title: `${questions} questions about ${memories.toLocaleString("en")} memories; evidence found, in %; a token is 4 characters`,
    columns: [
      "",
      "questions",
      ...DEPTHS.map((depth) => `first ${depth}`),
      "MRR",
      ...TOKEN_BUDGETS.map((tokens) => `${tokens.toLocaleString("en")} tokens`),
      "p50 ms",
      "p99 ms",
    ],
    rows: [...answers].flatMap(([name, answered]) =>
      [...groupsOf(answered)].map(([group, some]) => rowOf(group === "" ? name : `  ${group}`, some)),
    ),
    goals: [],
  };
}

/** All of them, then by half, then by kind. A group that is all of them is not told twice. */
function groupsOf(answered: readonly Answered[]): Map<string, readonly Answered[]> {
  const groups = new Map<string, readonly Answered[]>([["", answered]]);
  for (const by of ["half", "kind"] as const) {
    const parts = Map.groupBy(answered, ({ question }) => question[by]);
    if (parts.size > 1) for (const [name, some] of parts) groups.set(name, some);
  }
  return groups;
}

function rowOf(name: string, answered: readonly Answered[]): (string | number)[] {
  const { questions, atDepth, reciprocalRank, withinTokens, p50Ms, p99Ms } = measureRecall(answered);
  const percent = (share: number) => (share * 100).toFixed(1);
  return [
    name,
    questions,
    ...atDepth.map(percent),
    reciprocalRank.toFixed(3),
    ...withinTokens.map(percent),
    p50Ms,
    p99Ms,
  ];
}
