import { int } from "neo4j-driver";
import type { FaultRow } from "../../domain/graph-rows.ts";
import { HEAD, inScope } from "./cypher.ts";
import type { Reading } from "./reading.ts";

const OF_MODULE = `${HEAD} MATCH (f:CosFault) WHERE f.key STARTS WITH h.live + '/' + $module + '/' AND f.kind = $kind AND ${inScope("f")}`;

const PAGE = `${OF_MODULE} WITH f ORDER BY f.position DESC WITH collect(f) AS found
  RETURN size(found) AS total, [f IN found[..$limit] | properties(f)] AS faults`;

const AT = `${HEAD} MATCH (f:CosFault {key: h.live + '/' + $module + '/' + toString($position)}) WHERE ${inScope("f")} RETURN properties(f) AS f`;

type StoredFault = FaultRow & { readonly key: string };

function faultRow({ module, position, memoryId, kind, error, attempts, atMs }: StoredFault): FaultRow {
  return { module, position, memoryId, kind, error, attempts, atMs };
}

/** A module's faults of a kind, the latest first, and how many there are. */
export async function readFaults(
  reading: Reading,
  { module, kind, limit }: { readonly module: string; readonly kind: FaultRow["kind"]; readonly limit: number },
): Promise<{ readonly faults: FaultRow[]; readonly total: number }> {
  const rows = await reading.run<{ total: number; faults: StoredFault[] }>(PAGE, { module, kind, limit: int(limit) });
  const [{ total, faults } = { total: 0, faults: [] }] = rows;
  return { total, faults: faults.map(faultRow) };
}

export async function readFaultAt(reading: Reading, module: string, position: number): Promise<FaultRow | undefined> {
  const [row] = await reading.run<{ f: StoredFault }>(AT, { module, position: int(position) });
  return row && faultRow(row.f);
}
