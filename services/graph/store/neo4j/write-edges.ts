import { int } from "neo4j-driver";
import type { EdgeRow } from "../../domain/graph-rows.ts";
import { TYPES, type Type } from "../../domain/vocabulary.ts";
import { edgeAt, itemAt } from "./cypher.ts";
import { bare } from "./gid.ts";
import type { Part } from "./project.ts";
import { storedEdge } from "./stored-rows.ts";
import { safeType } from "./whitelist.ts";

// Edges are found by the index of their type, never by walking from one of their ends, which may have a hundred thousand. Ends are looked
// up once each, however many edges a delta has at them.

const CREATE = `UNWIND $ends AS gid MERGE (n:CosItem {gid: gid}) WITH collect(n) AS ends
  UNWIND $rows AS row WITH ends[row[0]] AS a, ends[row[1]] AS b, row
  CREATE (a)-[r:$(row[2])]->(b) SET r = row[3]`;

const GONE = "WITH r, startNode(r).gid AS from, endNode(r).gid AS to DELETE r RETURN from, to";

/** Writes edges whole. Answers with the ends of those that led elsewhere before. */
export async function putEdges(part: Part, rows: readonly EdgeRow[], changed: number): Promise<string[]> {
  const { run, prefix, module } = part;
  const gone = replaced(rows).map(async ([type, ids]) => {
    const text = `UNWIND $gids AS gid ${edgeAt(type, "gid")} WHERE r.module = $module ${GONE}`;
    return run<Ends>(text, { gids: ids.map((id) => prefix + bare(id)), module });
  });
  const [, ...ends] = await Promise.all([createEdges(part, rows, changed), ...gone]);
  return ends.flat().flatMap(({ from, to }) => [from, to]);
}

interface Ends {
  readonly from: string;
  readonly to: string;
}

/** Under which types there may be one of these already: what was derived has one for good, what was made by hand may change it. */
function replaced(rows: readonly EdgeRow[]): [Type, string[]][] {
  const idsOf = (some: readonly EdgeRow[]) => some.map(({ id }) => id);
  const manual = idsOf(rows.filter(({ origin }) => origin === "manual"));
  const derived = byType(rows.filter(({ origin }) => origin === "derived"));
  return TYPES.map((type): [Type, string[]] => [type, [...idsOf(derived.get(type) ?? []), ...manual]]).filter(
    ([, ids]) => ids.length > 0,
  );
}

/** Ends are looked up once each; the type is a parameter, so that one plan serves all. */
async function createEdges({ run, prefix }: Part, rows: readonly EdgeRow[], changed: number): Promise<void> {
  if (rows.length === 0) return;
  const ends = new Map<string, number>();
  const end = (id: string) => {
    const known = ends.get(id) ?? ends.size;
    ends.set(id, known);
    return int(known);
  };
  const created = rows.map((row) => [end(row.from), end(row.to), safeType(row.type), storedEdge(prefix, row, changed)]);
  await run(CREATE, { ends: [...ends.keys()].map((id) => prefix + bare(id)), rows: created });
}

/** Adds to counted edges, and makes those that are new; those that come to nothing go. Answers with the ends of those. */
export async function addEdges(part: Part, rows: readonly EdgeRow[], changed: number): Promise<string[]> {
  const fresh = await Promise.all([...byType(rows)].map(([type, group]) => addToEdges(part, type, group, changed)));
  const less = byType(rows.filter(({ count }) => count <= 0));
  const [, ...ends] = await Promise.all([
    createEdges(part, fresh.flat(), changed),
    ...[...less].map(([type, group]) => removeUncounted(part, type, group, changed)),
  ]);
  return ends.flat();
}

/** Answers with those that were not there, and are to be. */
async function addToEdges(
  { run, prefix, module }: Part,
  type: Type,
  rows: readonly EdgeRow[],
  changed: number,
): Promise<EdgeRow[]> {
  const text = `UNWIND $rows AS row ${edgeAt(type, "row[0]")} WHERE r.module = $module
    SET r.count = r.count + row[1], r.changed = $changed RETURN collect(row[2]) AS known`;
  const added = rows.map(({ id, count }, place) => [prefix + bare(id), int(count), int(place)]);
  const [answer] = await run<{ known: number[] }>(text, { rows: added, module, changed: int(changed) });
  const known = new Set(answer?.known);
  return rows.filter(({ count }, place) => count > 0 && !known.has(place));
}

async function removeUncounted(part: Part, type: Type, rows: readonly EdgeRow[], changed: number): Promise<string[]> {
  const less = rows.filter(({ count }) => count <= 0).map(({ id }) => id);
  return removeEdges(part, type, { ids: less, changed, where: "AND r.count <= 0" });
}

/** Answers with the ends of those that went. */
export async function deleteEdges(part: Part, ids: readonly string[], changed: number): Promise<string[]> {
  if (ids.length === 0) return [];
  return (await Promise.all(TYPES.map((type) => removeEdges(part, type, { ids, changed, where: "" })))).flat();
}

async function removeEdges(
  { run, prefix, module }: Part,
  type: Type,
  { ids, changed, where }: { readonly ids: readonly string[]; readonly changed: number; readonly where: string },
): Promise<string[]> {
  const text = `UNWIND $gids AS gid ${edgeAt(type, "gid")} WHERE r.module = $module ${where}
    MERGE (t:CosTombstone {gid: gid}) SET t.module = $module, t.changed = $changed ${GONE}`;
  const gids = ids.map((id) => prefix + bare(id));
  const gone = await run<Ends>(text, { gids, module, changed: int(changed) });
  return gone.flatMap(({ from, to }) => [from, to]);
}

const LOCK_GHOSTS = `UNWIND $gids AS gid ${itemAt("n", "gid")} WHERE n.module IS NULL SET n.lock = true`;

const DELETE_GHOSTS = `UNWIND $gids AS gid ${itemAt("n", "gid")}
  WHERE n.lock AND n.module IS NULL AND NOT EXISTS { (n)--() } DELETE n`;

const UNLOCK_GHOSTS = `UNWIND $gids AS gid ${itemAt("n", "gid")} WHERE n.lock REMOVE n.lock`;

/**
 * Removes ghosts that no edge needs any more. They are locked by one statement and looked at by the next: another module's step may be
 * filling one, or giving it an edge, and is waited for.
 */
export async function sweepGhosts({ run }: Part, gids: readonly string[]): Promise<void> {
  if (gids.length === 0) return;
  const parameters = { gids: [...new Set(gids)].sort() };
  await Promise.all([LOCK_GHOSTS, DELETE_GHOSTS, UNLOCK_GHOSTS].map((text) => run(text, parameters)));
}

function byType(rows: readonly EdgeRow[]): Map<Type, EdgeRow[]> {
  return Map.groupBy(rows, ({ type }) => type);
}
