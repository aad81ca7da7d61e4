import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { plainText } from "../../domain/plain-text.ts";
import type { Lexemes, SearchCall, SearchIndex, WordIn } from "../../domain/search-index.ts";
import { scopeParameter } from "../visibility.ts";
import { configOf } from "./language-of.ts";
import { timeLeftMs } from "./time-left.ts";

type CountedTerms = Awaited<ReturnType<SearchIndex["countTerms"]>>;

/** $1 texts, $2 languages. Each text by its lexemes in each language, and as a phrase in any of them. */
const reduce = `
  select jsonb_agg(to_jsonb(tsvector_to_array(to_tsvector(${configOf("c.language")}, t.text))) order by c.n) as lexemes,
         coalesce(string_agg(distinct '(' || q.phrase::text || ')', ' | ') filter (where numnode(q.phrase) > 0), '') as phrase
  from unnest($1::text[]) with ordinality t (text, n)
  cross join unnest($2::text[]) with ordinality c (language, n)
  cross join lateral (select phraseto_tsquery(${configOf("c.language")}, t.text) as phrase) q
  group by t.n order by t.n`;

export async function readLexemes(
  postgres: Postgres,
  call: SearchCall,
  languages: readonly string[],
  texts: readonly string[],
): Promise<Lexemes[]> {
  return queryAbortably<Lexemes & Record<string, unknown>>(postgres, {
    text: reduce,
    values: [texts.map(plainText), languages],
    signal: call.signal,
    timeoutMs: timeLeftMs(call),
  });
}

const count = `
  select t.lexeme, sum(t.df)::float8 as df from mem0_cc.term t
  where t.module = any ($1) and t.lexeme = any ($2) and ($3::text[] is null or t.module = any ($3))
  group by t.lexeme`;

export async function countTerms(
  postgres: Postgres,
  call: SearchCall,
  modules: readonly string[],
  lexemes: readonly string[],
): Promise<CountedTerms> {
  return queryAbortably<CountedTerms[number] & Record<string, unknown>>(postgres, {
    text: count,
    values: [modules, lexemes, scopeParameter(call.scope)],
    signal: call.signal,
    timeoutMs: timeLeftMs(call),
  });
}

/** A row for each lexeme at least: whether the extension is there. */
const near = `
  select e.is_there, w.n::int as n, f.lexeme, f.df::float8 as df
  from (select exists (select from pg_catalog.pg_extension e where e.extname = 'pg_trgm') as is_there) e
  cross join unnest($2::text[]) with ordinality w (lexeme, n)
  left join lateral mem0_cc.near_lexemes(
    array(select m from unnest($1::text[]) m where $3::text[] is null or m = any ($3)), w.lexeme) f on e.is_there`;

/** What looks like each of some lexemes, all in one statement; undefined: the database lacks pg_trgm. */
export async function nearLexemes(
  postgres: Postgres,
  call: SearchCall,
  modules: readonly string[],
  lexemes: readonly string[],
): Promise<CountedTerms[] | undefined> {
  const rows = await queryAbortably<{ is_there: boolean; n: number; lexeme: string | null; df: number | null }>(
    postgres,
    {
      text: near,
      values: [modules, lexemes, scopeParameter(call.scope)],
      signal: call.signal,
      timeoutMs: timeLeftMs(call),
    },
  );
  if (rows.some(({ is_there: isThere }) => !isThere)) return undefined;
  const found: CountedTerms[] = lexemes.map(() => []);
  for (const { n, lexeme, df } of rows) if (lexeme !== null && df !== null) found[n - 1]!.push({ lexeme, df });
  return found;
}

const reduceWords = `
  select tsvector_to_array(to_tsvector(${configOf("w.language")}, w.word)) as lexemes
  from unnest($1::text[], $2::text[]) with ordinality w (word, language, n) order by w.n`;

/** The lexemes of each word, in its language. They come from what the caller was shown, so no scope is asked. */
export async function readWords(
  postgres: Postgres,
  call: SearchCall,
  words: readonly WordIn[],
): Promise<(readonly string[])[]> {
  const rows = await queryAbortably<{ lexemes: string[] }>(postgres, {
    text: reduceWords,
    values: [words.map(({ word }) => plainText(word)), words.map(({ language }) => language)],
    signal: call.signal,
    timeoutMs: timeLeftMs(call),
  });
  return rows.map(({ lexemes }) => lexemes);
}
