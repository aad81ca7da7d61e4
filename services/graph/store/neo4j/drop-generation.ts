import { int } from "neo4j-driver";
import { TYPES } from "../../domain/vocabulary.ts";
import { GENERATIONS } from "./generations.ts";
import type { Neo4j } from "./open-neo4j.ts";

const ROWS_A_STEP = 5000;

/** Marks it, and answers with its prefix; not the live one. */
const RETIRE = `MATCH (h:CosGraph {name: $graph}) SET h.lock = true WITH h
  MATCH (g:CosGeneration) WHERE g.prefix STARTS WITH h.prefix AND g.number = $generation AND g.state <> 'live'
  SET g.state = 'retired', g.dropping = true RETURN g.prefix AS prefix`;

/** Each place is written, which waits for the step that holds it. */
const AWAIT_STEPS = "MATCH (p:CosPlace) WHERE p.key STARTS WITH $prefix SET p.lock = true";

const edgesOf = (type: string) =>
  `MATCH ()-[r:${type}]->() USING INDEX r:${type}(gid) WHERE r.gid STARTS WITH $prefix WITH r LIMIT $rows DELETE r RETURN count(*) AS gone`;

const nodesOf = ([label, property]: readonly [string, string]) =>
  `MATCH (n:${label}) WHERE n.${property} STARTS WITH $prefix WITH n LIMIT $rows DELETE n RETURN count(*) AS gone`;

/** Edges first: a node that has some cannot be deleted. */
const STEPS = [
  ...TYPES.map(edgesOf),
  ...(
    [
      ["CosItem", "gid"],
      ["CosName", "gid"],
      ["CosTombstone", "gid"],
      ["CosFault", "key"],
      ["CosSettled", "key"],
      ["CosPlace", "key"],
    ] as const
  ).map(nodesOf),
];

/**
 * Removes all of a generation that is not live.
 *
 * Purpose: millions of rows go, and nobody who reads or projects another generation waits for it.
 * Owner: the caller; several at once, and again after a crash, do no harm.
 *
 *  E1  The generation takes no step any more before its first row goes: it is marked, and those that have begun are waited for.
 *  E2  Rows go in transactions of a few thousand, found by indexes.
 *  E3  The generation's own node goes last: whoever finds it knows that something may be left.
 *
 * Failure: rejects with ENGINE_UNAVAILABLE, or between two steps with the signal's reason; a repetition goes on.
 */
export async function dropGeneration(
  neo4j: Neo4j,
  graph: string,
  generation: number,
  { signal, rowsAStep = ROWS_A_STEP }: { readonly signal?: AbortSignal | undefined; readonly rowsAStep?: number } = {},
): Promise<void> {
  signal?.throwIfAborted();
  const [retired] = await neo4j.write((run) => run<{ prefix: string }>(RETIRE, { graph, generation: int(generation) }));
  if (retired === undefined) return;
  const { prefix } = retired;
  await neo4j.write((run) => run(AWAIT_STEPS, { prefix }));
  for (const text of STEPS) {
    const parameters = { prefix, rows: int(rowsAStep) };
    for (let gone = rowsAStep; gone >= rowsAStep; ) {
      signal?.throwIfAborted();
      const [row] = await neo4j.write((run) => run<{ gone: number }>(text, parameters));
      gone = row?.gone ?? 0;
    }
  }
  await neo4j.write((run) =>
    run(`${GENERATIONS} AND g.number = $generation AND g.dropping DELETE g`, { graph, generation: int(generation) }),
  );
}
