import { int } from "neo4j-driver";
import type { EdgeRow, NameRow, NodeRow } from "../../domain/graph-rows.ts";
import type { ProjectionStore, ScanPart } from "../../domain/graph-store.ts";
import { eachType, edgeOf, HEAD, inScope, isVisible } from "./cypher.ts";
import { GENERATIONS } from "./generations.ts";
import { bare } from "./gid.ts";
import type { Neo4j } from "./open-neo4j.ts";
import type { Reading } from "./reading.ts";
import { edgeRow, nameRow, nodeRow, type StoredEdge, type StoredName, type StoredNode } from "./stored-rows.ts";

/** A digest reads all of a generation: it may take its time over a page in which other modules lie between. */
const TIMEOUT_MS = 20_000;

const BUILD = `${GENERATIONS} AND g.number = $generation WITH g.prefix AS prefix`;
const LIVE = `${HEAD} WITH h.live AS prefix`;

/** Of a prefix's items those of the module, above the last one: in the order of the index. */
const further = (name: string) =>
  `${name}.gid > prefix + $after AND ${name}.gid < prefix + 'g' AND ${name}.module = $module`;

const nodes = (
  from: string,
  seen = "true",
) => `${from} MATCH (n:CosItem) USING INDEX n:CosItem(gid) WHERE ${further("n")} AND ${seen}
  WITH n ORDER BY n.gid LIMIT $limit RETURN properties(n) AS n`;

const edges = (from: string, seen = "true") =>
  eachType(
    (type) => `${from} MATCH ()-[r:${type}]->() USING INDEX r:${type}(gid) WHERE ${further("r")} AND ${seen}
      WITH r ORDER BY r.gid LIMIT $limit RETURN ${edgeOf("r")} AS edge`,
  );

const NAMES = `${BUILD} MATCH (x:CosName) USING INDEX x:CosName(owner) WHERE x.owner >= prefix + $after.owner AND x.owner < prefix + 'g' AND x.module = $module
  AND (x.owner > prefix + $after.owner OR x.kind > $after.kind OR (x.kind = $after.kind
    AND (x.key > $after.key OR (x.key = $after.key AND x.form > $after.form))))
  WITH x ORDER BY x.owner, x.kind, x.key, x.form LIMIT $limit RETURN properties(x) AS x`;

const NODES_OF_BUILD = nodes(BUILD);
const EDGES_OF_BUILD = edges(BUILD);
const NODES_TO_EXPORT = nodes(LIVE, inScope("n"));
const EDGES_TO_EXPORT = edges(LIVE, isVisible("r"));

const parametersOf = ({ module, after, limit }: Omit<ScanPart, "generation">) => ({
  module,
  after: bare(after),
  limit: int(limit),
});

/** The pages of each type are merged: an index is of one type. */
function edgePage(rows: readonly { readonly edge: StoredEdge }[], limit: number): EdgeRow[] {
  return [...rows]
    .sort((left, right) => (left.edge[3].gid < right.edge[3].gid ? -1 : 1))
    .slice(0, limit)
    .map(({ edge }) => edgeRow(edge));
}

/** The scans of a generation, whoever may see it. */
export function scansOf(neo4j: Neo4j, graph: string): Pick<ProjectionStore, "scanNodes" | "scanEdges" | "scanNames"> {
  const run = <Row extends object>(
    text: string | readonly string[],
    { generation }: { readonly generation: number },
    parameters: object,
  ) => neo4j.read<Row>(text, { graph, generation: int(generation), ...parameters }, { timeoutMs: TIMEOUT_MS });
  return {
    scanNodes: async (part) => {
      const rows = await run<{ n: StoredNode }>(NODES_OF_BUILD, part, parametersOf(part));
      return rows.map(({ n }) => nodeRow(n));
    },
    scanEdges: async (part) =>
      edgePage(await run<{ edge: StoredEdge }>(EDGES_OF_BUILD, part, parametersOf(part)), part.limit),
    scanNames: async ({ module, after, limit, ...of }): Promise<NameRow[]> => {
      const { entity = "", kind = "", key = "", form = "" } = after ?? {};
      const place = { owner: bare(entity), kind, key, form };
      const rows = await run<{ x: StoredName }>(NAMES, of, { module, after: place, limit: int(limit) });
      return rows.map(({ x }) => nameRow(x));
    },
  };
}

export async function exportNodes(reading: Reading, part: Omit<ScanPart, "generation">): Promise<NodeRow[]> {
  return (await reading.run<{ n: StoredNode }>(NODES_TO_EXPORT, parametersOf(part))).map(({ n }) => nodeRow(n));
}

/** Edges with both ends. */
export async function exportEdges(reading: Reading, part: Omit<ScanPart, "generation">): Promise<EdgeRow[]> {
  return edgePage(await reading.run<{ edge: StoredEdge }>(EDGES_TO_EXPORT, parametersOf(part)), part.limit);
}
