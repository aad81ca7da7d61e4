import type pg from "pg";
import type { PassageCount } from "./add-passages.ts";

/** $1 module, $2 positions, $3 how many at most. A word that no passage holds any more is gone, as if it had never been: misspelt words are held against them. */
const remove = `
  with gone as (
    delete from mem0_cc.passage p
    using (select f.position, f.part from mem0_cc.passage f
           where f.module = $1 and f.position = any ($2::bigint[]) order by f.position, f.part limit $3) g
    where p.module = $1 and p.position = g.position and p.part = g.part
    returning p.lex, p.words
  ), counted as materialized (
    select u.lexeme, count(*) as df from gone g cross join lateral unnest(g.lex) u group by u.lexeme
  ), lost as (
    delete from mem0_cc.term t using counted c where t.module = $1 and t.lexeme = c.lexeme and t.df <= c.df
  ), lessened as (
    update mem0_cc.term t set df = t.df - c.df from counted c where t.module = $1 and t.lexeme = c.lexeme and t.df > c.df
  )
  select count(*)::int as passages, coalesce(sum(g.words), 0)::int as words from gone g`;

/** Removes passages of a module's memories, so many at most, and gives back the counts of their words. */
export async function removePassages(
  client: pg.ClientBase,
  module: string,
  positions: readonly string[],
  most: number,
): Promise<PassageCount> {
  if (positions.length === 0) return { passages: 0, words: 0 };
  const { rows } = await client.query<PassageCount>(remove, [module, positions, most]);
  return rows[0]!;
}
