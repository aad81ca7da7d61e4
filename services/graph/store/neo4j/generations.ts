import { int } from "neo4j-driver";
import type { GenerationRow, Place } from "../../domain/graph-rows.ts";
import type { ProjectionStore } from "../../domain/graph-store.ts";
import { prefixOf } from "./gid.ts";
import type { Neo4j, Run } from "./open-neo4j.ts";

interface StoredGeneration {
  readonly prefix: string;
  readonly number: number;
  readonly state: GenerationRow["state"];
  readonly purpose: GenerationRow["purpose"];
  readonly extractorVersion: number;
  readonly beganMs: number;
  readonly aliveMs: number;
  readonly retiredMs?: number;
  readonly resumeToken: string;
}

function generationRow(stored: StoredGeneration): GenerationRow {
  const { number, state, purpose, extractorVersion, beganMs, aliveMs, retiredMs, resumeToken } = stored;
  return { number, state, purpose, extractorVersion, beganMs, aliveMs, retiredMs, resumeToken };
}

/** A graph's generations, as `g`. */
export const GENERATIONS = `MATCH (h:CosGraph {name: $graph}) MATCH (g:CosGeneration) WHERE g.prefix STARTS WITH h.prefix`;

/** All that are kept, by number. */
export async function readGenerations(neo4j: Neo4j, graph: string, signal?: AbortSignal): Promise<GenerationRow[]> {
  const text = `${GENERATIONS} RETURN properties(g) AS g ORDER BY g.number`;
  const rows = await neo4j.read<{ g: StoredGeneration }>(text, { graph }, { signal });
  return rows.map(({ g }) => generationRow(g));
}

export async function readLive(neo4j: Neo4j, graph: string, signal?: AbortSignal): Promise<GenerationRow | undefined> {
  const text = `MATCH (h:CosGraph {name: $graph}) MATCH (g:CosGeneration {prefix: h.live}) RETURN properties(g) AS g`;
  const [row] = await neo4j.read<{ g: StoredGeneration }>(text, { graph }, { signal });
  return row && generationRow(row.g);
}

/** A graph of its own within the database. The head without a name gives out their numbers, which are never given again. */
const MAKE_HEAD = `MERGE (all:CosGraph {name: ''}) SET all.graphs = coalesce(all.graphs, 0)
  WITH all WHERE NOT EXISTS { MATCH (:CosGraph {name: $graph}) }
  SET all.graphs = all.graphs + 1
  CREATE (:CosGraph {name: $graph, number: all.graphs, begun: 0})`;

/** Writing it locks it, so that generations begin, change places and go one after the other. */
const LOCK_HEAD = `MATCH (h:CosGraph {name: $graph}) SET h.lock = true`;

export async function beginGeneration(
  neo4j: Neo4j,
  graph: string,
  { purpose, extractorVersion, nowMs }: Parameters<ProjectionStore["begin"]>[0],
): Promise<GenerationRow | undefined> {
  return neo4j.write(async (run) => {
    await run(MAKE_HEAD, { graph });
    await run(LOCK_HEAD, { graph });
    const text = "MATCH (h:CosGraph {name: $graph}) RETURN h.number AS number, h.begun AS begun";
    const heads = await run<{ number: number; begun: number }>(text, { graph });
    const [head] = heads as [(typeof heads)[0]];
    const before = await generationsOf(run, graph);
    if (before.some(({ state }) => state === "building")) return undefined;
    const number = head.begun + 1;
    const prefix = prefixOf(head.number, number);
    const state = before.some((row) => row.state === "live") ? "building" : "live";
    const row = { number, state, purpose, extractorVersion, beganMs: nowMs, aliveMs: 0, resumeToken: "" } as const;
    const stored = {
      ...row,
      prefix,
      number: int(number),
      extractorVersion: int(extractorVersion),
      beganMs: int(nowMs),
      aliveMs: int(0),
    };
    await run(
      `MATCH (h:CosGraph {name: $graph}) CREATE (g:CosGeneration) SET g = $stored
       SET h.begun = $stored.number, h.prefix = $prefix, h.live = coalesce(h.live, $stored.prefix)`,
      { graph, stored, prefix: prefixOf(head.number, 0).slice(0, 4) },
    );
    return { ...row, retiredMs: undefined };
  });
}

async function generationsOf(run: Run, graph: string): Promise<StoredGeneration[]> {
  const rows = await run<{ g: StoredGeneration }>(`${GENERATIONS} RETURN properties(g) AS g`, { graph });
  return rows.map(({ g }) => g);
}

export async function activateGeneration(
  neo4j: Neo4j,
  graph: string,
  generation: number,
  nowMs: number,
): Promise<void> {
  await neo4j.write(async (run) => {
    await run(LOCK_HEAD, { graph });
    await run(
      `${GENERATIONS} AND g.number = $generation AND g.state = 'building'
       MATCH (old:CosGeneration {prefix: h.live})
       SET old.state = 'retired', old.retiredMs = $nowMs, g.state = 'live', h.live = g.prefix`,
      { graph, generation: int(generation), nowMs: int(nowMs) },
    );
  });
}

export async function keepAlive(neo4j: Neo4j, graph: string, generation: number, nowMs: number): Promise<void> {
  const text = `${GENERATIONS} AND g.number = $generation AND g.state = 'building' SET g.aliveMs = $nowMs`;
  await neo4j.write((run) => run(text, { graph, generation: int(generation), nowMs: int(nowMs) }));
}

export async function keepToken(neo4j: Neo4j, graph: string, generation: number, resumeToken: string): Promise<void> {
  const text = `${GENERATIONS} AND g.number = $generation SET g.resumeToken = $resumeToken`;
  await neo4j.write((run) => run(text, { graph, generation: int(generation), resumeToken }));
}

interface StoredPlace extends Place {
  readonly naming?: string;
}

const PLACE = "p.module AS module, p.position AS position, p.epoch AS epoch, p.atMs AS atMs";

/** A place that was made to be locked, and not yet reached, has no epoch. */
export async function readPlaces(
  neo4j: Neo4j,
  graph: string,
  generation: number,
  signal?: AbortSignal,
): Promise<Place[]> {
  const text = `${GENERATIONS} AND g.number = $generation
    MATCH (p:CosPlace) WHERE p.key STARTS WITH g.prefix AND p.epoch IS NOT NULL RETURN ${PLACE} ORDER BY module`;
  return neo4j.read<StoredPlace>(text, { graph, generation: int(generation) }, { signal });
}
