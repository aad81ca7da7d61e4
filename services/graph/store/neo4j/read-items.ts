import { int } from "neo4j-driver";
import type { EdgeRow, NameRow, NodeRow, Place } from "../../domain/graph-rows.ts";
import type { Naming } from "../../domain/naming.ts";
import { eachType, edgeAt, edgeOf, HEAD, inScope, isVisible, itemAt } from "./cypher.ts";
import { bare } from "./gid.ts";
import { namingOf } from "./project.ts";
import type { Reading } from "./reading.ts";
import { SETTLED } from "./settled.ts";
import { edgeRow, nameRow, nodeRow, type StoredEdge, type StoredName, type StoredNode } from "./stored-rows.ts";

const NODES = `${HEAD} UNWIND $ids AS id ${itemAt("n", "h.live + id")} WHERE ${inScope("n")} RETURN properties(n) AS n`;

const EDGES = eachType(
  (type) =>
    `${HEAD} UNWIND $ids AS id ${edgeAt(type, "h.live + id")} WHERE ${isVisible("r")} RETURN ${edgeOf("r")} AS edge`,
);

const NAMES = `${HEAD} MATCH (x:CosName {owner: h.live + $id}) USING INDEX SEEK x:CosName(owner) WHERE ${inScope("x")}
  WITH x ORDER BY x.count DESC, x.form, x.key, x.kind LIMIT $limit RETURN properties(x) AS x`;

/** As far as it is settled: whoever waits for a place reads what was written with it. */
const SETTLED_PLACE = `${SETTLED} WHERE settled > 0 OR p.position = 0
  RETURN p.module AS module, settled AS position, p.epoch AS epoch, p.atMs AS atMs`;

const LIVE_PLACES = `${HEAD} MATCH (p:CosPlace) WHERE p.key STARTS WITH h.live AND p.epoch IS NOT NULL AND ${inScope("p")}
  ${SETTLED_PLACE} ORDER BY module`;

const LIVE_PLACE = `${HEAD} MATCH (p:CosPlace {key: h.live + '/' + $module}) WHERE p.epoch IS NOT NULL AND ${inScope("p")}
  ${SETTLED_PLACE}`;

const NAMING = `${HEAD} MATCH (p:CosPlace {key: h.live + '/' + $module}) WHERE ${inScope("p")} RETURN p.naming AS naming`;

const bareOnes = (ids: readonly string[]) => [...new Set(ids)].map(bare);

export async function readNodes(reading: Reading, ids: readonly string[]): Promise<NodeRow[]> {
  if (ids.length === 0) return [];
  return (await reading.run<{ n: StoredNode }>(NODES, { ids: bareOnes(ids) })).map(({ n }) => nodeRow(n));
}

export async function readEdges(reading: Reading, ids: readonly string[]): Promise<EdgeRow[]> {
  if (ids.length === 0) return [];
  return (await reading.run<{ edge: StoredEdge }>(EDGES, { ids: bareOnes(ids) })).map(({ edge }) => edgeRow(edge));
}

export async function readNames(reading: Reading, entity: string, limit: number): Promise<NameRow[]> {
  const rows = await reading.run<{ x: StoredName }>(NAMES, { id: bare(entity), limit: int(limit) });
  return rows.map(({ x }) => nameRow(x));
}

export async function readLivePlaces(reading: Reading, module: string | undefined): Promise<Place[]> {
  return module === undefined ? reading.run<Place>(LIVE_PLACES) : reading.run<Place>(LIVE_PLACE, { module });
}

export async function readNaming(reading: Reading, module: string): Promise<Naming> {
  return namingOf(await reading.run<{ naming: string | null }>(NAMING, { module }));
}
