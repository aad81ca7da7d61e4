import { int } from "neo4j-driver";
import type { Change, ChangesPage, GraphReader } from "../../domain/graph-store.ts";
import { eachType, edgeOf, HEAD, inScope, isVisible } from "./cypher.ts";
import { bare, idOfGid } from "./gid.ts";
import type { Reading } from "./reading.ts";
import { SETTLED } from "./settled.ts";
import { edgeRow, nodeRow, type StoredEdge, type StoredNode } from "./stored-rows.ts";

const KINDS: readonly Change["what"][] = ["removed", "node", "edge"];

/** What of one kind comes above the place, by `changed` and gid. */
const page = (
  kind: Change["what"],
  name: string,
) => `${name}.module = $module AND ${name}.changed >= $changed AND ${name}.changed <= $upTo
  AND ${name}.gid STARTS WITH h.live AND ${inScope(name)}
  AND (${name}.changed > $changed OR $kind < ${KINDS.indexOf(kind)} OR ($kind = ${KINDS.indexOf(kind)} AND ${name}.gid > h.live + $id))`;

const ordered = (name: string) => `WITH ${name} ORDER BY ${name}.changed, ${name}.gid LIMIT $limit`;

const CHANGES = [
  `${HEAD} MATCH (t:CosTombstone) USING INDEX t:CosTombstone(module, changed) WHERE ${page("removed", "t")} ${ordered("t")} RETURN 'removed' AS what, properties(t) AS item`,
  `${HEAD} MATCH (n:CosItem) USING INDEX n:CosItem(module, changed) WHERE ${page("node", "n")} ${ordered("n")} RETURN 'node' AS what, properties(n) AS item`,
  ...eachType(
    (
      type,
    ) => `${HEAD} MATCH ()-[r:${type}]->() USING INDEX r:${type}(module, changed) WHERE ${page("edge", "r")} AND ${isVisible("r")}
    ${ordered("r")} RETURN 'edge' AS what, ${edgeOf("r")} AS item`,
  ),
];

const UP_TO = `${HEAD} MATCH (p:CosPlace {key: h.live + '/' + $module}) WHERE ${inScope("p")} ${SETTLED} RETURN settled AS upTo`;

type StoredChange =
  | { readonly what: "removed"; readonly item: { readonly gid: string; readonly changed: number } }
  | { readonly what: "node"; readonly item: StoredNode }
  | { readonly what: "edge"; readonly item: StoredEdge };

type ChangesQuery = Parameters<GraphReader["changes"]>[1];

/** What changed above a place, as far as it is settled, by (changed, kind, id). */
export async function readChanges(reading: Reading, query: ChangesQuery): Promise<ChangesPage> {
  const [settled] = await reading.run<{ upTo: number | null }>(UP_TO, { module: query.module });
  const upTo = settled?.upTo ?? 0;
  return { changes: upTo === 0 ? [] : await readChangesUpTo(reading, upTo, query), upTo };
}

/** Whether all of it is settled or not. */
export async function readChangesUpTo(
  reading: Reading,
  upTo: number,
  { module, after, limit }: ChangesQuery,
): Promise<Change[]> {
  const rows = await reading.run<StoredChange>(CHANGES, {
    module,
    upTo: int(upTo),
    changed: int(after.changed),
    kind: int(KINDS.indexOf(after.what)),
    id: bare(after.id),
    limit: int(limit),
  });
  return rows
    .map((row) => [placeOf(row), changeOf(row)] as const)
    .sort(([left], [right]) => compare(left, right))
    .slice(0, limit)
    .map(([, change]) => change);
}

type ChangePlace = readonly [changed: number, kind: number, gid: string];

function placeOf({ what, item }: StoredChange): ChangePlace {
  const { changed, gid } = what === "edge" ? item[3] : item;
  return [changed, KINDS.indexOf(what), gid];
}

function compare(left: ChangePlace, right: ChangePlace): number {
  return left[0] - right[0] || left[1] - right[1] || (left[2] < right[2] ? -1 : 1);
}

function changeOf(row: StoredChange): Change {
  switch (row.what) {
    case "removed":
      return { what: "removed", id: idOfGid(row.item.gid), changed: row.item.changed };
    case "node":
      return { what: "node", node: nodeRow(row.item) };
    case "edge":
      return { what: "edge", edge: edgeRow(row.item) };
  }
}
