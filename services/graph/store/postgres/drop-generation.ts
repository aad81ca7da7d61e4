import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { retireForGood } from "./generations.ts";

/** Where rows of generations lie; that of the generations themselves comes last. */
const tables = ["edge", "words", "node", "name", "removed", "fault", "naming", "tally", "place"] as const;

const stepTimeoutMs = 10_000;

/**
 * Removes all of a generation that is not live.
 *
 * Purpose    millions of rows go, and nobody who reads or projects another generation waits for it.
 * Owner      the caller; several at once, and again after a crash, do no harm.
 *  E1  The generation takes no step any more before its first row goes (retireForGood).
 *  E2  Each statement looks at so many pages of a table, in their order, once: an index would be walked from its beginning each time,
 *      over all that was deleted before.
 *  E3  The generation's own row goes last: whoever finds it knows that something may be left.
 * Failure    rejects with ENGINE_UNAVAILABLE, or between two statements with the signal's reason; a repetition goes on.
 */
export async function dropGeneration(
  postgres: Postgres,
  generation: number,
  { signal, pagesAStep = 500 }: { readonly signal?: AbortSignal | undefined; readonly pagesAStep?: number } = {},
): Promise<void> {
  signal?.throwIfAborted();
  if (!(await retireForGood(postgres, generation))) return;
  for (const table of tables) {
    const pages = await pagesOf(postgres, table);
    for (let page = 0; page < pages; page += pagesAStep) {
      signal?.throwIfAborted();
      await queryAbortably(postgres, {
        text: `delete from cos_graph.${table} t where t.ctid >= $2::text::tid and t.ctid < $3::text::tid and t.generation = $1`,
        values: [generation, `(${page},0)`, `(${page + pagesAStep},0)`],
        timeoutMs: stepTimeoutMs,
      });
    }
  }
  await queryAbortably(postgres, {
    text: "delete from cos_graph.generation where number = $1 and dropping",
    values: [generation],
  });
}

async function pagesOf(postgres: Postgres, table: string): Promise<number> {
  const [row] = await queryAbortably<{ pages: number }>(postgres, {
    text: "select (pg_relation_size($1::text::regclass) / current_setting('block_size')::int)::int as pages",
    values: [`cos_graph.${table}`],
    timeoutMs: stepTimeoutMs,
  });
  return row?.pages ?? 0;
}
