import type { EdgeRow, NodeRow, ReferenceRow } from "../../domain/graph-rows.ts";
import type { ProjectionTransaction } from "../../domain/graph-store.ts";
import { type Naming, NO_NAMING } from "../../domain/naming.ts";
import { plainArray, textArray } from "./array-literal.ts";
import { laneSql, numberOf, referenceLane } from "./edge-lanes.ts";
import { edgeColumns, edgeOf, referenceOf, type StoredEdge } from "./edge-rows.ts";
import { nodeColumns, nodeOf, type StoredNode } from "./node-rows.ts";
import type { Step } from "./step.ts";

// $1 is the generation, $2 the module; $3 is the step's position, which no read needs.
const unused = "$3::bigint is not null";

const isReferenceSql = `e.lane = ${referenceLane("$1")} and e.mention_kind is not null and (e.module = $2) is true`;

const nodes = `select ${nodeColumns} from unnest($4::uuid[]) g (id) cross join lateral (
    select * from cos_graph.node n where n.id = g.id and n.generation = $1 and n.module = $2 limit 1) n
  where ${unused}`;

const edges = `select ${edgeColumns} from unnest($4::uuid[]) g (id) cross join lateral (
    select * from cos_graph.edge e where e.id = g.id and e.generation = $1 and e.module = $2 limit 1) e
  where ${unused}`;

/** Those that start at one of the nodes, and those that only end at one. */
const edgesAt = `select ${edgeColumns} from unnest($4::uuid[]) g (id) cross join unnest($5::int[]) t (number) cross join lateral (
    select * from cos_graph.edge e where e.from_id = g.id and e.lane = ${laneSql("$1", "t.number")} and (e.module = $2) is true offset 0) e
  where ${unused}
  union all
  select ${edgeColumns} from unnest($4::uuid[]) g (id) cross join unnest($5::int[]) t (number) cross join lateral (
    select * from cos_graph.edge e where e.to_id = g.id and e.lane = ${laneSql("$1", "t.number")} and (e.module = $2) is true offset 0) e
  where ${unused} and e.from_id <> all ($4::uuid[])`;

const referencesOf = `select ${edgeColumns} from unnest($4::uuid[]) g (id) cross join lateral (
    select * from cos_graph.edge e where e.from_id = g.id and ${isReferenceSql} offset 0) e
  where ${unused}`;

/**
 * By position, then id, in the index of the ends: that has the latest position first, so it is read backwards, and sorted where several
 * names of one memory stand at one position. References count 1 each (EdgeRow).
 */
const referencesTo = `select ${edgeColumns} from cos_graph.edge e
  where e.to_id = $4::uuid and ${isReferenceSql} and (-e.count) = -1 and (-e.position) <= -($5::bigint)
    and (e.position > $5 or e.id > $6::uuid) and ${unused}
  order by (-e.position) desc, e.id limit $7`;

const firstReferences = `select ${edgeColumns} from unnest($4::uuid[]) g (id) cross join lateral (
    select * from cos_graph.edge e
    where e.to_id = g.id and ${isReferenceSql} and (-e.count) = -1
    order by (-e.position) desc, e.id limit 1) e
  where ${unused}`;

/** Only memories that are not forgotten have a session (NodeRow). */
const sessionEnds = `select ${nodeColumns} from unnest($4::text[]) g (session) cross join lateral (
    select * from cos_graph.node n
    where n.session = g.session and n.session <> '' and n.generation = $1 and n.module = $2
    order by n.position desc limit 1) n
  where ${unused}`;

const naming = `select naming from cos_graph.naming where generation = $1 and module = $2 and ${unused}`;

export type ProjectionReads = Omit<ProjectionTransaction, "write" | "writeNaming" | "addFault">;

/** What a step reads of its own generation and module: of itself too, and of nobody else's half-written work. */
export function projectionReads(step: Step): ProjectionReads {
  const nodeRows = async (name: string, text: string, values: readonly unknown[]): Promise<NodeRow[]> =>
    (await step.query<StoredNode>(name, text, values)).map(nodeOf);
  const edgeRows = async (name: string, text: string, values: readonly unknown[]): Promise<EdgeRow[]> =>
    (await step.query<StoredEdge>(name, text, values)).map(edgeOf);
  const references = async (name: string, text: string, values: readonly unknown[]): Promise<ReferenceRow[]> =>
    (await step.query<StoredEdge>(name, text, values)).map(referenceOf);
  return {
    readNaming: async () => {
      const [row] = await step.query<{ naming: string }>("graph_naming", naming, []);
      return row === undefined ? NO_NAMING : (JSON.parse(row.naming) as Naming);
    },
    readNodes: (ids) => nodeRows("graph_read_nodes", nodes, [once(ids)]),
    readEdges: (ids) => edgeRows("graph_read_edges", edges, [once(ids)]),
    readEdgesAt: (ids, types) =>
      edgeRows("graph_read_edges_at", edgesAt, [once(ids), plainArray([...new Set(types)].map(numberOf))]),
    readReferencesOf: (memories) => references("graph_references_of", referencesOf, [once(memories)]),
    readReferencesTo: (entity, after, limit) =>
      references("graph_references_to", referencesTo, [entity, after.position, idOrFirst(after.id), limit]),
    readFirstReferences: (entities) => references("graph_first_references", firstReferences, [once(entities)]),
    readSessionEnds: (sessions) => nodeRows("graph_session_ends", sessionEnds, [textArray([...new Set(sessions)])]),
  };
}

function once(ids: readonly string[]): string {
  return plainArray([...new Set(ids)]);
}

/** Empty: before all. No id is that of zeros alone. */
export function idOrFirst(id: string): string {
  return id === "" ? "00000000-0000-0000-0000-000000000000" : id;
}
