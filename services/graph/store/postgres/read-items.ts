import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { EdgeRow, NameRow, NodeRow } from "../../domain/graph-rows.ts";
import { plainArray } from "./array-literal.ts";
import { edgeColumns, edgeOf, type StoredEdge } from "./edge-rows.ts";
import { live } from "./generations.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import { inScope, isVisible, scopeParameter } from "./visibility.ts";

const nodes = `select ${nodeColumns} from unnest($2::uuid[]) g (id) cross join lateral (
  select * from cos_graph.node n where n.generation = ${live} and n.id = g.id and ${inScope("n")} offset 0) n`;

const edges = `select ${edgeColumns} from unnest($2::uuid[]) g (id) cross join lateral (
  select * from cos_graph.edge e where e.generation = ${live} and e.id = g.id and ${isVisible("e")} offset 0) e`;

const names = `select m.module, m.entity, m.kind, m.key, m.form, m.count from cos_graph.name m
  where m.entity = $2::uuid and m.generation = ${live} and ${inScope("m")}
  order by m.count desc, m.form, m.key, m.kind limit $3`;

export async function readNodes(
  postgres: Postgres,
  scope: Scope,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<NodeRow[]> {
  const values = [scopeParameter(scope), plainArray([...new Set(ids)])];
  const rows = await queryAbortably<StoredNode & Row>(postgres, { name: "graph_nodes", text: nodes, values, signal });
  return rows.map(nodeOf);
}

export async function readEdges(
  postgres: Postgres,
  scope: Scope,
  ids: readonly string[],
  signal?: AbortSignal,
): Promise<EdgeRow[]> {
  const values = [scopeParameter(scope), plainArray([...new Set(ids)])];
  const rows = await queryAbortably<StoredEdge & Row>(postgres, { name: "graph_edges", text: edges, values, signal });
  return rows.map(edgeOf);
}

export async function readNames(
  postgres: Postgres,
  scope: Scope,
  entity: string,
  limit: number,
  signal?: AbortSignal,
): Promise<NameRow[]> {
  const values = [scopeParameter(scope), entity, limit];
  return queryAbortably<NameRow & Row>(postgres, { name: "graph_names", text: names, values, signal });
}

type Row = Record<string, unknown>;
