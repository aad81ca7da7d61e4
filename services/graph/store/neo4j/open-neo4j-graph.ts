import { int } from "neo4j-driver";
import type { Breaker } from "#shared/redis/open-breaker.ts";
import type { GraphReader, GraphStore, ProjectionStore } from "../../domain/graph-store.ts";
import { dropGeneration } from "./drop-generation.ts";
import { findNodes } from "./find-nodes.ts";
import { expand, readNeighbors } from "./follow-edges.ts";
import {
  activateGeneration,
  beginGeneration,
  GENERATIONS,
  keepAlive,
  keepToken,
  readGenerations,
  readLive,
  readPlaces,
} from "./generations.ts";
import { type Neo4j, type Neo4jOptions, openNeo4j } from "./open-neo4j.ts";
import { planAhead } from "./plan-ahead.ts";
import { namingOf, project } from "./project.ts";
import { readChanges } from "./read-changes.ts";
import { readEvidence } from "./read-evidence.ts";
import { readFaultAt, readFaults } from "./read-faults.ts";
import { readEdges, readLivePlaces, readNames, readNaming, readNodes } from "./read-items.ts";
import { readMemoryCounts, readStats } from "./read-stats.ts";
import { readTopics } from "./read-topics.ts";
import { readingOf } from "./reading.ts";
import { exportEdges, exportNodes, scansOf } from "./scan.ts";
import { searchNames } from "./search-names.ts";

export interface Neo4jGraphOptions extends Omit<Neo4jOptions, "onPrepared"> {
  /** Several graphs may share a database, which in the Community edition is the only one. Default `cos`. */
  readonly graph?: string;
  /** Whether the server plans what is usually asked before anybody asks. Default false. */
  readonly planAhead?: boolean;
}

export interface Neo4jGraph extends GraphStore {
  readonly engine: "neo4j";
  /** For health: its state, and how often it opened and refused. */
  readonly breaker: Pick<Breaker, "state" | "openedCount" | "refusedCount">;
}

/** Creating all indexes of an empty database takes about 2 s. */
const PREPARE_MS = 10_000;

/**
 * Opens the graph in Neo4j. Its constraints and indexes are ensured; where it is away that is done when it comes, and until then
 * everything rejects with ENGINE_UNAVAILABLE. Throws where a file that the options name cannot be read.
 */
export async function openNeo4jGraph(options: Neo4jGraphOptions): Promise<Neo4jGraph> {
  const { graph = "cos", log } = options;
  const neo4j = openNeo4j({
    ...options,
    onPrepared: () => {
      if (options.planAhead === true)
        planAhead(neo4j, graph).catch((err: unknown) => log.debug({ err }, "neo4j was not asked to plan ahead"));
    },
  });
  await neo4j
    .prepare(PREPARE_MS)
    .catch((err: unknown) => log.warn({ engine: "neo4j", err }, "engine not ready at start"));
  return {
    engine: "neo4j",
    breaker: neo4j.breaker,
    ready: async (signal) => {
      await neo4j.read("RETURN 1", {}, { signal });
    },
    close: () => neo4j.close(),
    ...projectionOf(neo4j, graph),
    ...readerOf(neo4j, graph),
  };
}

function projectionOf(neo4j: Neo4j, graph: string): ProjectionStore {
  return {
    generations: (signal) => readGenerations(neo4j, graph, signal),
    begin: (build) => beginGeneration(neo4j, graph, build),
    activate: (generation, nowMs) => activateGeneration(neo4j, graph, generation, nowMs),
    keepAlive: (generation, nowMs) => keepAlive(neo4j, graph, generation, nowMs),
    drop: (generation, signal) => dropGeneration(neo4j, graph, generation, { signal }),
    places: (generation, signal) => readPlaces(neo4j, graph, generation, signal),
    keepToken: (generation, resumeToken) => keepToken(neo4j, graph, generation, resumeToken),
    project: (step, work) => project(neo4j, graph, step, work),
    ...scansOf(neo4j, graph),
    naming: async (generation, module) => {
      const text = `${GENERATIONS} AND g.number = $generation MATCH (p:CosPlace {key: g.prefix + '/' + $module}) RETURN p.naming AS naming`;
      return namingOf(
        await neo4j.read<{ naming: string | null }>(text, { graph, generation: int(generation), module }),
      );
    },
  };
}

function readerOf(neo4j: Neo4j, graph: string): GraphReader {
  const reading = (...[scope, signal]: [Parameters<typeof readingOf>[2], AbortSignal | undefined]) =>
    readingOf(neo4j, graph, scope, signal);
  return {
    live: (signal) => readLive(neo4j, graph, signal),
    livePlaces: (scope, signal, module) => readLivePlaces(reading(scope, signal), module),
    faults: (scope, query, signal) => readFaults(reading(scope, signal), query),
    faultAt: (scope, module, position, signal) => readFaultAt(reading(scope, signal), module, position),
    namingOf: (scope, module, signal) => readNaming(reading(scope, signal), module),
    nodes: (scope, ids, signal) => readNodes(reading(scope, signal), ids),
    edges: (scope, ids, signal) => readEdges(reading(scope, signal), ids),
    names: (scope, entity, limit, signal) => readNames(reading(scope, signal), entity, limit),
    findNodes: (scope, query, signal) => findNodes(reading(scope, signal), query),
    search: (scope, query, signal) => searchNames(reading(scope, signal), query),
    neighbors: (scope, query, signal) => readNeighbors(reading(scope, signal), query),
    expand: (scope, query, signal) => expand(reading(scope, signal), query),
    evidence: (scope, query, signal) => readEvidence(reading(scope, signal), query),
    topics: (scope, query, signal) => readTopics(reading(scope, signal), query),
    memoryCounts: (scope, modules, signal) => readMemoryCounts(reading(scope, signal), modules),
    stats: (scope, module, signal) => readStats(reading(scope, signal), module),
    changes: (scope, query, signal) => readChanges(reading(scope, signal), query),
    exportNodes: (scope, module, after, limit, signal) => exportNodes(reading(scope, signal), { module, after, limit }),
    exportEdges: (scope, module, after, limit, signal) => exportEdges(reading(scope, signal), { module, after, limit }),
  };
}
