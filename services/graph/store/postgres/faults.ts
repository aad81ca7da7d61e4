import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { FaultRow } from "../../domain/graph-rows.ts";
import type { GraphReader } from "../../domain/graph-store.ts";
import { live } from "./generations.ts";
import { inScope, scopeParameter } from "./visibility.ts";

const columns = `t.module, t.position::float8 as position, t.memory_id as "memoryId", t.kind, t.error, t.attempts,
  t.at_ms::float8 as "atMs"`;

const ofModule = `t.generation = ${live} and t.module = $2 and ${inScope("t")}`;

/** $1 scope, $2 module, $3 kind, $4 limit. The total comes with each row, and alone where there is none. */
const faults = `select c.total, t.* from (
    select count(*)::int as total from cos_graph.fault t where ${ofModule} and t.kind = $3) c
  left join (
    select ${columns} from cos_graph.fault t where ${ofModule} and t.kind = $3 order by t.position desc limit $4) t on true
  order by t.position desc`;

const faultAt = `select ${columns} from cos_graph.fault t where ${ofModule} and t.position = $3`;

/** The latest faults of a module, and how many there are. */
export async function readFaults(
  postgres: Postgres,
  scope: Scope,
  { module, kind, limit }: Parameters<GraphReader["faults"]>[1],
  signal?: AbortSignal,
): Promise<{ faults: FaultRow[]; total: number }> {
  const rows = await queryAbortably<FaultRow & { total: number } & Record<string, unknown>>(postgres, {
    name: "graph_faults",
    text: faults,
    values: [scopeParameter(scope), module, kind, limit],
    signal,
  });
  return { faults: rows.filter((row) => row.position !== null).map(faultOf), total: rows[0]?.total ?? 0 };
}

/** Without the total that comes with it. */
function faultOf({ module, position, memoryId, kind, error, attempts, atMs }: FaultRow): FaultRow {
  return { module, position, memoryId, kind, error, attempts, atMs };
}

export async function readFaultAt(
  postgres: Postgres,
  scope: Scope,
  module: string,
  position: number,
  signal?: AbortSignal,
): Promise<FaultRow | undefined> {
  const values = [scopeParameter(scope), module, position];
  const query = { name: "graph_fault_at", text: faultAt, values, signal };
  const [row] = await queryAbortably<FaultRow & Record<string, unknown>>(postgres, query);
  return row;
}
