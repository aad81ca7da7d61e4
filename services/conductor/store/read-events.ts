import type { Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import type { Scope } from "#shared/auth/scope.ts";
import type { ReadLimits, ReadResult } from "#shared/highway/log-port.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { filterConditions } from "./filter-conditions.ts";
import { eventOf, type MemoryRow, memoryColumns, memoryOf } from "./memory-rows.ts";
import { Parameters } from "./parameters.ts";
import { scopeParameter } from "./visibility.ts";

export interface ReadRequest {
  readonly module: string;
  /** Positions above this one. */
  readonly after: number;
  readonly limits: ReadLimits;
  readonly filter?: Filter | undefined;
}

/** How many positions one read looks at under a filter: it returns within milliseconds however little it finds. */
const scanMax = 5000;

type ReadRow = { through: string } & (MemoryRow | { position: null });

/**
 * Reads a stretch of a module's log. Positions are dense, so a stretch is a range of the primary key, and its end is known without
 * looking for it. Sizes are summed over narrow rows first; texts are fetched for what is returned alone.
 *
 * Rejects with MODULE_NOT_FOUND when the scope does not hold the module.
 */
export async function readEvents(
  postgres: Postgres,
  scope: Scope,
  request: ReadRequest,
  signal?: AbortSignal,
): Promise<ReadResult> {
  const { text, values } = readStatement(scope, request);
  const rows = await queryAbortably<ReadRow>(postgres, { text, values, signal });
  const [first] = rows;
  if (first === undefined) throw moduleNotFound(request.module);
  const events = rows.flatMap((row) => (row.position === null ? [] : [eventOf(memoryOf(row), row.traceparent ?? "")]));
  return { events, through: Number(first.through) };
}

function readStatement(scope: Scope, { module, after, limits, filter }: ReadRequest) {
  const parameters = new Parameters();
  const [m, a, visible] = [parameters.add(module), parameters.add(after), parameters.add(scopeParameter(scope))];
  const [eventsMax, bytesMax] = [parameters.add(limits.eventsMax), parameters.add(limits.bytesMax)];
  const conditions = filterConditions(filter, parameters);
  const span = conditions.length === 0 ? eventsMax : parameters.add(Math.max(scanMax, limits.eventsMax));
  const wanted =
    conditions.length === 0 ? "true" : `((${conditions.join(" and ")}) or m.event_type = 'cos.memory.forgotten')`;
  const text = `
    with span as materialized (
      select greatest(least(h.position, ${a}::bigint + ${span}::bigint), ${a}::bigint) as through
      from mem0_cc.head h
      where h.module = ${m} and (${visible}::text[] is null or h.module = any(${visible}::text[]))
    ), wanted as materialized (
      select m.position, m.size, row_number() over (order by m.position) as nth,
             sum(m.size) over (order by m.position) as bytes
      from (select m.position, m.size from mem0_cc.memory m, span
            where m.module = ${m} and m.position > ${a}::bigint and m.position <= span.through and ${wanted}
            order by m.position limit ${eventsMax}) m
    ), ending as (
      -- Before the first that no longer fits; else at the last, if there may be more; else at the end of the span.
      select coalesce(
        (select min(w.position) - 1 from wanted w where w.nth > 1 and w.bytes > ${bytesMax}::bigint),
        (select w.position from wanted w where w.nth = ${eventsMax}),
        (select span.through from span)) as through
      from span
    )
    select e.through as through, ${memoryColumns(MemoryView.FULL)}
    from ending e
    left join (wanted w join mem0_cc.memory m on m.module = ${m} and m.position = w.position) on w.position <= e.through
    order by m.position`;
  return { text, values: parameters.values };
}
