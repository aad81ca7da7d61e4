import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { NodeRow } from "../../domain/graph-rows.ts";
import type { NodeQuery } from "../../domain/graph-store.ts";
import { LABELS } from "../../domain/vocabulary.ts";
import { textArray } from "./array-literal.ts";
import { live } from "./generations.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import { idOrFirst } from "./projection-reads.ts";
import { inScope, scopeParameter } from "./visibility.ts";

const order = "(-n.count), n.id";

/** $1 scope, $2 module, $3 labels, $4 kind, $5 name, $6 properties, $7 the negative count and $8 the id of the last one, $9 limit. */
const wanted = `n.generation = p.generation and n.module = p.module and ($4::text is null or n.kind = $4)
  and ($5::text is null or n.name = $5) and ($6::jsonb is null or n.properties @> $6)
  and ((-n.count), n.id) > ($7::int, $8::uuid)`;

const modules = `cos_graph.place p`;
const ofModules = `p.generation = ${live} and ($2::text is null or p.module = $2) and ${inScope("p")}`;

const byCount = `select ${nodeColumns} from ${modules} cross join unnest($3::text[]) l (label) cross join lateral (
    select * from cos_graph.node n where ${wanted} and n.label = l.label order by ${order} limit $9) n
  where ${ofModules} order by ${order} limit $9`;

const narrowed = (narrowing: string): string => `select ${nodeColumns} from ${modules} cross join lateral (
    select * from cos_graph.node n where ${wanted} and (n.label = any ($3::text[])) is true and ${narrowing} offset 0) n
  where ${ofModules} order by ${order} limit $9`;

const byName = narrowed("hashtextextended(n.name, 0) = hashtextextended($5, 0)");

/** Few nodes have any: those made by hand. */
const byProperties = narrowed("n.properties is not null");

/** One page of nodes: those of a name or with properties by an index of those, all others in the order of counts. */
export async function findNodes(
  postgres: Postgres,
  scope: Scope,
  query: NodeQuery,
  signal?: AbortSignal,
): Promise<NodeRow[]> {
  const { module, labels, kind, name, properties, after, limit } = query;
  const hasProperties = Object.keys(properties).length > 0;
  const rows = await queryAbortably<StoredNode & Record<string, unknown>>(postgres, {
    ...statementOf(name, hasProperties),
    values: [
      scopeParameter(scope),
      module,
      textArray(labels.length === 0 ? LABELS : labels),
      kind,
      name,
      hasProperties ? JSON.stringify(properties) : undefined,
      ...(after === undefined ? [-(2 ** 31), idOrFirst("")] : [-after.count, after.id]),
      limit,
    ],
    signal,
  });
  return rows.map(nodeOf);
}

function statementOf(name: string | undefined, hasProperties: boolean): { name: string; text: string } {
  if (name !== undefined) return { name: "graph_find_by_name", text: byName };
  if (hasProperties) return { name: "graph_find_by_properties", text: byProperties };
  return { name: "graph_find", text: byCount };
}
