import { create } from "@bufbuild/protobuf";
import { type DeadLetter, type DeadLetter_Reason, DeadLetterSchema } from "#gen/cos/highway/v1/consumers_pb.ts";
import type { ListDeadLettersRequest } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf, type KeyShape } from "#shared/paging/page-token.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { eventOf, type MemoryRow, memoryColumns, memoryOf, timestampOf } from "../memory-rows.ts";
import { Parameters } from "../parameters.ts";
import { scopeParameter } from "../visibility.ts";
import { visibleConsumer } from "./consumer-rows.ts";
import { type ConsumerStore, consumerNotFound } from "./consumer-store.ts";

/** A page ends here, with at least one letter. */
const pageBytesMax = 1024 * 1024;

const keyShape: KeyShape = [(part) => /^[a-z0-9_]+$/.test(part), (part) => /^\d{1,18}$/.test(part)];

export interface DeadLetterPage {
  readonly deadLetters: DeadLetter[];
  /** Empty: this page was the last. */
  readonly nextPageToken: string;
  /** All that there are of the consumer, or of its module. */
  readonly total: bigint;
}

interface LetterRow extends MemoryRow {
  readonly total: string;
  readonly found: number;
  readonly attempts: number;
  readonly error: string | null;
  readonly reason: number;
  readonly dead_us: string;
  readonly member: string;
}

/** A consumer's dead letters by module and position, a page at a time. Rejects with CONSUMER_NOT_FOUND and PAGE_TOKEN_INVALID. */
export async function listDeadLetters(
  store: ConsumerStore,
  scope: Scope,
  request: ListDeadLettersRequest,
  signal?: AbortSignal,
): Promise<DeadLetterPage> {
  const fingerprint = fingerprintOf("dead-letters", request.consumer, request.module);
  const after = request.pageToken === "" ? undefined : decodePageToken(fingerprint, request.pageToken, keyShape);
  const rows = await queryAbortably<LetterRow | NoRow>(store.postgres, {
    ...statementOf(scope, request, after),
    signal,
  });
  const [first] = rows;
  if (first === undefined) throw consumerNotFound(request.consumer);
  const letters = rows.filter((row): row is LetterRow => row.position !== null);
  const last = letters.at(-1);
  const more = last !== undefined && last.found > letters.length;
  return {
    deadLetters: letters.map(letterOf),
    nextPageToken: more ? encodePageToken(fingerprint, [last.module, last.position]) : "",
    total: BigInt(first.total),
  };
}

/** Of a consumer without letters. */
interface NoRow {
  readonly position: null;
  readonly total: string;
}

/** Sizes are summed over narrow rows first; the memories are fetched for what is returned alone. */
function statementOf(
  scope: Scope,
  { consumer, module, pageSize }: ListDeadLettersRequest,
  after: string[] | undefined,
) {
  const parameters = new Parameters();
  const [name, visible] = [parameters.add(consumer), parameters.add(scopeParameter(scope))];
  const size = parameters.add(pageSizeOf(pageSize));
  const inModule = module === "" ? "true" : `l.module = ${parameters.add(module)}`;
  const rest =
    after === undefined
      ? "true"
      : `(l.module, l.position) > (${parameters.add(after[0])}, ${parameters.add(after[1])}::bigint)`;
  const text = `
    with page as materialized (
      select l.module, l.position, m.size + coalesce(octet_length(l.error), 0) as size
      from mem0_cc.dead_letter l
      cross join lateral (select m.size from mem0_cc.memory m where m.module = l.module and m.position = l.position limit 1) m
      where l.consumer = ${name} and ${inModule} and ${rest}
      order by l.module, l.position limit ${size} + 1
    ), cut as (
      select p.module, p.position, row_number() over w as nth, sum(p.size) over w as bytes, count(*) over () as found
      from page p window w as (order by p.module, p.position)
    )
    select (select count(*) from mem0_cc.dead_letter l where l.consumer = ${name} and ${inModule}) as total,
           l.attempts, l.error, l.reason, l.member, cut.found::int as found,
           (extract(epoch from l.dead_at) * 1000000)::bigint as dead_us, ${memoryColumns(MemoryView.FULL)}
    from mem0_cc.consumer c
    left join cut on cut.nth <= ${size} and (cut.nth = 1 or cut.bytes <= ${pageBytesMax})
    left join lateral (
      select * from mem0_cc.dead_letter l
      where l.consumer = ${name} and l.module = cut.module and l.position = cut.position limit 1) l on true
    left join lateral (
      select * from mem0_cc.memory m where m.module = l.module and m.position = l.position limit 1) m on true
    where c.name = ${name} and ${visibleConsumer(visible)}
    order by cut.nth`;
  return { text, values: parameters.values };
}

function letterOf(row: LetterRow): DeadLetter {
  return create(DeadLetterSchema, {
    event: eventOf(memoryOf(row), row.traceparent ?? ""),
    attempts: row.attempts,
    // What was said while it was being forgotten may quote it.
    error: row.forgotten_us === null ? (row.error ?? "") : "",
    reason: row.reason as DeadLetter_Reason,
    deadAt: timestampOf(row.dead_us),
    member: row.member,
  });
}
