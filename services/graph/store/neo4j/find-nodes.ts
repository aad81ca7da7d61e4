import { int } from "neo4j-driver";
import type { NodeRow } from "../../domain/graph-rows.ts";
import type { NodeQuery } from "../../domain/graph-store.ts";
import { HEAD, inScope } from "./cypher.ts";
import { bare } from "./gid.ts";
import type { Reading } from "./reading.ts";
import { nodeRow, type StoredNode, storedProperties } from "./stored-rows.ts";
import { safeLabel } from "./whitelist.ts";

/** Nodes by label, kind, name and properties, by count, descending, then id. */
export async function findNodes(reading: Reading, query: NodeQuery): Promise<NodeRow[]> {
  const { module, labels, kind, name, after } = query;
  const properties = storedProperties(query.properties);
  // By its name if it is known, else by its label: only one of them can lead.
  const pattern = name === undefined && labels.length > 0 ? labels.map(safeLabel).join("|") : "CosItem";
  const hint = name === undefined ? "" : "USING INDEX n:CosItem(name)";
  const wanted = [
    "n.gid STARTS WITH h.live",
    inScope("n"),
    module !== undefined && "n.module = $module",
    labels.length > 0 && "n.label IN $labels",
    kind !== undefined && "coalesce(n.kind, '') = $kind",
    name !== undefined && "n.name = $name",
    properties !== undefined && "all(property IN $properties WHERE property IN n.properties)",
    after !== undefined && "(n.count < $after.count OR (n.count = $after.count AND n.gid > h.live + $after.id))",
  ];
  const text = `${HEAD} MATCH (n:${pattern}) ${hint} WHERE ${wanted.filter((part) => part !== false).join(" AND ")}
    WITH n ORDER BY n.count DESC, n.gid LIMIT $limit RETURN properties(n) AS n`;
  const rows = await reading.run<{ n: StoredNode }>(text, {
    module,
    labels,
    kind,
    name,
    properties,
    after: after && { count: int(after.count), id: bare(after.id) },
    limit: int(query.limit),
  });
  return rows.map(({ n }) => nodeRow(n));
}
