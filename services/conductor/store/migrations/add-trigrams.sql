-- Brings pg_trgm, which finds what a misspelt word may have meant, where that is possible.
--
-- Purpose   corrections. Everything else works without them, so nothing that goes wrong here may fail the migration: the role may
--           not create extensions, or the server may not have this one. Searches then say `corrections_unavailable`.
-- Owner     the migration. An administrator may run both statements later; nothing needs to be restarted.
do $$
declare
  v_schema text;
begin
  create extension if not exists pg_trgm with schema mem0_cc;
  select n.nspname into strict v_schema
    from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = 'pg_trgm';
  execute format('create index term_trigrams on mem0_cc.term using gin (lexeme %I.gin_trgm_ops)', v_schema);
exception when others then
  raise notice 'pg_trgm is not to be had: misspelt words are not corrected (%)', sqlerrm;
end
$$
