import { int } from "neo4j-driver";
import type { NodeRow } from "../../domain/graph-rows.ts";
import type { GraphDelta } from "../../domain/graph-store.ts";
import { LABELS } from "../../domain/vocabulary.ts";
import { isMemory, itemAt } from "./cypher.ts";
import { bare } from "./gid.ts";
import type { Part } from "./project.ts";
import { storedNode, wordsOf } from "./stored-rows.ts";
import { safeLabel, safeModule } from "./whitelist.ts";

/** 1 for what is counted by `memoryCounts`: the place keeps the sum, since every weight that is read asks for it. */
const MEMORY = `CASE WHEN ${isMemory("n")} AND n.forgotten IS NULL THEN 1 ELSE 0 END`;

const COUNT_MEMORIES = "MATCH (p:CosPlace {key: $key}) SET p.memories = coalesce(p.memories, 0) + $more";

/** Labels come as parameters here, and so the same plans serve all labels and modules; they are looked at all the same. */
const LABELLED = "n:$([row.label, $module])";
const UNLABELLED = `n:${LABELS.join(":")}:$($module)`;

const PUT = `UNWIND $rows AS row MERGE (n:CosItem {gid: row.gid})
  WITH n, row, n.label AS label, ${MEMORY} AS was
  FOREACH (_ IN CASE WHEN label IS NULL OR label = row.label THEN [] ELSE [1] END | REMOVE ${UNLABELLED})
  SET n = row SET ${LABELLED}
  RETURN sum(${MEMORY} - was) AS more`;

const ADD = `UNWIND $rows AS row MERGE (n:CosItem {gid: row.gid})
  WITH n, row, n.module IS NULL AS new
  FOREACH (_ IN CASE WHEN new THEN [1] ELSE [] END | SET n = row SET ${LABELLED})
  FOREACH (_ IN CASE WHEN new THEN [] ELSE [1] END | SET n.count = n.count + row.count, n.changed = row.changed)`;

const TAKE = `UNWIND $rows AS row ${itemAt("n", "row[0]")} WHERE n.module = $module
  SET n.count = n.count + row[1], n.changed = $changed
  WITH n WHERE n.count <= 0 RETURN n.gid AS gid`;

const REMOVE = `UNWIND $gids AS gid ${itemAt("n", "gid")} WHERE n.module = $module
  MERGE (t:CosTombstone {gid: gid}) SET t.module = $module, t.changed = $changed
  WITH n, ${MEMORY} AS was
  REMOVE ${UNLABELLED} SET n = {gid: n.gid}
  RETURN sum(was) AS less`;

const RENAME = `UNWIND $rows AS row ${itemAt("n", "row[0]")} WHERE n.module = $module
  SET n.name = row[1], n.words = row[2], n.changed = $changed`;

/** Writes nodes whole. */
export async function putNodes(part: Part, rows: readonly NodeRow[], changed: number): Promise<void> {
  if (rows.length === 0) return;
  const [sum] = await part.run<{ more: number }>(PUT, labelled(part, rows, changed));
  await countMemories(part, sum?.more ?? 0);
}

function labelled({ prefix, module }: Part, rows: readonly NodeRow[], changed: number) {
  for (const { label } of rows) safeLabel(label);
  return { rows: rows.map((row) => storedNode(prefix, row, changed)), module: safeModule(module) };
}

async function countMemories({ run, prefix, module }: Part, more: number): Promise<void> {
  if (more !== 0) await run(COUNT_MEMORIES, { key: `${prefix}/${module}`, more: int(more) });
}

/** Adds to counted nodes, and makes those that are new; those that come to nothing go. Answers with the gids of nodes that went. */
export async function addNodes(part: Part, rows: readonly NodeRow[], changed: number): Promise<string[]> {
  const { run, prefix, module } = part;
  const more = rows.filter(({ count }) => count > 0);
  if (more.length > 0) await run(ADD, labelled(part, more, changed));
  const less = rows.filter(({ count }) => count <= 0);
  if (less.length === 0) return [];
  const counted = less.map(({ id, count }) => [prefix + bare(id), int(count)]);
  const gone = await run<{ gid: string }>(TAKE, { rows: counted, module, changed: int(changed) });
  return removeNodes(
    part,
    gone.map(({ gid }) => gid),
    changed,
  );
}

/** Answers with the gids of nodes that went. */
export async function deleteNodes(part: Part, ids: readonly string[], changed: number): Promise<string[]> {
  return removeNodes(
    part,
    ids.map((id) => part.prefix + bare(id)),
    changed,
  );
}

async function removeNodes(part: Part, gids: readonly string[], changed: number): Promise<string[]> {
  const { run, module } = part;
  if (gids.length === 0) return [];
  const [sum] = await run<{ less: number }>(REMOVE, { gids, module: safeModule(module), changed: int(changed) });
  await countMemories(part, -(sum?.less ?? 0));
  return [...gids];
}

/** Gives nodes that are there new names. */
export async function renameNodes(part: Part, rows: GraphDelta["renameNodes"], changed: number): Promise<void> {
  const { run, prefix, module } = part;
  if (rows.length === 0) return;
  const named = rows.map(({ id, name }) => [prefix + bare(id), name, wordsOf(prefix, module, name)]);
  await run(RENAME, { rows: named, module, changed: int(changed) });
}
