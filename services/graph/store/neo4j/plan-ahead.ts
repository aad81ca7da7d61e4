import type { EdgeFilter } from "../../domain/graph-store.ts";
import { TYPES } from "../../domain/vocabulary.ts";
import { findNodes } from "./find-nodes.ts";
import { expand, readNeighbors } from "./follow-edges.ts";
import type { Neo4j } from "./open-neo4j.ts";
import { readChanges, readChangesUpTo } from "./read-changes.ts";
import { readEvidence } from "./read-evidence.ts";
import { readFaults } from "./read-faults.ts";
import { readEdges, readLivePlaces, readNames, readNodes } from "./read-items.ts";
import { readMemoryCounts, readStats } from "./read-stats.ts";
import { readTopics } from "./read-topics.ts";
import type { Reading } from "./reading.ts";
import { exportEdges, exportNodes } from "./scan.ts";
import { searchNames } from "./search-names.ts";

const NOWHERE = "00000000-0000-0000-0000-000000000000";
const EVERYTHING: EdgeFilter = { way: "both", types: TYPES, manual: false };
/** What walks follow that are not told what to follow. */
const RELATED: EdgeFilter = { way: "both", types: ["RELATES_TO", "DEPENDS_ON"], manual: true };

/**
 * Has the server plan what is usually asked, one statement after the other, what people ask first at the beginning.
 *
 * A server that has just started takes seconds for some of these plans, and some 20 s for all of them, while readers wait. It
 * plans anew for parameters of other types; so everything is planned for callers who read all modules, and for those who read some.
 * Rejects when the server goes away.
 */
export async function planAhead(neo4j: Neo4j, graph: string): Promise<void> {
  for (const modules of [null, ["cc"]]) {
    const run: Reading["run"] = async (texts, parameters) => {
      await neo4j.plan([texts].flat(), { graph, modules, ...parameters });
      return [];
    };
    await planReads({ run });
  }
}

async function planReads(reading: Reading): Promise<void> {
  const [module, limit, ids] = ["cc", 1, [NOWHERE]];
  await readLivePlaces(reading, module);
  await readLivePlaces(reading, undefined);
  await readStats(reading, undefined);
  await readStats(reading, module);
  await searchNames(reading, { module, words: ["a"], labels: [], limit });
  await findNodes(reading, { module, labels: [], name: "a", properties: {}, limit });
  await readNodes(reading, ids);
  await readNeighbors(reading, { ...EVERYTHING, node: NOWHERE, limit });
  await readMemoryCounts(reading, [module]);
  await readNames(reading, NOWHERE, limit);
  await expand(reading, { ...RELATED, nodes: ids, fanOut: limit });
  await readEdges(reading, ids);
  await readEvidence(reading, { pairs: [{ module, from: NOWHERE, to: NOWHERE }], limit });
  await readTopics(reading, { module, kinds: [], limit });
  await readFaults(reading, { module, kind: "parked", limit });
  const changes = { module, after: { changed: 0, what: "removed", id: NOWHERE }, limit } as const;
  await readChanges(reading, changes);
  await readChangesUpTo(reading, 0, changes);
  await exportNodes(reading, { module, after: "", limit });
  await exportEdges(reading, { module, after: "", limit });
}
