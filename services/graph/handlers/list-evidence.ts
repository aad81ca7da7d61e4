import { ListEvidenceRequestSchema } from "#gen/cos/graph/v1/queries_pb.ts";
import { pageSizeOf } from "#shared/paging/page-size.ts";
import { encodePageToken } from "#shared/paging/page-token.ts";
import { nodeSize, takeWithin } from "../domain/item-size.ts";
import { evidenceOf, evidencePlaceOf } from "../domain/relationship-of.ts";
import { findEvidence } from "./find-evidence.ts";
import { requireRelationship } from "./get-relationship.ts";
import { isPosition, keyAfter, listOf } from "./list-page.ts";
import type { Graph, GraphReadNeeds } from "./read-needs.ts";

export function listEvidence({ store, awaitPlace }: GraphReadNeeds): Graph["listEvidence"] {
  return async (request, call) => {
    const list = listOf(ListEvidenceRequestSchema, request);
    const [before] = keyAfter(list, request.pageToken, [isPosition]) ?? [];
    await awaitPlace(request.atLeast, call);
    const row = await requireRelationship(store, call, request.relationshipId.toLowerCase(), "relationship_id");
    if (evidencePlaceOf(row).by !== "pair") {
      const evidenceOfOne = await findEvidence(store, call, [row], 1);
      return { evidence: [...evidenceOfOne(row)] };
    }
    const size = pageSizeOf(request.pageSize);
    const query = { pairs: [row], limit: size + 1, ...(before !== undefined && { before: Number(before) }) };
    const [memories = []] = await store.evidence(call.scope, query, call.signal);
    const page = takeWithin(memories.slice(0, size), nodeSize);
    const last = page.at(-1);
    const more = last !== undefined && memories.length > page.length;
    return {
      evidence: page.map(evidenceOf),
      nextPageToken: more ? encodePageToken(list, [String(last.position)]) : "",
    };
  };
}
