import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { Change, ChangesPage, GraphReader } from "../../domain/graph-store.ts";
import { edgeColumns, edgeOf, type StoredEdge } from "./edge-rows.ts";
import { live } from "./generations.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import { inScope, isVisible, scopeParameter } from "./visibility.ts";

/** In the order in which they come at one position. */
const kinds = ["removed", "node", "edge"] as const;

/** $1 scope, $2 module, $3 limit; then for each kind the place above which its changes are. */
const part = (table: string, row: "t" | "n" | "e", nth: number, and: string): string => `(
  select ${nth} as nth, ${row}.changed, ${row}.id from cos_graph.${table} ${row}
  where (-${row}.generation) = -${live} and ${row}.module = $2 and ${inScope(row)} and ${and}
    and (${row}.changed, ${row}.id) > ($${2 + 2 * nth}::bigint, $${3 + 2 * nth}::uuid)
  order by ${row}.changed, ${row}.id limit $3)`;

const changes = `with page as materialized (
  select * from (
    ${part("removed", "t", 1, "true")} union all ${part("node", "n", 2, "true")} union all ${part("edge", "e", 3, isVisible("e"))}
  ) c order by c.changed, c.nth, c.id limit $3
)
select coalesce((select p.position::float8 from cos_graph.place p
    where p.generation = ${live} and p.module = $2 and ${inScope("p")}), 0) as up_to,
  c.nth, c.id, c.changed::float8 as changed, ${nodeColumns}, ${edgeColumns}
from (select) one left join page c on true
left join lateral (
  select * from cos_graph.node n where c.nth = 2 and n.generation = ${live} and n.module = $2 and n.id = c.id limit 1) n on true
left join lateral (
  select * from cos_graph.edge e where c.nth = 3 and e.generation = ${live} and e.id = c.id and e.module = $2 limit 1) e on true
order by c.changed, c.nth, c.id`;

type StoredChange = StoredNode & StoredEdge & { nth: number; id: string; changed: number };

/** Where nothing changed there is one row all the same: how far that is true comes from the same state of the tables. */
type StoredRow = (StoredChange | { readonly nth: null }) & { readonly up_to: number };

const lastId = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** One page of what changed in a module. */
export async function readChanges(
  postgres: Postgres,
  scope: Scope,
  { module, after, limit }: Parameters<GraphReader["changes"]>[1],
  signal?: AbortSignal,
): Promise<ChangesPage> {
  const rows = await queryAbortably<StoredRow & Record<string, unknown>>(postgres, {
    name: "graph_changes",
    text: changes,
    values: [scopeParameter(scope), module, limit, ...kinds.flatMap((kind) => placeOf(kind, after))],
    signal,
  });
  return { changes: rows.flatMap((row) => (row.nth === null ? [] : [changeOf(row)])), upTo: rows[0]?.up_to ?? 0 };
}

/** What comes before `after` in the order of kinds is through with its position; what comes after has yet to begin it. */
function placeOf(kind: Change["what"], { changed, what, id }: { changed: number; what: Change["what"]; id: string }) {
  if (kind === what) return [changed, id === "" ? "00000000-0000-0000-0000-000000000000" : id];
  return [kinds.indexOf(kind) < kinds.indexOf(what) ? changed : changed - 1, lastId];
}

function changeOf(row: StoredChange): Change {
  if (row.nth === 1) return { what: "removed", id: row.id, changed: row.changed };
  return row.nth === 2 ? { what: "node", node: nodeOf(row) } : { what: "edge", edge: edgeOf(row) };
}
