import type { StatsRow } from "../../domain/graph-store.ts";
import { eachType, HEAD, inScope, isVisible } from "./cypher.ts";
import type { Reading } from "./reading.ts";

const ORIGIN = (name: string) => `CASE WHEN ${name}.manual THEN 'manual' ELSE 'derived' END AS origin`;
const IN_MODULE = (name: string) => `($module IS NULL OR ${name}.module = $module)`;

const NODES = `${HEAD} MATCH (n:CosItem) USING INDEX n:CosItem(gid) WHERE n.gid STARTS WITH h.live AND ${inScope("n")} AND ${IN_MODULE("n")}
  RETURN n.module AS module, 'node' AS what, n.label AS name, coalesce(n.kind, '') AS kind, ${ORIGIN("n")}, count(*) AS count`;

const EDGES = eachType(
  (
    type,
  ) => `${HEAD} MATCH ()-[r:${type}]->() USING INDEX r:${type}(gid) WHERE r.gid STARTS WITH h.live AND ${IN_MODULE("r")} AND ${isVisible("r")}
  RETURN r.module AS module, 'edge' AS what, '${type}' AS name, '' AS kind, ${ORIGIN("r")}, count(*) AS count`,
);

/** How many there are of everything. */
export async function readStats(reading: Reading, module: string | undefined): Promise<StatsRow[]> {
  return reading.run<StatsRow>([NODES, ...EDGES], { module: module ?? null });
}

const MEMORIES = `${HEAD} UNWIND $named AS module
  OPTIONAL MATCH (p:CosPlace {key: h.live + '/' + module}) WHERE ${inScope("p")}
  RETURN module, coalesce(p.memories, 0) AS count`;

/** How many memories each module has that are not forgotten. */
export async function readMemoryCounts(
  reading: Reading,
  modules: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const named = [...new Set(modules)];
  const rows = await reading.run<{ module: string; count: number }>(MEMORIES, { named });
  const counts = new Map(rows.map(({ module, count }) => [module, count]));
  return new Map(named.map((module) => [module, counts.get(module) ?? 0]));
}
