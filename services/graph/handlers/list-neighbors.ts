import { type ListNeighborsRequest, ListNeighborsRequestSchema, NeighborOrder } from "#gen/cos/graph/v1/queries_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { encodePageToken } from "#shared/paging/page-token.ts";
import { listedEdges } from "../domain/edge-filter.ts";
import type { EdgeRow, NodeRow } from "../domain/graph-rows.ts";
import { edgeSize, nodeSize, takeWithin } from "../domain/item-size.ts";
import { nodeOf } from "../domain/node-of.ts";
import { relationshipOf } from "../domain/relationship-of.ts";
import { compareText } from "../domain/traverse.ts";
import { pairWeight } from "../domain/weights.ts";
import { evidenceMaxOf, findEvidence } from "./find-evidence.ts";
import { isCount, isId, isPosition, isWeight, keyAfter, listOf } from "./list-page.ts";
import { type Graph, type GraphReadNeeds, requireNode } from "./read-needs.ts";

/** How many neighbors are weighed: those that stand on the most memories. */
const WEIGHED_MAX = 1000;

/** A neighbor with its weight. */
interface Weighed {
  readonly edge: EdgeRow;
  readonly node: NodeRow;
  readonly weight: number;
}

export function listNeighbors(needs: GraphReadNeeds): Graph["listNeighbors"] {
  const { store, awaitPlace } = needs;
  return async (request, call) => {
    const list = listOf(ListNeighborsRequestSchema, request);
    const byWeight = request.order === NeighborOrder.WEIGHT;
    const shape = byWeight ? [isWeight, isId] : [isCount, isPosition, isId];
    const after = keyAfter(list, request.pageToken, shape);
    await awaitPlace(request.atLeast, call);
    const of = await requireNode(store, call, request.id.toLowerCase(), "id");
    const size = pageSizeOf(request.pageSize);
    const found = byWeight
      ? await heaviest(needs, call, request, of, after)
      : await strongest(needs, call, request, of, after, size + 1);
    const evidenceMax = evidenceMaxOf(request.evidenceMax);
    const bytesOf = ({ edge, node }: Weighed) => nodeSize(node) + edgeSize(edge, Math.min(evidenceMax, edge.count));
    const page = takeWithin(found.slice(0, size), bytesOf);
    const edges = page.map(({ edge }) => edge);
    const evidenceOf = await findEvidence(store, call, edges, evidenceMax);
    const last = page.at(-1);
    const more = last !== undefined && found.length > page.length;
    return {
      neighbors: page.map(({ edge, node, weight }) => ({
        relationship: relationshipOf(edge, { weight, evidence: evidenceOf(edge) }),
        node: nodeOf(node),
      })),
      nextPageToken: more ? encodePageToken(list, byWeight ? weightKey(last) : countKey(last)) : "",
    };
  };
}

/** In the order of counts. */
async function strongest(
  { store }: GraphReadNeeds,
  call: CallContext,
  { direction, types, manualOnly }: ListNeighborsRequest,
  of: NodeRow,
  [count, position, id]: readonly string[] = [],
  limit = WEIGHED_MAX,
): Promise<Weighed[]> {
  const after = id === undefined ? {} : { after: { count: Number(count), position: Number(position), id } };
  const query = { ...listedEdges(direction, types, manualOnly), node: of.id, limit, ...after };
  const found = await store.neighbors(call.scope, query, call.signal);
  const modules = [...new Set(found.filter(({ edge }) => isWeighed(edge)).map(({ edge }) => edge.module))];
  const memories = modules.length === 0 ? new Map() : await store.memoryCounts(call.scope, modules, call.signal);
  return found.map(({ edge, node }) => {
    const counts = { both: edge.count, one: of.count, other: node.count, all: memories.get(edge.module) ?? 0 };
    return { edge, node, weight: isWeighed(edge) ? pairWeight(counts) : 0 };
  });
}

/** Those that stand on the most memories, in the order of weights. */
async function heaviest(
  needs: GraphReadNeeds,
  call: CallContext,
  request: ListNeighborsRequest,
  of: NodeRow,
  [weight, id]: readonly string[] = [],
): Promise<Weighed[]> {
  const weighed = (await strongest(needs, call, request, of)).sort(compareWeighed);
  if (id === undefined) return weighed;
  const after = { weight: Number(weight), edge: { id } };
  return weighed.filter((each) => compareWeighed(after, each) < 0);
}

type ByWeight = Pick<Weighed, "weight"> & { readonly edge: Pick<EdgeRow, "id"> };

function compareWeighed(left: ByWeight, right: ByWeight): number {
  return right.weight - left.weight || compareText(left.edge.id, right.edge.id);
}

function isWeighed({ type, origin }: EdgeRow): boolean {
  return type === "RELATES_TO" && origin === "derived";
}

const countKey = ({ edge }: Weighed): string[] => [String(edge.count), String(edge.position), edge.id];
const weightKey = ({ weight, edge }: Weighed): string[] => [String(weight), edge.id];
