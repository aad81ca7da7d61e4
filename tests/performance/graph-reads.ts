import neo4j, { type Driver } from "neo4j-driver";
import { Client } from "pg";
import type { GraphStore, NeighborQuery } from "#services/graph/domain/graph-store.ts";
import { traverse } from "#services/graph/domain/traverse.ts";
import { migrateGraph } from "#services/graph/migrate.ts";
import { bare, prefixOf } from "#services/graph/store/neo4j/gid.ts";
import { openNeo4jGraph } from "#services/graph/store/neo4j/open-neo4j-graph.ts";
import { openPostgresGraph } from "#services/graph/store/postgres/open-postgres-graph.ts";
import { localScope } from "#shared/auth/scope.ts";
import { administer, withDatabase } from "#tests/support/administer.ts";
import { findTool } from "#tests/support/find-tool.ts";
import { projectSample } from "#tests/support/graph/sample-graph.ts";
import { startNeo4j } from "#tests/support/start-neo4j.ts";
import type { Bench } from "./bench.ts";
import type { Rig } from "./open-rig.ts";
import { latencyOf, medianOf } from "./quantiles.ts";

/** About a million relationships: 11 of each memory's own, and those between its entities. */
const SAMPLE = { entities: 20_000, memories: 70_000, seed: 7 };
const NODES = 40;
const DEPTH = 3;
const LIMIT = 500;
const FAN_OUT = 20;

/** What is asked for a node, by the port or by hand. */
interface Contender {
  readonly name: string;
  readonly neighbors: (node: string) => Promise<unknown>;
  readonly traverse: (node: string) => Promise<unknown>;
}

/** Neighbours and traversals by the port, against SQL and Cypher written by hand that asks for ids alone, and looks at no rights. */
export const graphReads: Bench = async (rig, { rounds }) => {
  const contenders = [...(await onPostgres(rig)), ...(await onNeo4j(rig))];
  const turns = contenders.map((contender) => ({
    ...contender,
    neighborTurns: [] as Turn[],
    traverseTurns: [] as Turn[],
  }));
  for (let round = 0; round <= rounds; round += 1) {
    for (const turn of turns) {
      turn.neighborTurns.push(await timed(turn.neighbors, turn.nodes));
      turn.traverseTurns.push(await timed(turn.traverse, turn.nodes));
    }
  }
  // The first round warms everybody up.
  const rows = turns.map(({ name, edges, neighborTurns, traverseTurns }) => {
    const [near, far] = [medianOf(neighborTurns.slice(1)), medianOf(traverseTurns.slice(1))];
    return [name, edges, near.p50Ms, near.p99Ms, far.p50Ms, far.p99Ms];
  });
  return {
    title: `a graph of a million relationships: 50 neighbours; ${DEPTH} deep, ${FAN_OUT} of each, ${LIMIT} nodes`,
    columns: ["", "relationships", "p50 ms", "p99 ms", "traverse p50", "p99 ms"],
    rows,
    goals: [],
  };
};

type Turn = ReturnType<typeof latencyOf>;
type OnGraph = Contender & { readonly nodes: readonly string[]; readonly edges: number };

async function timed(ask: (node: string) => Promise<unknown>, nodes: readonly string[]): Promise<Turn> {
  const took: number[] = [];
  for (const node of nodes) {
    const began = performance.now();
    await ask(node);
    took.push(performance.now() - began);
  }
  return latencyOf(took);
}

async function onPostgres(rig: Rig): Promise<OnGraph[]> {
  const database = "graph_reads";
  await administer(rig.postgresUrl, `create database ${database}`);
  const url = withDatabase(rig.postgresUrl, database);
  await migrateGraph({ url, log: rig.log });
  const store = await openPostgresGraph({ url, log: rig.log });
  rig.closers.add("graph store", () => store.close());
  const sample = await fill(store);
  const client = new Client({ connectionString: url });
  await client.connect();
  rig.closers.add("client", () => client.end());
  await client.query("set jit = off");
  const byHand: Contender = {
    name: "SQL by hand",
    neighbors: (node) => client.query({ name: "near", text: NEIGHBORS_SQL, values: [node] }),
    traverse: (node) => client.query({ name: "far", text: TRAVERSE_SQL, values: [node] }),
  };
  return [byPort("postgres", store), byHand].map((contender) => ({ ...contender, ...sample }));
}

