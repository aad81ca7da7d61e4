import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { EdgeRow, NameRow, NodeRow } from "../../domain/graph-rows.ts";
import type { ScanPart } from "../../domain/graph-store.ts";
import { edgeColumns, edgeOf, type StoredEdge } from "./edge-rows.ts";
import { live } from "./generations.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import { idOrFirst } from "./projection-reads.ts";
import { inScope, isVisible, scopeParameter } from "./visibility.ts";

/** $1 scope, $2 module, $3 the last id, $4 limit, $5 generation. */
const nodes = (generation: string): string => `select ${nodeColumns} from cos_graph.node n
  where n.generation = ${generation} and n.module = $2 and n.id > $3::uuid and ${inScope("n")} order by n.id limit $4`;

const edges = (generation: string, and: string): string => `select ${edgeColumns} from cos_graph.edge e
  where e.generation = ${generation} and e.id > $3::uuid and e.module = $2 and ${and} order by e.id limit $4`;

const names = `select m.module, m.entity, m.kind, m.key, m.form, m.count from cos_graph.name m
  where m.generation = $1 and m.module = $2 and m.entity >= $3::uuid and (m.entity, m.kind, m.key, m.form) > ($3::uuid, $4, $5, $6)
  order by m.entity, m.kind, m.key, m.form limit $7`;

export async function scanNodes(
  postgres: Postgres,
  { generation, module, after, limit }: ScanPart,
): Promise<NodeRow[]> {
  const values = [null, module, idOrFirst(after), limit, generation];
  const rows = await queryAbortably<StoredNode & Row>(postgres, {
    name: "graph_scan_nodes",
    text: nodes("$5"),
    values,
  });
  return rows.map(nodeOf);
}

export async function scanEdges(
  postgres: Postgres,
  { generation, module, after, limit }: ScanPart,
): Promise<EdgeRow[]> {
  const values = [null, module, idOrFirst(after), limit, generation];
  const text = edges("$5", inScope("e"));
  return (await queryAbortably<StoredEdge & Row>(postgres, { name: "graph_scan_edges", text, values })).map(edgeOf);
}

export async function scanNames(
  postgres: Postgres,
  { generation, module, after, limit }: Omit<ScanPart, "after"> & { readonly after: NameRow | undefined },
): Promise<NameRow[]> {
  const place = [idOrFirst(after?.entity ?? ""), after?.kind ?? "", after?.key ?? "", after?.form ?? ""];
  const values = [generation, module, ...place, limit];
  return queryAbortably<NameRow & Row>(postgres, { name: "graph_scan_names", text: names, values });
}

export async function exportNodes(
  postgres: Postgres,
  scope: Scope,
  { module, after, limit }: Omit<ScanPart, "generation">,
  signal?: AbortSignal,
): Promise<NodeRow[]> {
  const values = [scopeParameter(scope), module, idOrFirst(after), limit];
  const query = { name: "graph_export_nodes", text: nodes(live), values, signal };
  return (await queryAbortably<StoredNode & Row>(postgres, query)).map(nodeOf);
}

export async function exportEdges(
  postgres: Postgres,
  scope: Scope,
  { module, after, limit }: Omit<ScanPart, "generation">,
  signal?: AbortSignal,
): Promise<EdgeRow[]> {
  const values = [scopeParameter(scope), module, idOrFirst(after), limit];
  const query = { name: "graph_export_edges", text: edges(live, isVisible("e")), values, signal };
  return (await queryAbortably<StoredEdge & Row>(postgres, query)).map(edgeOf);
}

type Row = Record<string, unknown>;
