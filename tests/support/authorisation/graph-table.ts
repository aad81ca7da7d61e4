// Who is answered what by the graph: written by hand, as table.ts.
import { moduleId, sessionId } from "#services/graph/domain/entity-id.ts";
import { idOf } from "#services/graph/domain/ids.ts";
import { ADMIN, forAllKnown, needs, needsEverywhere, RECORD, type Row, reads } from "./table.ts";

const GRAPH = "cos.graph.v1.GraphService";

/** The session of the module's one memory, and what of the graph of `here` is known beforehand. */
export const SESSION = "matrix";
const MODULE = moduleId("here");
const OF_SESSION = sessionId("here", SESSION);
const CONTAINS = idOf("CONTAINS", MODULE, OF_SESSION);

const NOBODY = "01930000-0000-7000-8000-000000000000";
const uuid = (n: number) => `01930000-0000-7000-8000-${String(n).padStart(12, "0")}`;
const betty = { kind: "person", name: "Betty" };
const elizabeth = { kind: "person", name: "Elizabeth Pepys" };

export const GRAPH_TABLE: Readonly<Record<string, Row>> = {
  [`${GRAPH}/CreateNode`]: needs(RECORD, (n) => ({ node: { module: "here", name: `made ${n}` } })),
  [`${GRAPH}/GetNode`]: reads(() => ({ name: "here", module: "here" })),
  [`${GRAPH}/UpdateNode`]: needs(RECORD, () => ({
    id: NOBODY,
    node: { module: "here", name: "x" },
    updateMask: "name",
  })),
  [`${GRAPH}/DeleteNode`]: needs(RECORD, () => ({ id: NOBODY, module: "here" })),
  [`${GRAPH}/FindNodes`]: reads(() => ({ module: "here" })),
  [`${GRAPH}/CreateRelationship`]: needs(RECORD, () => ({
    relationship: { module: "here", fromId: MODULE, toId: OF_SESSION },
  })),
  [`${GRAPH}/GetRelationship`]: reads(() => ({ id: CONTAINS })),
  [`${GRAPH}/UpdateRelationship`]: needs(RECORD, () => ({
    id: NOBODY,
    relationship: { module: "here" },
    updateMask: "type",
  })),
  [`${GRAPH}/DeleteRelationship`]: needs(RECORD, () => ({ id: NOBODY, module: "here" })),
  [`${GRAPH}/BatchChangeGraph`]: needs(RECORD, (n) => ({
    module: "here",
    changes: [{ nodeWritten: { id: uuid(n), label: "Concept", name: `made ${n}` } }],
  })),
  [`${GRAPH}/MergeEntities`]: needs(RECORD, () => ({ module: "here", entities: [betty], into: elizabeth })),
  [`${GRAPH}/SplitEntity`]: needs(RECORD, () => ({ module: "here", entity: betty, name: elizabeth })),
  [`${GRAPH}/ListAliases`]: reads(() => ({ module: "here" })),
  [`${GRAPH}/SearchGraph`]: reads(() => ({ module: "here", query: "betimes" })),
  [`${GRAPH}/ListNeighbors`]: reads(() => ({ id: MODULE })),
  [`${GRAPH}/Traverse`]: reads(() => ({ id: MODULE })),
  [`${GRAPH}/FindShortestPath`]: reads(() => ({ fromId: MODULE, toId: OF_SESSION })),
  [`${GRAPH}/ListEvidence`]: reads(() => ({ relationshipId: CONTAINS })),
  [`${GRAPH}/ListTopics`]: reads(() => ({ module: "here" })),
  [`${GRAPH}/GetStats`]: reads(() => ({ module: "here" })),
  [`${GRAPH}/GetSchema`]: forAllKnown(() => ({})),
  [`${GRAPH}/ExportGraph`]: reads(() => ({ module: "here" })),
  [`${GRAPH}/GetProjection`]: reads(() => ({ module: "here" })),
  [`${GRAPH}/RebuildProjection`]: needsEverywhere(ADMIN, () => ({})),
  [`${GRAPH}/VerifyProjection`]: needsEverywhere(RECORD, () => ({})),
  [`${GRAPH}/WatchGraph`]: reads(() => ({ module: "here" })),
};

const NOT_FOUND = 5;
const FAILED_PRECONDITION = 9;

/** What nobody has made is not there for a right caller either, and one building of the graph goes on at a time. */
export const GRAPH_ANSWERS_TOO: ReadonlyMap<string, number> = new Map([
  ...["UpdateNode", "DeleteNode", "UpdateRelationship", "DeleteRelationship", "MergeEntities", "SplitEntity"].map(
    (rpc) => [`${GRAPH}/${rpc}`, NOT_FOUND] as const,
  ),
  [`${GRAPH}/RebuildProjection`, FAILED_PRECONDITION],
  [`${GRAPH}/VerifyProjection`, FAILED_PRECONDITION],
]);
