import { latencyOf } from "../quantiles.ts";
import type { Question } from "./read-questions.ts";

/** How far down the answers evidence is looked for. */
export const DEPTHS = [5, 10, 20] as const;

/** How many tokens of answers somebody reads. */
export const TOKEN_BUDGETS = [500, 1_000, 2_000, 4_000] as const;

/** No tokenizer is among the packages. English has about four characters a token in those of today's models. */
const CHARACTERS_A_TOKEN = 4;

/** A memory that was found. */
export interface Found {
  /** Its idempotency key. */
  readonly key: string;
  /** How many characters of it somebody gets to read. */
  readonly characters: number;
}

/** What was found for a question, the best first, each memory once, and how long that took. */
export interface Answered {
  readonly question: Question;
  readonly found: readonly Found[];
  readonly tookMs: number;
}

/** What some answers are worth. Shares are from 0 to 1, each question counting as much as any other. */
export interface RecallFigures {
  readonly questions: number;
  /** The share of a question's evidence among the first so many memories, by DEPTHS. */
  readonly atDepth: readonly number[];
  /** 1 / the place of the first evidence; 0 where there is none. */
  readonly reciprocalRank: number;
  /** The share of a question's evidence among the first memories that so many tokens hold, by TOKEN_BUDGETS. */
  readonly withinTokens: readonly number[];
  readonly p50Ms: number;
  readonly p99Ms: number;
}

export function measureRecall(answers: readonly Answered[]): RecallFigures {
  const meanOf = (figure: (answered: Answered) => number) =>
    answers.reduce((sum, answered) => sum + figure(answered), 0) / answers.length;
  return {
    questions: answers.length,
    atDepth: DEPTHS.map((depth) => meanOf(({ question, found }) => shareOf(question, found.slice(0, depth)))),
    reciprocalRank: meanOf((answered) => {
      const place = placeOf(answered);
      return place === undefined ? 0 : 1 / place;
    }),
    withinTokens: TOKEN_BUDGETS.map((tokens) =>
      meanOf(({ question, found }) => shareOf(question, firstWithin(found, tokens))),
    ),
    ...latencyOf(answers.map(({ tookMs }) => tookMs)),
  };
}

/** The place of the first evidence, from 1; undefined where there is none. */
export function placeOf({ question, found }: Answered): number | undefined {
  const index = found.findIndex(({ key }) => question.evidence.includes(key));
  return index === -1 ? undefined : index + 1;
}

function shareOf({ evidence }: Question, found: readonly Found[]): number {
  const keys = new Set(found.map(({ key }) => key));
  return evidence.filter((key) => keys.has(key)).length / evidence.length;
}

/** From the best on, as long as the whole of each fits. */
function firstWithin(found: readonly Found[], tokens: number): readonly Found[] {
  let left = tokens;
  const end = found.findIndex(({ characters }) => {
    left -= Math.ceil(characters / CHARACTERS_A_TOKEN);
    return left < 0;
  });
  return end === -1 ? found : found.slice(0, end);
}
