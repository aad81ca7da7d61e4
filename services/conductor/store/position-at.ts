import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { instantParameter } from "./instant-parameter.ts";

/**
 * Binary search over positions: they have no gaps and `recorded_at` does not decrease, so it takes one probe of the primary key
 * for each doubling of the module, and no index of its own. Not prepared: a plan from when the tables were empty would not stay good.
 */
const text = `
  with recursive search (low, high) as (
    select 0::bigint, h.position from mem0_cc.head h where h.module = $1
    union all
    select case when m.recorded_at < $2 then m.position else s.low end,
           case when m.recorded_at < $2 then s.high else m.position - 1 end
    from search s
    cross join lateral (
      select m.position, m.recorded_at from mem0_cc.memory m
      where m.module = $1 and m.position = (s.low + s.high + 1) / 2 limit 1) m
    where s.low < s.high
  )
  select low as position from search where low >= high`;

/** The last position of a module that was recorded before the time; 0 if there is none, or no such module. */
export async function positionAt(
  postgres: Postgres,
  module: string,
  at: Timestamp,
  signal?: AbortSignal,
): Promise<number> {
  const values = [module, instantParameter(at)];
  const [row] = await queryAbortably<{ position: string }>(postgres, { text, values, signal });
  return Number(row?.position ?? 0);
}
