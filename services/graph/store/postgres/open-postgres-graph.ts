import type { ClientBase } from "pg";
import type { Scope } from "#shared/auth/scope.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import type { Log } from "#shared/log/open-log.ts";
import { assertSchemasCurrent } from "#shared/postgres/assert-schemas-current.ts";
import { openPostgres, type Postgres } from "#shared/postgres/open-postgres.ts";
import { queryAbortably } from "#shared/postgres/query-abortably.ts";
import { SchemaOutdatedError } from "#shared/postgres/schema-outdated-error.ts";
import type { Place } from "../../domain/graph-rows.ts";
import type { GraphReader, GraphStore, ProjectionStore } from "../../domain/graph-store.ts";
import { type Naming, NO_NAMING } from "../../domain/naming.ts";
import { readChanges } from "./changes.ts";
import { dropGeneration } from "./drop-generation.ts";
import { readEvidence } from "./evidence.ts";
import { readFaultAt, readFaults } from "./faults.ts";
import { findNodes } from "./find-nodes.ts";
import { expand, neighbors } from "./follow-edges.ts";
import {
  activateGeneration,
  beginGeneration,
  keepAlive,
  keepToken,
  live,
  readGenerations,
  readLive,
  readPlaces,
} from "./generations.ts";
import { graphSchema, plannerSettings } from "./graph-schema.ts";
import { graphMigrations } from "./migrations/graph-migrations.ts";
import { project } from "./project.ts";
import { readEdges, readNames, readNodes } from "./read-items.ts";
import { exportEdges, exportNodes, scanEdges, scanNames, scanNodes } from "./scan.ts";
import { searchNames } from "./search-names.ts";
import { readMemoryCounts, readStats } from "./stats.ts";
import { readTopics } from "./topics.ts";
import { inScope, scopeParameter } from "./visibility.ts";

export interface PostgresGraphOptions {
  readonly url: string;
  readonly log: Log;
  /** Connections of readers at most; the projection has its own. Default 10. */
  readonly poolMax?: number;
  /** For a connection. Default 1,500. */
  readonly connectTimeoutMs?: number;
}

/** Two lanes of the log, a build, and what is asked in a moment beside them. */
const PROJECTION_POOL_MAX = 4;

/**
 * Opens the graph in PostgreSQL's tables. No connection is made yet: PostgreSQL may come later, and until then everything rejects with
 * ENGINE_UNAVAILABLE. Every new connection is checked before its first use: is the schema good enough. The projection has connections of
 * its own, so that however many read, it goes on.
 */
export async function openPostgresGraph(options: PostgresGraphOptions): Promise<GraphStore> {
  const { url, log, connectTimeoutMs = 1500 } = options;
  const needed = [{ schema: graphSchema, migrations: graphMigrations.map(({ name }) => name) }];
  const shared = {
    url,
    log,
    entities: [],
    schema: graphSchema,
    migrations: graphMigrations,
    connectTimeoutMs,
    settings: plannerSettings,
    onConnect: (client: ClientBase) => assertSchemasCurrent(client, needed, connectTimeoutMs),
  };
  const { poolMax = 10 } = options;
  const reading = await openPostgres({ ...shared, applicationName: "cos graph", poolMax });
  const projecting = await openPostgres({
    ...shared,
    applicationName: "cos graph projection",
    poolMax: PROJECTION_POOL_MAX,
  });
  return {
    engine: "postgres",
    ready: (signal) => ready(reading, signal),
    close: async () => {
      await Promise.all([reading.close(), projecting.close()]);
    },
    ...projectionOf(projecting),
    ...readerOf(reading),
  };
}

