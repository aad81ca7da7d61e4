import type { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { FoundPassage, SearchCall, ShownMemories } from "../../domain/search-index.ts";
import { searchableText } from "../../domain/searchable-text.ts";
import { type MemoryRow, memoryColumns, memoryOf } from "../memory-rows.ts";
import { Parameters } from "../parameters.ts";
import { sizeSql } from "../size-sql.ts";
import { inScope } from "./search-where.ts";
import { timeLeftMs } from "./time-left.ts";

/** A page ends here, with at least one memory. */
const pageBytesMax = 2 * 1024 * 1024;

type ShownRow = MemoryRow & { readonly n: number; readonly passage: string; readonly found: number };

/**
 * The memories of passages, in their order, with the passages as the log has them at this moment; what was forgotten is left out,
 * however far behind the index is. What would take them beyond 2 MiB is cut off.
 */
export async function readMemories(
  postgres: Postgres,
  call: SearchCall,
  passages: readonly FoundPassage[],
  view: MemoryView,
): Promise<ShownMemories> {
  const parameters = new Parameters();
  const [modules, positions, starts, lengths] = [
    parameters.add(passages.map(({ module }) => module)),
    parameters.add(passages.map(({ position }) => position)),
    parameters.add(passages.map(({ startAt }) => startAt)),
    parameters.add(passages.map(({ characters }) => characters)),
  ];
  const text = `
    with given as (
      select g.*, ${sizeSql(view)} + 4 * g.length as size
      from unnest(${modules}::text[], ${positions}::bigint[], ${starts}::int[], ${lengths}::int[]) with ordinality
        g (module, position, start_at, length, n)
      cross join lateral (select * from mem0_cc.memory m where m.module = g.module and m.position = g.position limit 1) m
      where m.forgotten_at is null and ${inScope("m", call, parameters)}
    ), cut as (
      select g.*, sum(g.size) over w as bytes, row_number() over w as nth, count(*) over () as found
      from given g window w as (order by g.n)
    )
    select c.n::int as n, c.found::int as found, ${memoryColumns(view)},
           substr(${searchableText}, c.start_at + 1, c.length) as passage
    from cut c
    cross join lateral (select * from mem0_cc.memory m
      where m.module = c.module and m.position = c.position and m.forgotten_at is null limit 1) m
    where c.nth = 1 or c.bytes <= ${pageBytesMax}
    order by c.n`;
  const query = { text, values: parameters.values, signal: call.signal, timeoutMs: timeLeftMs(call) };
  const rows = await queryAbortably<ShownRow>(postgres, query);
  const shown = rows.map((row) => ({ index: row.n - 1, memory: memoryOf(row), passage: row.passage }));
  return { shown, isCut: rows.length < (rows[0]?.found ?? 0) };
}
