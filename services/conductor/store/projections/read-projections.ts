import type { EpochHistory } from "#shared/highway/log-port.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { MemoryPlace, ProjectionView } from "../../domain/ingest-status.ts";

/** What is kept of the projections, and how the conductor looks at the one that it has itself. */
export interface ProjectionStore {
  readonly postgres: Pick<Postgres, "pool" | "cancelBackend">;
  readonly epochs: () => EpochHistory;
  /** How far the index of search has come in these modules, read from its own table. */
  readonly indexPlaces: IndexPlaces;
}

/** The last position that the index of search has taken, by module; one that is left out has none yet. */
export type IndexPlaces = (modules: readonly string[], signal?: AbortSignal) => Promise<ReadonlyMap<string, number>>;

interface Row {
  readonly name: string;
  readonly state: string;
  readonly reported_ms: number;
  readonly silent_ms: number;
  readonly position: string | null;
  readonly epoch: string | null;
  readonly error: string | null;
}

const text = `
  select p.name, p.state, floor(extract(epoch from p.reported_at) * 1000)::float8 as reported_ms,
         (extract(epoch from clock_timestamp() - p.reported_at) * 1000)::float8 as silent_ms,
         g.position, g.epoch, k.error
  from mem0_cc.projection p
  left join mem0_cc.projection_place g
    on g.module = $1 and g.projection = p.name and g.generation = p.generation
  left join mem0_cc.projection_parked k
    on k.module = $1 and k.projection = p.name and k.position = $2 and k.generation = p.generation`;

/** What the index of search has passed over is kept with its effect, as far as it has come. */
const searchText = `
  select floor(extract(epoch from clock_timestamp()) * 1000)::float8 as now_ms,
         (select k.error from mem0_cc.projection_parked k
          where k.module = $1 and k.projection = 'search' and k.position = $2) as error`;

interface SearchRow {
  readonly now_ms: number;
  readonly error: string | null;
}

/** What is known of each projection about one memory, by name. */
export async function readProjections(
  { postgres, epochs, indexPlaces }: ProjectionStore,
  { module, position }: MemoryPlace,
  signal?: AbortSignal,
): Promise<Map<string, ProjectionView>> {
  const values = [module, position];
  // The place first: what was passed over below it is there then.
  const index = await indexPlaces([module], signal);
  const [rows, [search]] = await Promise.all([
    queryAbortably<Row>(postgres, { name: "read_projections", text, values, signal }),
    queryAbortably<SearchRow>(postgres, { name: "read_passed_over", text: searchText, values, signal }),
  ]);
  const history = epochs();
  const views = rows.map((row): [string, ProjectionView] => [
    row.name,
    {
      projection: row.name,
      reportedMs: row.reported_ms,
      silentMs: Math.max(0, row.silent_ms),
      stalled: row.state === "stalled",
      reached: row.position === null ? undefined : goodUpTo(history, module, Number(row.position), row.epoch ?? ""),
      epoch: history.current.identity,
      parked: row.error ?? undefined,
    },
  ]);
  return new Map([...views, ["search", indexView(history, index.get(module) ?? 0, search!)]]);
}

/** The index is looked at, not heard of. */
function indexView(
  { current }: EpochHistory,
  reached: number,
  { now_ms: reportedMs, error }: SearchRow,
): ProjectionView {
  const now = { reportedMs, silentMs: 0, stalled: false };
  return { projection: "search", ...now, reached, epoch: current.identity, parked: error ?? undefined };
}

/**
 * How much of a place the present log has: of an earlier epoch it is good up to where the histories part. Undefined: it is of no epoch
 * that this log has had.
 */
export function goodUpTo(
  { current, past }: EpochHistory,
  module: string,
  position: number,
  epoch: string,
): number | undefined {
  const all = [...past, current];
  const own = all.find(({ identity }) => identity === epoch);
  if (own === undefined) return undefined;
  const later = all.filter(({ generation }) => generation > own.generation);
  return later.reduce((good, { forks }) => Math.min(good, forks.get(module) ?? 0), position);
}