function projectionOf(postgres: Postgres): ProjectionStore {
  return {
    generations: (signal) => readGenerations(postgres, signal),
    begin: (build) => beginGeneration(postgres, build),
    activate: (generation, nowMs) => activateGeneration(postgres, generation, nowMs),
    keepAlive: (generation, nowMs) => keepAlive(postgres, generation, nowMs),
    drop: (generation, signal) => dropGeneration(postgres, generation, { signal }),
    places: (generation, signal) => readPlaces(postgres, generation, signal),
    keepToken: (generation, resumeToken) => keepToken(postgres, generation, resumeToken),
    project: (step, work) => project(postgres, step, work),
    scanNodes: (part) => scanNodes(postgres, part),
    scanEdges: (part) => scanEdges(postgres, part),
    scanNames: (part) => scanNames(postgres, part),
    naming: async (generation, module) => {
      const text = "select naming from cos_graph.naming where generation = $1 and module = $2";
      return namingOf(await queryAbortably<{ naming: string }>(postgres, { text, values: [generation, module] }));
    },
  };
}

function readerOf(postgres: Postgres): GraphReader {
  return {
    live: (signal) => readLive(postgres, signal),
    livePlaces: (scope, signal, module) => readLivePlaces(postgres, scope, { signal, module }),
    faults: (scope, query, signal) => readFaults(postgres, scope, query, signal),
    faultAt: (scope, module, position, signal) => readFaultAt(postgres, scope, module, position, signal),
    namingOf: (scope, module, signal) => readNamingOf(postgres, scope, module, signal),
    nodes: (scope, ids, signal) => readNodes(postgres, scope, ids, signal),
    edges: (scope, ids, signal) => readEdges(postgres, scope, ids, signal),
    names: (scope, entity, limit, signal) => readNames(postgres, scope, entity, limit, signal),
    findNodes: (scope, query, signal) => findNodes(postgres, scope, query, signal),
    search: (scope, query, signal) => searchNames(postgres, scope, query, { signal }),
    neighbors: (scope, query, signal) => neighbors(postgres, scope, query, signal),
    expand: (scope, query, signal) => expand(postgres, scope, query, signal),
    evidence: (scope, query, signal) => readEvidence(postgres, scope, query, signal),
    topics: (scope, query, signal) => readTopics(postgres, scope, query, signal),
    memoryCounts: (scope, modules, signal) => readMemoryCounts(postgres, scope, modules, signal),
    stats: (scope, module, signal) => readStats(postgres, scope, module, signal),
    changes: (scope, query, signal) => readChanges(postgres, scope, query, signal),
    exportNodes: (scope, module, after, limit, signal) =>
      exportNodes(postgres, scope, { module, after, limit }, signal),
    exportEdges: (scope, module, after, limit, signal) =>
      exportEdges(postgres, scope, { module, after, limit }, signal),
  };
}

async function readLivePlaces(
  postgres: Postgres,
  scope: Scope,
  { signal, module }: { readonly signal: AbortSignal | undefined; readonly module: string | undefined },
): Promise<Place[]> {
  const text = `select p.module, p.position::float8 as position, p.epoch, p.at_ms::float8 as "atMs" from cos_graph.place p
    where p.generation = ${live} and ${inScope("p")}`;
  const query =
    module === undefined
      ? { name: "graph_live_places", text: `${text} order by p.module`, values: [scopeParameter(scope)] }
      : { name: "graph_live_place", text: `${text} and p.module = $2`, values: [scopeParameter(scope), module] };
  return queryAbortably<Place & Record<string, unknown>>(postgres, { ...query, signal });
}

async function readNamingOf(postgres: Postgres, scope: Scope, module: string, signal?: AbortSignal): Promise<Naming> {
  const text = `select m.naming from cos_graph.naming m where m.generation = ${live} and m.module = $2 and ${inScope("m")}`;
  const query = { name: "graph_naming_of", text, values: [scopeParameter(scope), module], signal };
  return namingOf(await queryAbortably<{ naming: string }>(postgres, query));
}

function namingOf([row]: readonly { readonly naming: string }[]): Naming {
  return row === undefined ? NO_NAMING : (JSON.parse(row.naming) as Naming);
}

/** The cause tells whether waiting helps, or only `cos migrate`. */
async function ready(postgres: Postgres, signal?: AbortSignal): Promise<void> {
  try {
    await queryAbortably(postgres, { text: "select", signal });
  } catch (error) {
    const { cause } = error as CosError;
    throw cause instanceof SchemaOutdatedError ? cause : error;
  }
}
