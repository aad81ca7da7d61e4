import type { GraphDelta } from "../../domain/graph-store.ts";
import type { Part } from "./project.ts";
import { addEdges, deleteEdges, putEdges, sweepGhosts } from "./write-edges.ts";
import { addNames } from "./write-names.ts";
import { addNodes, deleteNodes, putNodes, renameNodes } from "./write-nodes.ts";

/**
 * Writes a delta into its part: a few statements for each of its lists, whatever its length.
 *
 * An edge needs a node at each end in Neo4j. Where one is not there, a ghost stands for it: a `CosItem` with a gid and nothing else, which
 * lies in no module and so is shown to nobody. A node that comes fills its ghost, one that goes leaves one if edges need it, and a ghost
 * that no edge needs any more is removed.
 *
 * What does not wait for another's answer is sent at once: Neo4j takes statements of a transaction in their order, and works while we
 * still write.
 */
export async function writeDelta(part: Part, delta: GraphDelta): Promise<void> {
  const changed = delta.position;
  const loose = await Promise.all([
    deleteEdges(part, delta.deleteEdges, changed),
    deleteNodes(part, delta.deleteNodes, changed),
    putNodes(part, delta.putNodes, changed).then(() => []),
    addNodes(part, delta.addNodes, changed),
    putEdges(part, delta.putEdges, changed),
    addEdges(part, delta.addEdges, changed),
    addNames(part, delta.addNames).then(() => []),
  ]);
  await renameNodes(part, delta.renameNodes, changed);
  await sweepGhosts(part, loose.flat());
}
