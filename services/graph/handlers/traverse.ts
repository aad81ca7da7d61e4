import type { CallContext } from "#shared/auth/call-context.ts";
import { followedEdges } from "../domain/edge-filter.ts";
import type { EdgeRow, NodeRow } from "../domain/graph-rows.ts";
import type { EdgeFilter, GraphReader } from "../domain/graph-store.ts";
import { edgeSize, nodeSize } from "../domain/item-size.ts";
import { nodeOf } from "../domain/node-of.ts";
import { relationshipOf } from "../domain/relationship-of.ts";
import { type Expand, type Met, traverse as walk } from "../domain/traverse.ts";
import { fillPage } from "./fill-page.ts";
import { type Graph, type GraphReadNeeds, requireNode } from "./read-needs.ts";

const DEPTH_UNSET = 2;
const LIMIT_UNSET = 200;
const FAN_OUT_UNSET = 50;
/** Below what every client takes, 4 MiB. */
const VISITS_BYTES_MAX = 3 * 1024 * 1024;
/** How many of those that were met are read at a time. */
const PART_VISITS = 200;

export function traverse({ store, awaitPlace }: GraphReadNeeds): Graph["traverse"] {
  return async ({ id, depth, direction, types, limit, fanOut, atLeast }, call) => {
    await awaitPlace(atLeast, call);
    const { id: start } = await requireNode(store, call, id.toLowerCase(), "id");
    const { met, truncated } = await walk(expandIn(store, call, followedEdges(direction, types)), {
      start,
      depth: depth === 0 ? DEPTH_UNSET : depth,
      limit: limit === 0 ? LIMIT_UNSET : limit,
      fanOut: fanOut === 0 ? FAN_OUT_UNSET : fanOut,
    });
    const { page, more } = await fillPage(
      visitsOf(store, call, met),
      ({ node, edge }) => nodeSize(node) + (edge ? edgeSize(edge) : 0),
      { bytesMax: VISITS_BYTES_MAX },
    );
    return {
      visits: page.map((visit) => ({
        node: nodeOf(visit.node),
        depth: visit.depth,
        ...(visit.edge !== undefined && { relationship: relationshipOf(visit.edge) }),
      })),
      truncated: truncated || more,
    };
  };
}

/** A search's way to look at the graph, for one call. */
export function expandIn(store: Pick<GraphReader, "expand">, call: CallContext, filter: EdgeFilter): Expand {
  return (nodes, fanOut) => store.expand(call.scope, { ...filter, nodes, fanOut }, call.signal);
}

interface Visited {
  readonly node: NodeRow;
  readonly depth: number;
  readonly edge: EdgeRow | undefined;
}

async function* visitsOf(
  store: Pick<GraphReader, "nodes" | "edges">,
  call: CallContext,
  met: readonly Met[],
): AsyncGenerator<Visited[]> {
  for (let n = 0; n < met.length; n += PART_VISITS) yield await readVisits(store, call, met.slice(n, n + PART_VISITS));
}

/** What was met, as it is now: what was deleted meanwhile is left out. */
async function readVisits(
  store: Pick<GraphReader, "nodes" | "edges">,
  { scope, signal }: CallContext,
  met: readonly Met[],
): Promise<Visited[]> {
  const edgeIds = met.flatMap(({ edge }) => edge ?? []);
  const [nodes, edges] = await Promise.all([
    store.nodes(
      scope,
      met.map(({ id }) => id),
      signal,
    ),
    edgeIds.length === 0 ? [] : store.edges(scope, edgeIds, signal),
  ]);
  const nodeOfId = new Map(nodes.map((row) => [row.id, row]));
  const edgeOfId = new Map(edges.map((row) => [row.id, row]));
  return met.flatMap(({ id, depth, edge }) => {
    const node = nodeOfId.get(id);
    return node === undefined ? [] : [{ node, depth, edge: edge === undefined ? undefined : edgeOfId.get(edge) }];
  });
}
