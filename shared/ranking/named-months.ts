/** A month of any year, or of one. */
export interface NamedMonth {
  /** 1 to 12. */
  readonly month: number;
  readonly year?: number;
}

const MONTHS = [
  ["january", "jan"],
  ["february", "feb"],
  ["march", "mar"],
  ["april", "apr"],
  ["may"],
  ["june", "jun"],
  ["july", "jul"],
  ["august", "aug"],
  ["september", "sept", "sep"],
  ["october", "oct"],
  ["november", "nov"],
  ["december", "dec"],
] as const;

const NAMES = new Map<string, number>(
  MONTHS.flatMap((names, n) => names.map((name): [string, number] => [name, n + 1])),
);

/** What may be another word, or a name, unless a day, a year or such a word stands beside it. */
const DOUBTFUL = new Set(["may", "march", "mar", "jan", "sep", "dec", "august"]);
const BEFORE = new Set("in of during since until before after by from last this next early late mid".split(" "));

/**
 * The months that an English text names: `June 1665`, `12 May`, `in March`, `1665-06`. A `may` or `march` that has neither a number
 * beside it nor a word such as `in` before it is no month.
 */
export function namedMonths(text: string): NamedMonth[] {
  const found: NamedMonth[] = [];
  for (const [, year, month] of text.matchAll(/(?<!\d)(\d{4})-(0[1-9]|1[0-2])(?!\d)/g)) {
    found.push({ month: Number(month), year: Number(year) });
  }
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  for (const [at, word] of words.entries()) {
    const month = NAMES.get(word);
    if (month === undefined) continue;
    const year = yearAfter(words, at);
    const hasNumber = isNumber(words[at - 1]) || isNumber(words[at + 1]);
    const isSure = !DOUBTFUL.has(word) || hasNumber || year !== undefined || BEFORE.has(words[at - 1] ?? "");
    if (isSure) found.push(year === undefined ? { month } : { month, year });
  }
  return found;
}

/** `June 1665`, `June of 1665`, `June 7th, 1665`. */
function yearAfter(words: readonly string[], at: number): number | undefined {
  const [next, second] = [words[at + 1] ?? "", words[at + 2] ?? ""];
  const year = isYear(next) ? next : next === "of" || isNumber(next) ? second : "";
  return isYear(year) ? Number(year) : undefined;
}

function isYear(word: string): boolean {
  return /^\d{4}$/.test(word);
}

/** A day or a year. */
function isNumber(word: string | undefined): boolean {
  return word !== undefined && /^\d{1,4}(?:st|nd|rd|th)?$/.test(word);
}
