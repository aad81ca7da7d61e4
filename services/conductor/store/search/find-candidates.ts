import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { lexemeQuery } from "../../domain/lexeme-query.ts";
import type { CandidateQuery, PassageKey, SearchCall, SearchWhere } from "../../domain/search-index.ts";
import { rangeConditions } from "../filter-conditions.ts";
import { Parameters } from "../parameters.ts";
import { inScope, isWanted, passagesAsM } from "./search-where.ts";
import { timeLeftMs } from "./time-left.ts";

/** Of a word that half of a library holds, so many passages are weighed, the first that the index names. */
const weighedMax = 20_000;

/** What narrows passages down along an index of its own; undefined: nothing does. */
function narrowing({ modules, filter }: SearchWhere, parameters: Parameters): string | undefined {
  const sessions = filter?.sessionIds ?? [];
  const times = rangeConditions("occurred_at", filter?.occurred, parameters);
  const narrow = sessions.length > 0 ? [`m.session_id = any (${parameters.add(sessions)}::text[])`] : times;
  if (narrow.length === 0) return undefined;
  return [`m.module = any (${parameters.add(modules)}::text[])`, ...narrow].join(" and ");
}

/** Whether sessions or times of the filter leave at most so many passages. */
export async function isNarrow(
  postgres: Postgres,
  call: SearchCall,
  where: SearchWhere,
  most: number,
): Promise<boolean> {
  const parameters = new Parameters();
  const narrow = narrowing(where, parameters);
  if (narrow === undefined) return false;
  const scope = inScope("m", call, parameters);
  const text = `select count(*)::int as count from (
      select from mem0_cc.passage m where ${narrow} and ${scope} limit ${parameters.add(most + 1)}) m`;
  const query = { text, values: parameters.values, signal: call.signal, timeoutMs: timeLeftMs(call) };
  const [row] = await queryAbortably<{ count: number }>(postgres, query);
  return (row?.count ?? 0) <= most;
}

/**
 * The passages that are worth a closer look: of those that match, the best by the sum of what their words say over their length,
 * times what a named month is worth.
 *
 * They come from the index of words, or, where the filter leaves few, from its own; never by reading all there is. Not prepared: a
 * plan that fits rare words does not fit common ones.
 */
export async function findCandidates(
  postgres: Postgres,
  call: SearchCall,
  query: CandidateQuery,
  narrow: boolean,
): Promise<PassageKey[]> {
  const parameters = new Parameters();
  const leading = `m.lex @@ ${parameters.add(query.leading)}::tsquery`;
  const way = (narrow ? narrowing(query, parameters) : undefined) ?? "";
  const conditions = [
    ...(way === "" ? [leading, ...moduleConditions(query, parameters)] : [way, `(${leading}) is true`]),
    inScope("m", call, parameters),
    isWanted(query, parameters),
  ];
  const weights = query.weights.map(
    ({ lexeme, idf }) =>
      `case when m.lex @@ ${parameters.add(lexemeQuery(lexeme))}::tsquery then ${parameters.add(idf)}::float8 else 0 end`,
  );
  const lengthWeight = `${parameters.add(query.lengthWeight)}::float8`;
  const norm = `(1 - ${lengthWeight} + ${lengthWeight} * m.words / ${parameters.add(query.meanLength)}::float8)`;
  const month = monthBoost(query, parameters);
  const text = `
    select f.module, f.position::float8 as position, f.part
    from (
      select m.module, m.position, m.part, m.occurred_at, (${weights.join(" + ")}) / ${norm}${month} as score
      from ${passagesAsM} where ${conditions.join(" and ")} limit ${weighedMax}
    ) f
    order by f.score desc, f.occurred_at desc, f.position desc, f.part
    limit ${parameters.add(query.limit)}`;
  return queryAbortably<PassageKey & Record<string, unknown>>(postgres, {
    text,
    values: parameters.values,
    signal: call.signal,
    timeoutMs: timeLeftMs(call),
  });
}

/** What a passage of a named month counts for, as a factor. They are given as numbers: a query may name hundreds. */
function monthBoost({ months, monthFactor }: CandidateQuery, parameters: Parameters): string {
  if (months.length === 0) return "";
  const [year, month] = ["year", "month"].map((part) => `extract(${part} from m.occurred_at at time zone 'UTC')::int`);
  const ofAnyYear = months.flatMap((named) => (named.year === undefined ? [named.month] : []));
  const ofOne = months.flatMap((named) => (named.year === undefined ? [] : [named.year * 12 + named.month]));
  const isOfMonth = [
    `${month} = any (${parameters.add(ofAnyYear)}::int[])`,
    `${year} * 12 + ${month} = any (${parameters.add(ofOne)}::int[])`,
  ].join(" or ");
  return ` * case when ${isOfMonth} then ${parameters.add(monthFactor)}::float8 else 1 end`;
}

/** As keys of the index of words; `m.module = ...` would lead to another one. */
function moduleConditions({ modules, isEverywhere }: SearchWhere, parameters: Parameters): string[] {
  return isEverywhere ? [] : [`array[m.module] && ${parameters.add(modules)}::text[]`];
}
