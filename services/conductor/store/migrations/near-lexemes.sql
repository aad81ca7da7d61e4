-- The lexemes that look most like one, by the trigrams they share, with how many passages hold them.
--
-- Purpose   corrections of misspelt words: what comes of these, shared/ranking/nearest-word.ts decides.
-- Owner     the conductor's nearLexemes.
--
--  N1  Only lexemes of the modules given: what others hold says nothing, not even that there is such a word.
--  N2  The extension is looked up in each call, in whatever schema it is, so that it may come later than this function.
--
-- Failure   without pg_trgm the answer is empty; the caller asks whether it is there.
create function mem0_cc.near_lexemes(p_modules text[], p_lexeme text)
returns table (lexeme text, df bigint)
language plpgsql
stable
set search_path = mem0_cc, pg_temp
set enable_seqscan = off
as $$
declare
  v_schema text;
begin
  select n.nspname into v_schema
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
  if v_schema is null then
    return;
  end if;
  return query execute format(
    'select t.lexeme::text, sum(t.df)::bigint
     from mem0_cc.term t
     where t.lexeme operator(%1$I.%%) $2 and t.module = any ($1)
     group by t.lexeme
     order by max(%1$I.similarity(t.lexeme, $2)) desc, t.lexeme
     limit 50', v_schema)
    using p_modules, p_lexeme;
end
$$
