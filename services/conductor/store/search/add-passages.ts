import type pg from "pg";
import { plainText } from "../../domain/plain-text.ts";
import type { TextPassage } from "../../domain/searchable-text.ts";
import { configOf } from "./language-of.ts";

/** How many passages, and how many words they have in all. */
export interface PassageCount {
  readonly passages: number;
  readonly words: number;
}

/**
 * $1 module, $2 language, $3 positions, $4 parts, $5 starts, $6 lengths, $7 texts, $8 sources, the last two in plain. The rest comes from the
 * log's rows, as they are now: a memory that was forgotten since it was read leaves nothing. The source is searched with the text,
 * after it.
 */
const add = `
  with given as materialized (
    select * from unnest($3::bigint[], $4::int[], $5::int[], $6::int[], $7::text[], $8::text[])
      g (position, part, start_at, length, text, source)
  ), added as (
    insert into mem0_cc.passage (module, position, part, session_id, source, event_type, tags, occurred_at, recorded_at,
                                 start_at, length, words, lex)
    select m.module, m.position, g.part, coalesce(m.session_id, ''), m.source, m.event_type, m.tags, m.occurred_at, m.recorded_at,
           g.start_at, g.length, w.words, x.lex
    from given g
    cross join lateral (select * from mem0_cc.memory m where m.module = $1 and m.position = g.position limit 1) m
    cross join lateral (
      select to_tsvector(${configOf("$2::text")}, g.text) || to_tsvector(${configOf("$2::text")}, g.source) as lex offset 0) x
    cross join lateral (
      select coalesce(sum(cardinality(u.positions)), 0)::int as words from unnest(x.lex) u) w
    where m.forgotten_at is null
    returning lex, words
  ), counted as (
    select u.lexeme, count(*) as df from added a cross join lateral unnest(a.lex) u group by u.lexeme
  ), known as (
    insert into mem0_cc.term (module, lexeme, df)
    select $1, c.lexeme, c.df from counted c order by c.lexeme collate "C"
    on conflict (module, lexeme) do update set df = term.df + excluded.df
  )
  select count(*)::int as passages, coalesce(sum(a.words), 0)::int as words from added a`;

/** Adds passages of a module's memories, and counts their words. */
export async function addPassages(
  client: pg.ClientBase,
  { module, language }: { readonly module: string; readonly language: string },
  passages: readonly (TextPassage & { readonly position: string; readonly source: string })[],
): Promise<PassageCount> {
  if (passages.length === 0) return { passages: 0, words: 0 };
  const { rows } = await client.query<PassageCount>(add, [
    module,
    language,
    passages.map(({ position }) => position),
    passages.map(({ part }) => part),
    passages.map(({ startAt }) => startAt),
    passages.map(({ length }) => length),
    passages.map(({ text }) => plainText(text)),
    passages.map(({ source }) => plainText(source)),
  ]);
  return rows[0]!;
}
