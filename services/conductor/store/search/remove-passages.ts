import type pg from "pg";
import type { PassageCount } from "./add-passages.ts";

/** $1 module, $2 positions. A word that no passage holds any more is gone, as if it had never been: misspelt words are held against them. */
const remove = `
  with gone as (
    delete from mem0_cc.passage p
    using unnest($2::bigint[]) g (position)
    where p.module = $1 and p.position = g.position
    returning p.lex, p.words
  ), counted as materialized (
    select u.lexeme, count(*) as df from gone g cross join lateral unnest(g.lex) u group by u.lexeme
  ), lost as (
    delete from mem0_cc.term t using counted c where t.module = $1 and t.lexeme = c.lexeme and t.df <= c.df
  ), lessened as (
    update mem0_cc.term t set df = t.df - c.df from counted c where t.module = $1 and t.lexeme = c.lexeme and t.df > c.df
  )
  select count(*)::int as passages, coalesce(sum(g.words), 0)::int as words from gone g`;

/** Removes the passages of a module's memories, and gives back the counts of their words. */
export async function removePassages(
  client: pg.ClientBase,
  module: string,
  positions: readonly string[],
): Promise<PassageCount> {
  if (positions.length === 0) return { passages: 0, words: 0 };
  const { rows } = await client.query<PassageCount>(remove, [module, positions]);
  return rows[0]!;
}
