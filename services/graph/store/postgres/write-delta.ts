import type { GraphDelta } from "../../domain/graph-store.ts";
import type { Step } from "./step.ts";
import { addEdges, deleteEdges, endsOf, loosenEdges, putEdges } from "./write-edges.ts";
import { addNames } from "./write-names.ts";
import { addNodes, deleteNodes, putNodes, renameNodes } from "./write-nodes.ts";

/**
 * Writes a delta into its generation and module: a statement for each of its lists that holds anything, whatever its length.
 *
 * Nodes go before edges: what an edge is written with tells whether both of its ends are there by then (`loose`, create-graph.ts).
 */
export async function writeDelta(step: Step, delta: GraphDelta): Promise<void> {
  await deleteEdges(step, delta.deleteEdges);
  const deleted = await deleteNodes(step, delta.deleteNodes);
  await putNodes(step, delta.putNodes);
  const vanished = await addNodes(step, delta.addNodes);
  await loosenEdges(step, [...deleted, ...vanished]);
  await renameNodes(step, delta.renameNodes);
  const ends = await endsOf(step, [...delta.putEdges, ...delta.addEdges]);
  await putEdges(step, delta.putEdges, ends);
  await addEdges(step, delta.addEdges, ends);
  await addNames(step, delta.addNames);
}
