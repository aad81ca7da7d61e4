/** A query by its parts, each in the query's order and in small letters. */
export interface ParsedQuery {
  /** Each counts where it is. */
  readonly words: readonly string[];
  /** Each must be there, word after word. */
  readonly required: readonly string[];
  /** None may be there. */
  readonly excluded: readonly string[];
}

/** A phrase in quotes, perhaps behind a minus; or a word; or a quote that closes or opens nothing. */
const PART = /(?<![\p{L}\p{N}])(-?)"([^"]*)"|([^\s"]+)|"/gu;

/** Reads a query: words, "phrases", -words and -"phrases". It takes whatever people write; quotes that are not closed are left out. */
export function parseQuery(query: string): ParsedQuery {
  const [words, required, excluded]: [string[], string[], string[]] = [[], [], []];
  for (const [, minus, phrase, word] of query
    .toLowerCase()
    .replace(/[“”„«»]/gu, '"')
    .matchAll(PART)) {
    const text = (phrase ?? word ?? "").trim();
    if (!/[\p{L}\p{N}]/u.test(text)) continue;
    if (phrase !== undefined) (minus === "-" ? excluded : required).push(text);
    else (/^-+[\p{L}\p{N}]/u.test(text) ? excluded : words).push(bare(text));
  }
  return { words: [...new Set(words)], required: [...new Set(required)], excluded: [...new Set(excluded)] };
}

/** A word without the signs around it. */
function bare(text: string): string {
  return text.replaceAll(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");
}
