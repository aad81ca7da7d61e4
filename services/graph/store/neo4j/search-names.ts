import { int } from "neo4j-driver";
import type { SearchCandidate, SearchQuery } from "../../domain/graph-store.ts";
import { HEAD, inScope, itemAt } from "./cypher.ts";
import { WORDS_INDEX } from "./ensure-schema.ts";
import type { Reading } from "./reading.ts";
import { nodeRow, type StoredNode } from "./stored-rows.ts";

/** Letters and digits alone (searchWords), so that nothing in them means something to Lucene; and what half a character is stored as. */
const WORD = /^[\p{L}\p{N}\uFFFD]+$/u;

const CANDIDATES = `${HEAD} WITH h WHERE h.live IS NOT NULL
  CALL db.index.fulltext.queryNodes('${WORDS_INDEX}', '+_' + h.live + $words) YIELD node AS hit
  CALL (hit) {
    WITH hit WHERE hit:CosName ${itemAt("n", "hit.owner")} RETURN n, hit.form AS form, hit.count AS count
    UNION ALL
    WITH hit WHERE hit:CosItem RETURN hit AS n, hit.name AS form, 0 AS count
  }
  WITH n, form, count WHERE ${inScope("n")} AND ($module IS NULL OR n.module = $module) AND (size($labels) = 0 OR n.label IN $labels)
  WITH n, form, count ORDER BY count DESC, form
  WITH n, collect(form)[0] AS name
  ORDER BY n.count DESC, n.gid LIMIT $limit
  RETURN properties(n) AS n, name`;

/** Nodes that have a name in which each of the words begins a word. */
export async function searchNames(reading: Reading, query: SearchQuery): Promise<SearchCandidate[]> {
  const { module, labels, limit } = query;
  const words = query.words.map((word) => word.toWellFormed());
  if (words.length === 0 || !words.every((word) => WORD.test(word))) return [];
  const rows = await reading.run<{ n: StoredNode; name: string }>(CANDIDATES, {
    words: `${module === undefined ? "" : ` +_${module}`}${words.map((word) => ` +${word}*`).join("")}`,
    module: module ?? null,
    labels,
    limit: int(limit),
  });
  return rows.map(({ n, name }) => ({ node: nodeRow(n), name }));
}
