import type { Filter, TimeRange } from "#gen/cos/highway/v1/highway_pb.ts";
import { rangeConditions } from "./filter-conditions.ts";
import { isoOf, timestampOf } from "./memory-rows.ts";
import type { Parameters } from "./parameters.ts";

/** The key by which a list is ordered: `occurredUs`, in microseconds, only where that comes first. */
export interface ListKey {
  readonly position: number;
  readonly occurredUs?: string;
}

export interface ListOrder {
  readonly by: "position" | "occurred";
  readonly descending: boolean;
}

/** What a page is to be read from, with all that narrows it down. */
export interface ListScan {
  readonly module: string;
  readonly order: ListOrder;
  readonly filter: Filter | undefined;
  /** Positions above, and up to: what is left of the module by the times of recording. */
  readonly above: number;
  readonly upTo: number;
  /** The key of the last row that was looked at; undefined: from the beginning. */
  readonly after: ListKey | undefined;
}

/** The columns that filters, order and sizes need: none of the large ones. */
const narrowColumns =
  "m.module, m.position, m.occurred_at, m.recorded_at, m.forgotten_at, m.event_type, m.source, m.session_id, m.tags, m.size";

/** The order as SQL, over the alias `m`. */
export function orderSql({ by, descending }: ListOrder): string {
  const direction = descending ? "desc" : "asc";
  return by === "position" ? `m.position ${direction}` : `m.occurred_at ${direction}, m.position ${direction}`;
}

/**
 * The rows to look at, in the list's order, along an index that has this order: `limit` of them at most, read only as far as needed.
 *
 * Positions walk the primary key; with sessions, one index range for each, merged. Times walk the index of occurred_at.
 */
export function orderedScan(scan: ListScan, limit: string, parameters: Parameters): string {
  const base = [...startConditions(scan, parameters), ...keyConditions(scan, parameters)];
  const sessions = scan.filter?.sessionIds ?? [];
  const order = orderSql(scan.order);
  if (scan.order.by === "occurred" || sessions.length === 0) {
    const conditions = scan.order.by === "occurred" ? [...base, ...occurredBounds(scan.filter, parameters)] : base;
    return select(conditions, `order by ${order} limit ${limit}`);
  }
  // A branch for each session rather than `any(...)`: only then the index gives the order, and the branches are merged lazily.
  const branches = sessions.map(
    (session) =>
      `(${select([...base, `m.session_id = ${parameters.add(session)}`], `order by ${order} limit ${limit}`)})`,
  );
  return `select * from (${branches.join(" union all ")}) m order by ${order} limit ${limit}`;
}

/**
 * What narrows the list down along another index than its order's, if anything does: if few rows are left, they are all read, and
 * then put in order. Undefined: nothing does.
 */
export function narrowingConditions(scan: ListScan, parameters: Parameters): string[] | undefined {
  const sessions = scan.filter?.sessionIds ?? [];
  if (scan.order.by === "position") {
    if (sessions.length > 0 || isOpen(scan.filter?.occurred)) return undefined;
    return [`m.module = ${parameters.add(scan.module)}`, ...occurredBounds(scan.filter, parameters)];
  }
  if (sessions.length > 0) {
    return [`m.module = ${parameters.add(scan.module)}`, `m.session_id = any(${parameters.add(sessions)}::text[])`];
  }
  return scan.filter?.recorded === undefined ? undefined : moduleConditions(scan, parameters);
}

/** All rows that the narrowing leaves, from `after` on. */
export function narrowScan(scan: ListScan, narrowing: readonly string[], parameters: Parameters): string {
  // Materialised: the planner, free to choose, might walk the order's index in hope of an early match.
  const rows = `with narrow as materialized (${select(narrowing, "")}) select m.* from narrow m`;
  const conditions = [...moduleConditions(scan, parameters), ...keyConditions(scan, parameters)];
  return `${rows} where ${conditions.join(" and ")}`;
}

/** How many rows the narrowing leaves, counted up to `limit`. */
export function narrowCount(narrowing: readonly string[], limit: string): string {
  return `select count(*)::int as count from (select from mem0_cc.memory m where ${narrowing.join(" and ")} limit ${limit}) m`;
}

function select(conditions: readonly string[], rest: string): string {
  return `select ${narrowColumns} from mem0_cc.memory m where ${conditions.join(" and ")} ${rest}`;
}

function moduleConditions({ module, above, upTo }: ListScan, parameters: Parameters): string[] {
  const range = [`m.position > ${parameters.add(above)}::bigint`, `m.position <= ${parameters.add(upTo)}::bigint`];
  return [`m.module = ${parameters.add(module)}`, ...range];
}

/** In the order of happening, positions bound nothing but what a range of recording leaves. */
function startConditions(scan: ListScan, parameters: Parameters): string[] {
  if (scan.order.by === "position" || scan.filter?.recorded !== undefined) return moduleConditions(scan, parameters);
  return [`m.module = ${parameters.add(scan.module)}`];
}

function keyConditions({ order, after }: ListScan, parameters: Parameters): string[] {
  if (after === undefined) return [];
  const operator = order.descending ? "<" : ">";
  const position = `${parameters.add(after.position)}::bigint`;
  if (after.occurredUs === undefined) return [`m.position ${operator} ${position}`];
  const occurred = `${parameters.add(isoOf(timestampOf(after.occurredUs)))}::timestamptz`;
  return [`(m.occurred_at, m.position) ${operator} (${occurred}, ${position})`];
}

function occurredBounds(filter: Filter | undefined, parameters: Parameters): string[] {
  return rangeConditions("occurred_at", filter?.occurred, parameters);
}

function isOpen(range: TimeRange | undefined): boolean {
  return range?.since === undefined && range?.until === undefined;
}
