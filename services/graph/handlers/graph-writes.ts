import { batchChangeGraph } from "./batch-change-graph.ts";
import { changeNodes } from "./change-nodes.ts";
import { changeRelationships } from "./change-relationships.ts";
import { mergeEntities } from "./merge-entities.ts";
import type { GraphWriteNeeds } from "./perform-act.ts";
import type { Graph } from "./read-needs.ts";
import { splitEntity } from "./split-entity.ts";

/** What is done to the graph by hand. */
type Writes =
  | "createNode"
  | "updateNode"
  | "deleteNode"
  | "createRelationship"
  | "updateRelationship"
  | "deleteRelationship"
  | "batchChangeGraph"
  | "mergeEntities"
  | "splitEntity";

/** The writes of GraphService. */
export function graphWrites(needs: GraphWriteNeeds): Pick<Graph, Writes> {
  return {
    ...changeNodes(needs),
    ...changeRelationships(needs),
    batchChangeGraph: batchChangeGraph(needs),
    mergeEntities: mergeEntities(needs),
    splitEntity: splitEntity(needs),
  };
}
