import type { Scope } from "#shared/auth/scope.ts";
import type { Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import type { EdgeRow, NodeRow } from "../../domain/graph-rows.ts";
import type { EdgeFilter, NeighborQuery, Step, Way } from "../../domain/graph-store.ts";
import { plainArray } from "./array-literal.ts";
import { laneSql, numberOf } from "./edge-lanes.ts";
import { edgeColumns, edgeOf, type StoredEdge } from "./edge-rows.ts";
import { live } from "./generations.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import { idOrFirst } from "./projection-reads.ts";
import { inScope, isVisible, scopeParameter } from "./visibility.ts";

interface Followed {
  /** The node that is asked of, in SQL. */
  readonly node: string;
  /** What else is asked of an edge. */
  readonly and: string;
  readonly order: string;
  readonly limit: string;
}

/**
 * The first edges at a node: each way and each type is a part of an index with the order of neighbours, from which the first are taken,
 * so that it matters little how many there are. $1 scope, $3 types.
 */
function edgesAt({ way, manual }: Pick<EdgeFilter, "way" | "manual">, followed: Followed): string {
  const ways = [
    ...(way === "incoming" ? [] : [firstEdges(followed, "from_id", "to_id", manual, "")]),
    // An edge from a node to itself comes once.
    ...(way === "outgoing"
      ? []
      : [firstEdges(followed, "to_id", "from_id", manual, way === "both" ? "and e.from_id <> e.to_id" : "")]),
  ];
  return ways.join(" union all ");
}

function firstEdges(followed: Followed, end: string, other: string, manual: boolean, once: string): string {
  const { node, and, order, limit } = followed;
  const edges = (which: string) => `select e.*, e.${other} as other from cos_graph.edge e
    where e.${end} = ${node} and ${which} and ${isVisible("e")} ${once} ${and}
    order by ${order} limit ${limit}`;
  const ofTypes = `select e.* from unnest($3::int[]) t (number) cross join lateral (${edges(`e.lane = ${laneSql(live, "t.number")}`)}) e`;
  if (!manual) return ofTypes;
  return `${ofTypes} union all (${edges(`e.origin = 'manual' and e.generation = ${live} and e.lane - ${laneSql(live, "0")} <> all ($3::int[])`)})`;
}

const neighborOrder = "(-e.count), (-e.position), e.id";

function neighborsText(way: Way, manual: boolean): string {
  const found = edgesAt(
    { way, manual },
    {
      node: "$2::uuid",
      and: "and ((-e.count), (-e.position), e.id) > ($4::int, $5::bigint, $6::uuid)",
      order: neighborOrder,
      limit: "$7",
    },
  );
  return `with found as materialized (select * from (${found}) e order by ${neighborOrder} limit $7)
    select ${edgeColumns}, ${nodeColumns} from found e cross join lateral (
      select * from cos_graph.node n where n.generation = e.generation and n.id = e.other and ${inScope("n")} limit 1) n
    order by ${neighborOrder}`;
}

function expandText(way: Way, manual: boolean): string {
  const found = edgesAt({ way, manual }, { node: "g.id", and: "", order: neighborOrder, limit: "$4" });
  return `select e.id as edge, g.id as "from", e.other as "to", e.count from unnest($2::uuid[]) g (id) cross join lateral (
    select e.id, e.other, e.count from (${found}) e order by ${neighborOrder} limit $4) e`;
}

/** One page of a node's relationships, each with its other end. */
export async function neighbors(
  postgres: Postgres,
  scope: Scope,
  query: NeighborQuery,
  signal?: AbortSignal,
): Promise<{ edge: EdgeRow; node: NodeRow }[]> {
  const { way, manual, types, node, after, limit } = query;
  const place = after === undefined ? [smallestInt, 0, idOrFirst("")] : [-after.count, -after.position, after.id];
  const rows = await queryAbortably<StoredEdge & StoredNode & Record<string, unknown>>(postgres, {
    name: `graph_neighbors_${way}_${manual}`,
    text: neighborsText(way, manual),
    values: [scopeParameter(scope), node, plainArray([...new Set(types)].map(numberOf)), ...place, limit],
    signal,
  });
  return rows.map((row) => ({ edge: edgeOf(row), node: nodeOf(row) }));
}

/** Before the negative of every count. */
const smallestInt = -(2 ** 31);

/** The first relationships of each of many nodes. */
export async function expand(
  postgres: Postgres,
  scope: Scope,
  query: EdgeFilter & { readonly nodes: readonly string[]; readonly fanOut: number },
  signal?: AbortSignal,
): Promise<Step[]> {
  const { way, manual, types, nodes, fanOut } = query;
  return queryAbortably<Step & Record<string, unknown>>(postgres, {
    name: `graph_expand_${way}_${manual}`,
    text: expandText(way, manual),
    values: [
      scopeParameter(scope),
      plainArray([...new Set(nodes)]),
      plainArray([...new Set(types)].map(numberOf)),
      fanOut,
    ],
    signal,
  });
}
