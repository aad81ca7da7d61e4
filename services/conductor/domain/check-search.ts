import type { SearchMemoriesRequest } from "#gen/cos/conductor/v1/search_pb.ts";
import { type CosError, invalidField } from "#shared/errors/cos-error.ts";
import { textFault } from "#shared/fields/text-fault.ts";
import { type ParsedQuery, parseQuery } from "#shared/ranking/parse-query.ts";
import { checkFilter } from "./check-filter.ts";

/** PostgreSQL takes words of 2,046 bytes at most, and nothing longer is in the index. In UTF-16 code units. */
const WORD_MAX = 500;

/** Quotes and minuses. Each quote is looked for in each memory by itself. */
const STRICT_MAX = 32;

/** Checks what the contract's annotations cannot say, and reads the query. Throws INVALID_FIELD. */
export function checkSearch({ query, asker, filter }: SearchMemoriesRequest): ParsedQuery {
  for (const [field, text] of [
    ["query", query],
    ["asker", asker],
  ] as const) {
    const fault = textFault(text);
    if (fault !== undefined) throw invalidField(field, fault);
  }
  checkFilter(filter);
  const parsed = parseQuery(query);
  if (Object.values(parsed).some((texts: string[]) => texts.some(isTooLong))) {
    throw invalidField("query", `must not hold a word of over ${WORD_MAX} characters`);
  }
  if (parsed.required.length + parsed.excluded.length > STRICT_MAX) {
    throw invalidField("query", `must not hold over ${STRICT_MAX} parts in quotes or behind a minus`);
  }
  if (parsed.words.length + parsed.required.length > 0) return parsed;
  throw invalidField(
    "query",
    parsed.excluded.length > 0
      ? "must say what to look for, not only what to leave out"
      : "must hold a word to look for",
  );
}

function isTooLong(text: string): boolean {
  return text.split(/\s/u).some((word) => word.length > WORD_MAX);
}

/** Of a query whose words are all left out. */
export function saysNothing(): CosError {
  return invalidField("query", "must hold a word that says something: those it has are in nearly every text");
}
