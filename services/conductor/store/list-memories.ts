import { create, toBinary } from "@bufbuild/protobuf";
import {
  ListMemoriesOrder,
  type ListMemoriesRequest,
  ListMemoriesRequestSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { Filter } from "#gen/cos/highway/v1/highway_pb.ts";
import type { Memory, MemoryView } from "#gen/cos/memory/v1/memory_pb.ts";
import { moduleNotFound } from "#shared/auth/refusals.ts";
import type { Scope } from "#shared/auth/scope.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { decodePageToken, encodePageToken, fingerprintOf, type KeyShape } from "#shared/paging/page-token.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { defaultModule } from "../domain/accept-memory.ts";
import { checkInstant } from "../domain/instant.ts";
import { filterConditions } from "./filter-conditions.ts";
import {
  type ListKey,
  type ListOrder,
  type ListScan,
  narrowCount,
  narrowingConditions,
  narrowScan,
  orderedScan,
  orderSql,
} from "./list-path.ts";
import { type MemoryRow, memoryColumns, memoryOf, timestampOf } from "./memory-rows.ts";
import { Parameters } from "./parameters.ts";
import { positionAt } from "./position-at.ts";
import { sizeSql } from "./size-sql.ts";
import { scopeParameter } from "./visibility.ts";

/** A page ends here, with at least one memory. */
const pageBytesMax = 2 * 1024 * 1024;

/** How many rows one page looks at: a filter that matches next to nothing gives a short page with a token, not a slow one. */
export const defaultScanMax = 10_000;

const recordedAscending: ListOrder = { by: "position", descending: false };

const orders: Readonly<Record<number, ListOrder>> = {
  [ListMemoriesOrder.RECORDED_ASCENDING]: recordedAscending,
  [ListMemoriesOrder.RECORDED_DESCENDING]: { by: "position", descending: true },
  [ListMemoriesOrder.OCCURRED_ASCENDING]: { by: "occurred", descending: false },
  [ListMemoriesOrder.OCCURRED_DESCENDING]: { by: "occurred", descending: true },
};

const isPosition = (part: string): boolean => /^\d{1,15}$/.test(part);
const isOccurred = (part: string): boolean =>
  /^-?\d{1,18}$/.test(part) && checkInstant(timestampOf(part)) === undefined;

/** What the parts of a key are. */
const keyShapes: Readonly<Record<ListOrder["by"], KeyShape>> = {
  position: [isPosition],
  occurred: [isPosition, isOccurred],
};

export interface MemoryPage {
  readonly memories: Memory[];
  /** Empty: this page was the last. */
  readonly nextPageToken: string;
}

/**
 * One page of a module's memories. Every page is found by its key in an index (never by an offset), looks at `scanMax` rows at most, and
 * ends at 2 MiB: the ten-thousandth costs what the first does.
 *
 * Rejects with PAGE_TOKEN_INVALID, or MODULE_NOT_FOUND when the scope does not hold the module.
 */
export async function listMemories(
  postgres: Postgres,
  scope: Scope,
  request: ListMemoriesRequest,
  options: { readonly signal?: AbortSignal | undefined; readonly scanMax?: number } = {},
): Promise<MemoryPage> {
  const { signal, scanMax = defaultScanMax } = options;
  const fingerprint = fingerprintOfList(request);
  const order = orders[request.order] ?? recordedAscending;
  const after =
    request.pageToken === "" ? undefined : keyOf(decodePageToken(fingerprint, request.pageToken, keyShapes[order.by]));
  const module = request.module === "" ? defaultModule : request.module;
  const bounds = await boundsOf(postgres, scope, module, request.filter, signal);
  const scan: ListScan = {
    module,
    order,
    filter: request.filter,
    ...bounds,
    after,
  };
  const found = await readPage(postgres, scan, request, scanMax, signal);
  const next = found.next === undefined ? "" : encodePageToken(fingerprint, tokenKeyOf(found.next));
  return { memories: found.memories, nextPageToken: next };
}

/** View and size of the page may change from page to page; nothing else may. */
function fingerprintOfList({ module, filter, order }: ListMemoriesRequest): string {
  const list = create(ListMemoriesRequestSchema, {
    module: module === "" ? defaultModule : module,
    order: order === ListMemoriesOrder.UNSPECIFIED ? ListMemoriesOrder.RECORDED_ASCENDING : order,
    ...(filter === undefined ? {} : { filter }),
  });
  return fingerprintOf("memories", toBinary(ListMemoriesRequestSchema, list));
}

/** Times of recording become positions: both rise together. The head is taken once, and needed to know where the list ends. */
async function boundsOf(
  postgres: Postgres,
  scope: Scope,
  module: string,
  filter: Filter | undefined,
  signal: AbortSignal | undefined,
): Promise<{ above: number; upTo: number }> {
  const [head] = await queryAbortably<{ position: string }>(postgres, {
    text: `select h.position from mem0_cc.head h
           where h.module = $1 and ($2::text[] is null or h.module = any($2))`,
    values: [module, scopeParameter(scope)],
    signal,
  });
  if (head === undefined) throw moduleNotFound(module);
  const { since, until } = filter?.recorded ?? {};
  return {
    above: since === undefined ? 0 : await positionAt(postgres, module, since, signal),
    upTo: until === undefined ? Number(head.position) : await positionAt(postgres, module, until, signal),
  };
}

interface Found {
  readonly memories: Memory[];
  readonly next: ListKey | undefined;
}

async function readPage(
  postgres: Postgres,
  scan: ListScan,
  { view, pageSize }: ListMemoriesRequest,
  scanMax: number,
  signal: AbortSignal | undefined,
): Promise<Found> {
  const size = pageSizeOf(pageSize);
  const narrow = await isNarrow(postgres, scan, scanMax, signal);
  const rows = await queryAbortably<PageRow>(postgres, { ...pageStatement(scan, view, size, scanMax, narrow), signal });
  const memories = rows.map(memoryOf);
  const last = rows.at(-1);
  // `found` counts one more than the page holds, and what 2 MiB cut off.
  if (last !== undefined && last.found > rows.length) return { memories, next: keyOfRow(scan, last) };
  const next = narrow ? undefined : await endOfScan(postgres, scan, scanMax, signal);
  return { memories, next };
}

type PageRow = MemoryRow & { readonly found: number };

async function isNarrow(postgres: Postgres, scan: ListScan, scanMax: number, signal?: AbortSignal): Promise<boolean> {
  const parameters = new Parameters();
  const narrowing = narrowingConditions(scan, parameters);
  if (narrowing === undefined) return false;
  const text = narrowCount(narrowing, parameters.add(scanMax + 1));
  const [row] = await queryAbortably<{ count: number }>(postgres, { text, values: parameters.values, signal });
  return row !== undefined && row.count <= scanMax;
}

function pageStatement(scan: ListScan, view: MemoryView, pageSize: number, scanMax: number, narrow: boolean) {
  const parameters = new Parameters();
  const candidates = narrow
    ? narrowScan(scan, narrowingConditions(scan, parameters) ?? [], parameters)
    : orderedScan(scan, parameters.add(scanMax), parameters);
  const wanted = filterConditions(scan.filter, parameters).join(" and ") || "true";
  const order = orderSql(scan.order);
  const size = parameters.add(pageSize);
  const text = `
    with page as materialized (
      select m.module, m.position, m.occurred_at, ${sizeSql(view)} as size
      from (${candidates}) m where ${wanted} order by ${order} limit ${size} + 1
    ), cut as (
      select m.module, m.position, row_number() over w as nth, sum(m.size) over w as bytes, count(*) over () as found
      from page m window w as (order by ${order})
    )
    select c.found::int as found, ${memoryColumns(view)}
    from cut c
    cross join lateral (select * from mem0_cc.memory m where m.module = c.module and m.position = c.position limit 1) m
    where c.nth <= ${size} and (c.nth = 1 or c.bytes <= ${pageBytesMax})
    order by c.nth`;
  return { text, values: parameters.values };
}

/** Where a scan that found no more than this page stopped looking; undefined: there was nothing more to look at. */
async function endOfScan(
  postgres: Postgres,
  scan: ListScan,
  scanMax: number,
  signal: AbortSignal | undefined,
): Promise<ListKey | undefined> {
  const parameters = new Parameters();
  const candidates = orderedScan(scan, parameters.add(scanMax), parameters);
  const [row] = await queryAbortably<{ position: string; occurred_us: string }>(postgres, {
    text: `select m.position, (extract(epoch from m.occurred_at) * 1000000)::bigint as occurred_us
           from (${candidates}) m order by ${orderSql(scan.order)} offset ${parameters.add(scanMax - 1)} limit 1`,
    values: parameters.values,
    signal,
  });
  return row === undefined ? undefined : keyOfRow(scan, row);
}

function keyOfRow({ order }: ListScan, row: { position: string; occurred_us: string }): ListKey {
  const position = Number(row.position);
  return order.by === "position" ? { position } : { position, occurredUs: row.occurred_us };
}

function tokenKeyOf({ position, occurredUs }: ListKey): string[] {
  return occurredUs === undefined ? [String(position)] : [String(position), occurredUs];
}

function keyOf([position, occurredUs]: string[]): ListKey {
  return { position: Number(position), ...(occurredUs === undefined ? {} : { occurredUs }) };
}
