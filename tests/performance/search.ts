import { Client } from "pg";
import { indexRules } from "#services/conductor/domain/searchable-text.ts";
import type { Bench } from "./bench.ts";
import type { Rig } from "./open-rig.ts";
import { latencyOf, medianOf } from "./quantiles.ts";

const WIDE = "search_wide";
const SCOPED = "search_scoped";
/** Passages of the module that is searched alone. */
const SCOPED_PASSAGES = 10_000;
/** Passages of one conversation within the large module. */
const SESSION_PASSAGES = 500;
/** How many different words there are, drawn as in a natural text: the n-th with a share of 1/n (Zipf). */
const VOCABULARY = 50_000;
const WORDS = 60;
const CALLS = 200;
/** Before anything is measured: connections are made, and pages come from the disk. */
const WARM_UP_CALLS = 20;
const QUERIES = 40;
/** Milliseconds at the 99th percentile, on an idle machine. */
const GOALS = { scoped: 50, all: 150 };

/**
 * SearchMemories on as many passages as the largest of `--rows`, in all of them and in part. They are made by SQL, as the indexer would have
 * left them, from texts of which each query takes four words.
 */
export const search: Bench = async (rig, { rounds, rows }) => {
  const passages = Math.max(...rows, 2 * SCOPED_PASSAGES);
  await fill(rig, passages);
  await takeTurn(rig, 0, WARM_UP_CALLS);
  const turns = [];
  for (let round = 0; round < rounds; round += 1) turns.push(await takeTurn(rig, round));
  const figures = medianOf(turns);
  return {
    title: `${passages.toLocaleString("en")} passages of ${WORDS} words, queries of four; medians of the rounds`,
    columns: ["", "p50 ms", "p99 ms"],
    rows: [
      ["in all modules", figures.allMs, figures.allP99Ms],
      [`in a module of ${SCOPED_PASSAGES.toLocaleString("en")}`, figures.moduleMs, figures.moduleP99Ms],
      [`in a session of ${SESSION_PASSAGES} of the large module`, figures.sessionMs, figures.sessionP99Ms],
    ],
    goals: [
      { goal: "all, p99", measured: figures.allP99Ms, limit: GOALS.all, bound: "at most", unit: " ms" },
      { goal: "a module, p99", measured: figures.moduleP99Ms, limit: GOALS.scoped, bound: "at most", unit: " ms" },
      { goal: "a session, p99", measured: figures.sessionP99Ms, limit: GOALS.scoped, bound: "at most", unit: " ms" },
    ],
  };
};

/** A word by its rank, which no stemmer changes and that looks like no other. */
const wordOf = (rank: string): string => `'w' || ${rank} || 'q'`;

/** Memories and passages of a module, from random words. (`random(0.0, 1.0)` is numeric, of one decimal: eleven words.) */
const fillModule = `
  with texts as materialized (
    select n, (select string_agg(${wordOf(`floor(exp(random() * ln(${VOCABULARY}::float8) + 0 * (n + w)))::int`)}, ' ')
               from generate_series(1, ${WORDS}) w) as text
    from generate_series($2::int, $3::int) n
  ), logged as (
    insert into mem0_cc.memory (module, position, id, event_type, source, text, occurred_at, recorded_at, session_id, size)
    select $1, n, gen_random_uuid(), 'note', 'bench', text, now(), now(), 's' || n / ${SESSION_PASSAGES}, 600 from texts
  )
  insert into mem0_cc.passage (module, position, part, session_id, source, event_type, tags, occurred_at, recorded_at,
                               start_at, length, words, lex)
  select $1, n, 0, 's' || n / ${SESSION_PASSAGES}, 'bench', 'note', '{}', now(), now(), 0, length(text), ${WORDS}, to_tsvector('english', text)
  from texts`;

const count = `
  insert into mem0_cc.term (module, lexeme, df)
  select p.module, u.lexeme, count(*) from mem0_cc.passage p cross join lateral unnest(p.lex) u
  where p.module = $1 group by p.module, u.lexeme`;

const place = `
  insert into mem0_cc.index_place (module, language, rules, position, passages, words)
  select $1, 'english', ${indexRules}, $2::int, $2::int, $2::int * ${WORDS}`;

const PART = 50_000;

async function fill({ postgresUrl, modules }: Rig, passages: number): Promise<void> {
  const client = new Client({ connectionString: postgresUrl });
  await client.connect();
  await client.query("set synchronous_commit = off; set maintenance_work_mem = '512MB'; set work_mem = '256MB'");
  const { rows } = await client.query("select pg_get_indexdef('mem0_cc.passage_lex'::regclass) as definition");
  // Built at the end: a tenth of the time.
  await client.query("drop index mem0_cc.passage_lex");
  for (const [module, size] of [
    [SCOPED, SCOPED_PASSAGES],
    [WIDE, passages - SCOPED_PASSAGES],
  ] as const) {
    await modules.registerModule({ module: { name: module } });
    // Before its memories, so that the indexer finds nothing to do.
    await client.query(place, [module, size]);
    for (let from = 1; from <= size; from += PART) {
      await client.query(fillModule, [module, from, Math.min(size, from + PART - 1)]);
    }
    await client.query("update mem0_cc.head set position = $2 where module = $1", [module, size]);
    await client.query(count, [module]);
  }
  await client.query(rows[0].definition);
  await client.query("analyze mem0_cc.passage, mem0_cc.term, mem0_cc.memory");
  await client.end();
}

async function takeTurn(rig: Rig, round: number, calls = CALLS) {
  const [allMs, moduleMs, sessionMs]: [number[], number[], number[]] = [[], [], []];
  for (let n = 0; n < calls; n += 1) {
    const query = queryOf(round * calls + n);
    allMs.push(await timed(rig, { query, allModules: true }));
    moduleMs.push(await timed(rig, { query, modules: [SCOPED] }));
    sessionMs.push(await timed(rig, { query, modules: [WIDE], filter: { sessionIds: [`s${n % 20}`] } }));
  }
  const [all, module, session] = [latencyOf(allMs), latencyOf(moduleMs), latencyOf(sessionMs)];
  return {
    allMs: all.p50Ms,
    allP99Ms: all.p99Ms,
    moduleMs: module.p50Ms,
    moduleP99Ms: module.p99Ms,
    sessionMs: session.p50Ms,
    sessionP99Ms: session.p99Ms,
  };
}

/** Two common words, one of the middle, and a rare one, as people ask. */
function queryOf(n: number): string {
  const step = (n % QUERIES) + 1;
  return [3 + step, 20 + 7 * step, 400 + 31 * step, 9000 + 401 * step].map((rank) => `w${rank}q`).join(" ");
}

async function timed({ conductor }: Rig, request: Parameters<Rig["conductor"]["searchMemories"]>[0]): Promise<number> {
  const began = performance.now();
  await conductor.searchMemories(request);
  return performance.now() - began;
}
