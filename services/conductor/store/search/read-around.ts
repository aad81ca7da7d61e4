import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { anyLexeme } from "../../domain/lexeme-query.ts";
import type { AroundQuery, FoundPassage, SearchCall } from "../../domain/search-index.ts";
import { Parameters } from "../parameters.ts";
import { inScope, isWanted, passagesAsM } from "./search-where.ts";
import { timeLeftMs } from "./time-left.ts";

/** The next passages before or after a candidate `c`: of its session, or of its memory where it has none. */
const besides = (side: "before" | "after", most: string): string => {
  const [operator, order, bound, limit] =
    side === "before"
      ? ["<", "desc", ">=", "case when c.session_id = '' then c.position else 0 end"]
      : [">", "asc", "<=", "case when c.session_id = '' then c.position else 9223372036854775807 end"];
  return `(select n.position, n.part, row_number() over () as distance from (
      select p.position, p.part from mem0_cc.passage p
      where p.module = c.module and p.session_id = c.session_id and (p.position, p.part) ${operator} (c.position, c.part)
        and p.position ${bound} ${limit}
      order by p.position ${order}, p.part ${order} limit ${most}) n)`;
};

interface Row {
  readonly module: string;
  readonly position: number;
  readonly part: number;
  readonly session: string;
  readonly source: string;
  readonly year: number;
  readonly month: number;
  readonly occurred: number;
  readonly length: number;
  readonly startAt: number;
  readonly characters: number;
  readonly isWanted: boolean;
  readonly frequencies: Readonly<Record<string, number>> | null;
}

/**
 * Candidates with their neighbours, and the neighbours of those. Wanted are candidates and neighbours, as far as filter and quotes let
 * them; the rest is what they are ranked with.
 */
export async function readAround(postgres: Postgres, call: SearchCall, query: AroundQuery): Promise<FoundPassage[]> {
  const { keys, where, lexemes, neighbours } = query;
  const parameters = new Parameters();
  const [modules, positions, parts] = [
    parameters.add(keys.map(({ module }) => module)),
    parameters.add(keys.map(({ position }) => position)),
    parameters.add(keys.map(({ part }) => part)),
  ];
  const any = parameters.add(anyLexeme(lexemes));
  const list = parameters.add(lexemes);
  const most = `${parameters.add(2 * neighbours)}::int`;
  const text = `
    with candidate as materialized (
      select p.module, p.position, p.part, p.session_id
      from unnest(${modules}::text[], ${positions}::bigint[], ${parts}::int[]) g (module, position, part)
      cross join lateral (select * from mem0_cc.passage p
        where p.module = g.module and p.position = g.position and p.part = g.part limit 1) p
      where ${inScope("p", call, parameters)}
    ), near as materialized (
      select c.module, n.position, n.part, min(n.distance) as distance
      from candidate c
      cross join lateral (
        select c.position, c.part, 0 as distance
        union all ${besides("before", most)} union all ${besides("after", most)}) n
      group by c.module, n.position, n.part
    )
    select m.module, m.position::float8 as position, m.part, m.session_id as session, m.source,
           extract(year from m.occurred_at at time zone 'UTC')::int as year,
           extract(month from m.occurred_at at time zone 'UTC')::int as month,
           extract(epoch from m.occurred_at)::float8 as occurred,
           m.words as length, m.start_at as "startAt", m.length as characters,
           (n.distance <= ${parameters.add(neighbours)}::int and ${isWanted(where, parameters)}) as "isWanted",
           case when m.lex @@ ${any}::tsquery then (
             select jsonb_object_agg(u.lexeme, cardinality(u.positions)) from unnest(m.lex) u where u.lexeme = any (${list}::text[])
           ) end as frequencies
    from near n
    cross join lateral (select * from ${passagesAsM}
      where m.module = n.module and m.position = n.position and m.part = n.part limit 1) m`;
  const statement = { text, values: parameters.values, signal: call.signal, timeoutMs: timeLeftMs(call) };
  const rows = await queryAbortably<Row & Record<string, unknown>>(postgres, statement);
  return rows.map((row) => ({ ...row, frequencies: new Map(Object.entries(row.frequencies ?? {})) }));
}
