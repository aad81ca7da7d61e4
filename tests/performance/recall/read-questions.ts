/** What sort of work a question is. */
export const KINDS = ["single", "several", "time", "person", "common_sense"] as const;

/** Rules of ranking may be tried on `development`; what is claimed of them is measured on `held-out`. */
export const HALVES = ["development", "held-out"] as const;

export type Half = (typeof HALVES)[number];

/** A question about recorded memories, and where its answer stands. */
export interface Question {
  readonly id: string;
  readonly question: string;
  /** One of KINDS in our own file; of another file, whatever it calls its kinds. */
  readonly kind: string;
  /** The idempotency keys of all memories that answer it, wholly or in part; at least one. */
  readonly evidence: readonly string[];
  readonly half: Half;
}

/** The questions of a file of JSON lines. Throws an Error that names the line and what is wrong with it. */
export function readQuestions(text: string): Question[] {
  const ids = new Set<string>();
  const questions: Question[] = [];
  for (const [index, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const question = questionOf(line, index + 1);
    if (ids.has(question.id)) throw new Error(`line ${index + 1}: the id ${question.id} stands in the file already`);
    ids.add(question.id);
    questions.push(question);
  }
  return questions;
}

function questionOf(line: string, number: number): Question {
  const { id, question, kind, evidence, half } = parse(line, number);
  for (const [field, value] of Object.entries({ id, question, kind })) {
    if (typeof value !== "string" || value === "") throw new Error(`line ${number}: ${field} must be a text`);
  }
  if (!Array.isArray(evidence) || evidence.length === 0 || !evidence.every((key) => typeof key === "string")) {
    throw new Error(`line ${number}: evidence must be a list of keys`);
  }
  if (new Set(evidence).size < evidence.length) throw new Error(`line ${number}: evidence has a key twice`);
  if (!HALVES.includes(half as Half)) throw new Error(`line ${number}: half must be ${HALVES.join(" or ")}`);
  return { id, question, kind, evidence, half } as Question;
}

function parse(line: string, number: number): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(line);
    if (typeof parsed === "object" && parsed !== null) return parsed as Record<string, unknown>;
  } catch {
    // Told below, with its line.
  }
  throw new Error(`line ${number}: not a JSON object`);
}
