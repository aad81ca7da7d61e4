import type { Evidence } from "#gen/cos/graph/v1/graph_pb.ts";
import type { CallContext } from "#shared/auth/call-context.ts";
import type { EdgeRow, NodeRow } from "../domain/graph-rows.ts";
import type { GraphReader } from "../domain/graph-store.ts";
import { evidenceOf, evidencePlaceOf } from "../domain/relationship-of.ts";

const EVIDENCE_UNSET = 3;
const EVIDENCE_MAX = 20;

/** How many memories each relationship names: what was asked, by default 3, never over 20; below 0 none. */
export function evidenceMaxOf(asked: number): number {
  return asked === 0 ? EVIDENCE_UNSET : Math.max(0, Math.min(asked, EVIDENCE_MAX));
}

/** The memories that a relationship was derived from. */
export type EvidenceOf = (edge: EdgeRow) => readonly Evidence[];

/** The memories that relationships were derived from, the latest first; in two questions for all of them. */
export async function findEvidence(
  store: Pick<GraphReader, "nodes" | "evidence">,
  { scope, signal }: CallContext,
  edges: readonly EdgeRow[],
  most: number,
): Promise<EvidenceOf> {
  if (most === 0) return () => [];
  const pairs = edges.filter((edge) => evidencePlaceOf(edge).by === "pair");
  const ends = edges.map(evidencePlaceOf).flatMap((place) => (place.by === "ends" ? place.ids : []));
  const [together, rows] = await Promise.all([
    pairs.length === 0 ? [] : store.evidence(scope, { pairs, limit: most }, signal),
    ends.length === 0 ? [] : store.nodes(scope, [...new Set(ends)], signal),
  ]);
  const ofPair = new Map(pairs.map((edge, n) => [edge, together[n]]));
  const byId = new Map(rows.map((row) => [row.id, row]));
  return (edge) => {
    const place = evidencePlaceOf(edge);
    if (place.by === "act") return [place.evidence];
    return (place.by === "pair" ? ofPair.get(edge) : latestOf(place.ids, byId))?.map(evidenceOf) ?? [];
  };
}

/** The later one of the ends that are memories. */
function latestOf(ids: readonly string[], byId: ReadonlyMap<string, NodeRow>): NodeRow[] {
  const memories = ids.flatMap((id) => byId.get(id) ?? []).filter(({ position }) => position > 0);
  return memories.sort((left, right) => right.position - left.position).slice(0, 1);
}