async function onNeo4j(rig: Rig): Promise<OnGraph[]> {
  if (findTool("neo4j") === undefined) return [];
  const server = await startNeo4j();
  rig.closers.add("Neo4j", () => server.stop());
  const store = await openNeo4jGraph({ url: server.url, log: rig.log });
  rig.closers.add("graph store", () => store.close());
  const sample = await fill(store);
  const driver = neo4j.driver(server.url, undefined, { disableLosslessIntegers: true });
  rig.closers.add("driver", () => driver.close());
  const byHand: Contender = {
    name: "Cypher by hand",
    neighbors: (node) => ask(driver, NEIGHBORS_CYPHER, node),
    traverse: (node) => ask(driver, TRAVERSE_CYPHER, node),
  };
  return [byPort("neo4j", store), byHand].map((contender) => ({ ...contender, ...sample }));
}

function ask(driver: Driver, text: string, node: string): Promise<unknown> {
  return driver.executeQuery(text, { gid: `${prefixOf(1, 1)}${bare(node)}` }, { routing: neo4j.routing.READ });
}

/** Projects the sample; the nodes to ask about are some with many relationships and some with few. */
async function fill(store: GraphStore): Promise<{ nodes: string[]; edges: number }> {
  const begun = await store.begin({ purpose: "rebuild", extractorVersion: 1, nowMs: Date.now() });
  await projectSample(store, begun?.number ?? 1, SAMPLE);
  const stats = await store.stats(localScope(), undefined);
  const edges = stats.reduce((sum, { what, count }) => sum + (what === "edge" ? count : 0), 0);
  const found = await store.findNodes(localScope(), { labels: ["Entity"], properties: {}, limit: 1000 });
  const step = Math.max(1, Math.floor(found.length / NODES));
  return { nodes: found.filter((_, n) => n % step === 0).map(({ id }) => id), edges };
}

function byPort(engine: string, store: GraphStore): Contender {
  const related = { way: "both", types: ["RELATES_TO"], manual: false } as const;
  const neighbors: Omit<NeighborQuery, "node"> = { ...related, limit: 50 };
  const expand = (nodes: readonly string[], fanOut: number) =>
    store.expand(localScope(), { ...related, nodes, fanOut });
  return {
    name: `the port on ${engine}`,
    neighbors: (node) => store.neighbors(localScope(), { ...neighbors, node }),
    traverse: (node) => traverse(expand, { start: node, depth: DEPTH, limit: LIMIT, fanOut: FAN_OUT }),
  };
}

const NEIGHBORS_SQL = `select e.id, e.count, n.id, n.name from (
    (select id, count, to_id as other from cos_graph.edge where from_id = $1 and type = 'RELATES_TO' order by count desc limit 50)
    union all
    (select id, count, from_id from cos_graph.edge where to_id = $1 and type = 'RELATES_TO' order by count desc limit 50)) e
  join cos_graph.node n on n.id = e.other order by e.count desc limit 50`;

const TRAVERSE_SQL = `with recursive met (id, depth) as (
    select $1::uuid, 0
    union
    select e.other, m.depth + 1 from met m cross join lateral (
      select other from (
        (select to_id as other, count from cos_graph.edge where from_id = m.id and type = 'RELATES_TO' order by count desc limit ${FAN_OUT})
        union all
        (select from_id, count from cos_graph.edge where to_id = m.id and type = 'RELATES_TO' order by count desc limit ${FAN_OUT})) b
      order by count desc limit ${FAN_OUT}) e
    where m.depth < ${DEPTH})
  select id, min(depth) from met group by id order by 2 limit ${LIMIT}`;

const NEIGHBORS_CYPHER = `match (n:CosItem {gid: $gid})-[r:RELATES_TO]-(m) return r.gid, r.count, m.gid, m.name order by r.count desc limit 50`;

const TRAVERSE_CYPHER = `match (start:CosItem {gid: $gid})
  call (start) { match (start)-[r:RELATES_TO]-(a) return a order by r.count desc limit ${FAN_OUT} }
  call (a) { match (a)-[r:RELATES_TO]-(b) return b order by r.count desc limit ${FAN_OUT} }
  call (b) { match (b)-[r:RELATES_TO]-(c) return c order by r.count desc limit ${FAN_OUT} }
  with collect(distinct a.gid) + collect(distinct b.gid) + collect(distinct c.gid) as met
  unwind met as id return distinct id limit ${LIMIT}`;
