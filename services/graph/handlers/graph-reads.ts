import { type ExportNeeds, exportGraph } from "./export-graph.ts";
import { findNodes } from "./find-nodes.ts";
import { findShortestPath } from "./find-shortest-path.ts";
import { getNode } from "./get-node.ts";
import { getRelationship } from "./get-relationship.ts";
import { getSchema } from "./get-schema.ts";
import { getStats } from "./get-stats.ts";
import { listAliases } from "./list-aliases.ts";
import { listEvidence } from "./list-evidence.ts";
import { listNeighbors } from "./list-neighbors.ts";
import { listTopics } from "./list-topics.ts";
import type { Graph } from "./read-needs.ts";
import { searchGraph } from "./search-graph.ts";
import { traverse } from "./traverse.ts";

/** What is asked of the graph itself. */
type Reads =
  | "getNode"
  | "findNodes"
  | "getRelationship"
  | "listAliases"
  | "searchGraph"
  | "listNeighbors"
  | "traverse"
  | "findShortestPath"
  | "listEvidence"
  | "listTopics"
  | "getStats"
  | "getSchema"
  | "exportGraph";

/** The reads of GraphService. */
export function graphReads(needs: ExportNeeds): Pick<Graph, Reads> {
  return {
    getNode: getNode(needs),
    findNodes: findNodes(needs),
    getRelationship: getRelationship(needs),
    listAliases: listAliases(needs),
    searchGraph: searchGraph(needs),
    listNeighbors: listNeighbors(needs),
    traverse: traverse(needs),
    findShortestPath: findShortestPath(needs),
    listEvidence: listEvidence(needs),
    listTopics: listTopics(needs),
    getStats: getStats(needs),
    getSchema: getSchema(),
    exportGraph: exportGraph(needs),
  };
}
