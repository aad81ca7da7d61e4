/**
 * The language of a module as SQL, of the alias `m` of `mem0_cc.module`: the name of a text search configuration that PostgreSQL brings.
 * English where none is set, where the set one is not there, and as long as modules have no such setting.
 */
export const languageOf = `coalesce((select c.cfgname::text from pg_catalog.pg_ts_config c
  where c.cfgname = to_jsonb(m) ->> 'language' and c.cfgnamespace = 'pg_catalog'::regnamespace), 'english')`;

/** A language, given as SQL, as PostgreSQL takes it; names that it does not bring are never looked for elsewhere. */
export function configOf(language: string): string {
  return `('pg_catalog.' || quote_ident(${language}))::regconfig`;
}
