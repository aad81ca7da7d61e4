// Reading the ledger backwards, of one module or many, without a gap.
//
// Each module is read from its end, or from a time, a page at a time; what every one of them has told of is put in order. Times of
// recording never decrease within a module, so the time of a row bounds what may stand before it.
import { create } from "@bufbuild/protobuf";
import { type Timestamp, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  ListMemoriesOrder,
  type ListMemoriesRequest,
  ListMemoriesRequestSchema,
} from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import type { LedgerFilters } from "../commands/ledger.ts";
import type { Connection } from "../connection/with-connection.ts";
import { readableModules } from "../tail/readable-modules.ts";
import { filterOfLedger } from "./filter-of-ledger.ts";
import { compareRows, type Row, rowOf } from "./row.ts";

/** Modules that are read at the same time. */
const AT_ONCE = 8;

/** Of many modules as many rows may come; those beyond are read again when their turn comes. */
const FOUND_MAX = 1000;

export interface Stretch {
  /** Undefined: all that may be read. */
  readonly modules: readonly string[] | undefined;
  readonly filters: LedgerFilters;
  /** What comes before this row. Undefined: the newest. */
  readonly before: Row | undefined;
  /** About how many; at least one, if there are any. */
  readonly count: number;
}

/** Rows that stand together in the ledger, in its order, and whether there are more before them. */
export interface Found {
  readonly rows: readonly Row[];
  readonly more: boolean;
}

export async function readRows(connection: Connection, stretch: Stretch, signal: AbortSignal): Promise<Found> {
  const modules = [...(stretch.modules ?? (await readableModules(connection, signal)))];
  const found: Found[] = [];
  const next = async (): Promise<void> => {
    for (let module = modules.pop(); module !== undefined; module = modules.pop()) {
      found.push(await readModule(connection, stretch, module, signal));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  const { rows, more } = joinFound(found);
  return { rows: rows.slice(-FOUND_MAX), more: more || rows.length > FOUND_MAX };
}

/** What several modules have, as far back as all of them have told. */
export function joinFound(found: readonly Found[]): Found {
  const told = found.flatMap(({ rows, more }) => (more && rows[0] !== undefined ? [rows[0]] : []));
  const [first, ...others] = told;
  const rows = found.flatMap((each) => each.rows).sort(compareRows);
  if (first === undefined) return { rows, more: false };
  const since = others.reduce((latest, row) => (compareRows(row, latest) > 0 ? row : latest), first);
  return { rows: rows.filter((row) => compareRows(row, since) >= 0), more: true };
}

async function readModule(
  { conductor }: Connection,
  { filters, before, count, modules }: Stretch,
  module: string,
  signal: AbortSignal,
): Promise<Found> {
  const rows: Row[] = [];
  const request = requestFor(module, filters, before, count);
  try {
    do {
      const page = await conductor.listMemories(request, { signal });
      // Many may have been recorded at the same time as the row before which to read, after it.
      const fitting = page.memories.map(rowOf).filter((row) => before === undefined || compareRows(row, before) < 0);
      rows.unshift(...fitting.reverse());
      request.pageToken = page.nextPageToken;
    } while (rows.length === 0 && request.pageToken !== "");
  } catch (error) {
    // One of all modules that may no longer be read has nothing to show; one that was named is missed.
    if (modules !== undefined || ConnectError.from(error).code !== Code.NotFound) throw error;
    return { rows: [], more: false };
  }
  return { rows, more: request.pageToken !== "" };
}

function requestFor(
  module: string,
  filters: LedgerFilters,
  before: Row | undefined,
  count: number,
): ListMemoriesRequest {
  const until = before === undefined ? undefined : instantAfter(before.recordedUs);
  return create(ListMemoriesRequestSchema, {
    module,
    filter: filterOfLedger(filters, until),
    order: ListMemoriesOrder.RECORDED_DESCENDING,
    pageSize: count,
  });
}

/** The first instant after a microsecond. */
function instantAfter(us: number): Timestamp {
  const seconds = Math.floor((us + 1) / 1_000_000);
  return create(TimestampSchema, { seconds: BigInt(seconds), nanos: (us + 1 - seconds * 1_000_000) * 1000 });
}
