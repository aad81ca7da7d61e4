import { SearchBoost_Reason, type SearchMemoriesHit } from "#gen/cos/conductor/v1/search_pb.ts";
import type { Output } from "../output/output.ts";

const REASONS: Readonly<Partial<Record<SearchBoost_Reason, string>>> = {
  [SearchBoost_Reason.SOURCE_NAMED]: "you name its source",
  [SearchBoost_Reason.ASKER]: "the asker said it",
  [SearchBoost_Reason.MONTH_NAMED]: "you name its month",
};

/** What a score is made of: `score 12.31 = (4.10 passage + 2.05 around it) x 2 (you name its month)`. */
export function explainScore(out: Output, { score }: SearchMemoriesHit): string[] {
  if (score === undefined) return [];
  const { total, passage, window, boosts } = score;
  const factors = boosts.map(({ reason, factor }) => ` x ${factor} (${REASONS[reason] ?? "a reason of a newer COS"})`);
  const sum = `(${passage.toFixed(2)} passage + ${window.toFixed(2)} around it)`;
  return [out.style("dim", `  score ${total.toFixed(2)} = ${sum}${factors.join("")}`)];
}
