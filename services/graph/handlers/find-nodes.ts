import { FindNodesRequestSchema } from "#gen/cos/graph/v1/queries_pb.ts";
import { checkProperties, SOUGHT_PROPERTIES_MAX } from "#shared/fields/check-properties.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { encodePageToken } from "#shared/paging/page-token.ts";
import type { NodeRow } from "../domain/graph-rows.ts";
import type { NodeQuery } from "../domain/graph-store.ts";
import { nodeSize } from "../domain/item-size.ts";
import { nodeOf } from "../domain/node-of.ts";
import { refuseFaults } from "../domain/refusals.ts";
import { labelsOf, type Properties } from "../domain/vocabulary.ts";
import { fillPage } from "./fill-page.ts";
import { isCount, isId, keyAfter, listOf } from "./list-page.ts";
import { type Graph, type GraphReadNeeds, requireModule } from "./read-needs.ts";

/** How many rows are read at a time: nodes may have 32 KiB of properties. */
const PART_ROWS = 100;

export function findNodes({ store, awaitPlace }: GraphReadNeeds): Graph["findNodes"] {
  return async (request, call) => {
    const { module, kind, name, properties = {} } = request;
    refuseFaults(checkProperties(properties, "properties", SOUGHT_PROPERTIES_MAX));
    const list = listOf(FindNodesRequestSchema, request);
    const [count, id] = keyAfter(list, request.pageToken, [isCount, isId]) ?? [];
    await awaitPlace(request.atLeast, call);
    const size = pageSizeOf(request.pageSize);
    const query = {
      labels: labelsOf(request.labels),
      ...(module !== "" && { module }),
      ...(kind !== "" && { kind }),
      ...(name !== "" && { name }),
      properties: properties as Properties,
      ...(id !== undefined && { after: { count: Number(count), id } }),
      limit: Math.min(size + 1, PART_ROWS),
    };
    const parts = partsOf(query, (part) => store.findNodes(call.scope, part, call.signal));
    const { page, more } = await fillPage(parts, nodeSize, { itemsMax: size });
    if (page.length === 0 && module !== "") await requireModule(store, call, module);
    const last = page.at(-1);
    return {
      nodes: page.map((row) => nodeOf(row)),
      nextPageToken: more && last !== undefined ? encodePageToken(list, [String(last.count), last.id]) : "",
    };
  };
}

async function* partsOf(query: NodeQuery, read: (part: NodeQuery) => Promise<NodeRow[]>): AsyncGenerator<NodeRow[]> {
  for (let part = query; ; ) {
    const rows = await read(part);
    yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < query.limit) return;
    part = { ...query, after: { count: last.count, id: last.id } };
  }
}
