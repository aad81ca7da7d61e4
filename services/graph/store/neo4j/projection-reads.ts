import { int } from "neo4j-driver";
import type { EdgeRow, NodeRow, ReferenceRow } from "../../domain/graph-rows.ts";
import type { ProjectionTransaction } from "../../domain/graph-store.ts";
import { eachType, edgeAt, edgeOf, itemAt } from "./cypher.ts";
import { bare } from "./gid.ts";
import type { Part } from "./project.ts";
import { edgeRow, nodeRow, type StoredEdge, type StoredNode, sessionKey } from "./stored-rows.ts";
import { anyOf } from "./whitelist.ts";

type Reads = Omit<ProjectionTransaction, "readNaming" | "writeNaming" | "write" | "addFault">;

const AT = `${itemAt("n", "gid")} WHERE n.module = $module`;

const NODES = `UNWIND $gids AS gid ${AT} RETURN properties(n) AS n`;

const EDGES = eachType(
  (type) => `UNWIND $gids AS gid ${edgeAt(type, "gid")} WHERE r.module = $module RETURN ${edgeOf("r")} AS edge`,
);

const REFERENCES = "r:REFERENCES";
const DERIVED = "r.module = $module AND r.mention IS NOT NULL";

const REFERENCES_OF = `UNWIND $gids AS gid MATCH (n:CosItem {gid: gid})-[${REFERENCES}]->() USING INDEX SEEK n:CosItem(gid) WHERE ${DERIVED} RETURN ${edgeOf("r")} AS edge`;

const REFERENCES_TO = `MATCH (n:CosItem {gid: $gid})<-[${REFERENCES}]-() USING INDEX SEEK n:CosItem(gid)
  WHERE ${DERIVED} AND (r.position > $position OR (r.position = $position AND r.gid > $after))
  WITH r ORDER BY r.position, r.gid LIMIT $limit RETURN ${edgeOf("r")} AS edge`;

const FIRST_REFERENCES = `UNWIND $gids AS gid ${itemAt("n", "gid")}
  CALL (n) { MATCH (n)<-[${REFERENCES}]-() WHERE ${DERIVED} RETURN r ORDER BY r.position, r.gid LIMIT 1 }
  RETURN ${edgeOf("r")} AS edge`;

const SESSION_ENDS = `UNWIND $keys AS key
  CALL (key) { MATCH (n:CosItem) USING INDEX n:CosItem(inSession, position) WHERE n.inSession = key AND n.position >= 0 RETURN n ORDER BY n.position DESC LIMIT 1 }
  RETURN properties(n) AS n`;

/** What a step may ask of its own part. Nothing is asked for nothing. */
export function projectionReads({ run, prefix, module }: Part): Reads {
  const gidsOf = (ids: readonly string[]) => [...new Set(ids)].map((id) => prefix + bare(id));
  const nodes = async (text: string, parameters: object): Promise<NodeRow[]> =>
    (await run<{ n: StoredNode }>(text, { ...parameters, module })).map(({ n }) => nodeRow(n));
  const edges = async (text: string, parameters: object): Promise<EdgeRow[]> =>
    (await run<{ edge: StoredEdge }>(text, { ...parameters, module })).map(({ edge }) => edgeRow(edge));
  const references = async (text: string, parameters: object) => (await edges(text, parameters)) as ReferenceRow[];
  return {
    readNodes: async (ids) => (ids.length === 0 ? [] : nodes(NODES, { gids: gidsOf(ids) })),
    readEdges: async (ids) => {
      if (ids.length === 0) return [];
      const gids = gidsOf(ids);
      return (await Promise.all(EDGES.map((text) => edges(text, { gids })))).flat();
    },
    readEdgesAt: async (ids, types) => {
      if (ids.length === 0 || types.length === 0) return [];
      const text = `UNWIND $gids AS gid MATCH (n:CosItem {gid: gid})-[r:${anyOf(types)}]-() USING INDEX SEEK n:CosItem(gid) WHERE r.module = $module
        WITH DISTINCT r RETURN ${edgeOf("r")} AS edge`;
      return edges(text, { gids: gidsOf(ids) });
    },
    readReferencesOf: async (ids) => (ids.length === 0 ? [] : references(REFERENCES_OF, { gids: gidsOf(ids) })),
    readReferencesTo: async (entity, after, limit) =>
      references(REFERENCES_TO, {
        gid: prefix + bare(entity),
        position: int(after.position),
        after: prefix + bare(after.id),
        limit: int(limit),
      }),
    readFirstReferences: async (ids) => (ids.length === 0 ? [] : references(FIRST_REFERENCES, { gids: gidsOf(ids) })),
    readSessionEnds: async (sessions) => {
      const keys = [...new Set(sessions)].map((session) => sessionKey(prefix, module, session));
      return keys.length === 0 ? [] : nodes(SESSION_ENDS, { keys });
    },
  };
}
