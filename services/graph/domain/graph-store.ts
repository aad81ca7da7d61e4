// The port of the graph: two engines keep it (store/postgres, store/neo4j), and a model in memory for the tests. One contract suite holds
// for all of them, answer for answer (tests/support/graph/contract).
//
//  G1  Everything is keyed by generation. Reads see the live one alone; a build writes into another, and `activate` swaps in one step.
//  G2  `project` is one transaction: all that its work writes and the new place, or nothing. It holds the module's place of that generation
//      locked, so that of several processes one projects at a time, and a step that starts from a place which is not the stored one does not begin.
//  G3  Counted rows (nodes added by `addNodes`, edges by `addEdges`, names) are there as long as their count is above 0: the write
//      that brings it to 0 removes them. Removing leaves a tombstone with the position, for `changes`.
//  G4  An edge does not need its ends. What a read shows of edges has both ends, in modules of the scope.
//  G5  Each read takes the caller's scope into its query, and sees only what was committed. What takes one statement is answered from one
//      consistent state; Neo4j answers some reads with several, and may see a step that commits in between by half. So `changes` says itself
//      how far it tells all: on Neo4j that may be below the module's place.
//  G6  Every order is total, and ends with the id, compared as text byte by byte; so that engines and pages agree.
//
// Failure: ENGINE_UNAVAILABLE within 2 s, whatever the engine does; the signal's reason when it fires; nothing half written.
import type { Scope } from "#shared/auth/scope.ts";
import type { EdgeRow, FaultRow, GenerationRow, NameRow, NodeRow, Place, ReferenceRow } from "./graph-rows.ts";
import type { Naming } from "./naming.ts";
import type { Label, Properties, Type } from "./vocabulary.ts";

/**
 * What one step of a projection writes. Within a list ids are unique; a list names what another one does only as said here. What is written has
 * changed at `position`, whatever its rows say of that.
 */
export interface GraphDelta {
  /** Written whole, whether they are there or not: memories, the module, what was made by hand. */
  readonly putNodes: readonly NodeRow[];
  /** Counted nodes: sessions, sources, entities, concepts. The count is added; the rest is written only if the node is new. */
  readonly addNodes: readonly NodeRow[];
  /** New names for nodes that are there (after all else of this delta); of those that are not, nothing. */
  readonly renameNodes: readonly { readonly id: string; readonly name: string }[];
  readonly deleteNodes: readonly string[];
  /** Written whole. A REFERENCES that is put again may lead to another node than before. */
  readonly putEdges: readonly EdgeRow[];
  /** Counted edges, as addNodes. */
  readonly addEdges: readonly EdgeRow[];
  readonly deleteEdges: readonly string[];
  /** Counted names: the count is added. */
  readonly addNames: readonly NameRow[];
  /** Where the step stands in the log: for `changed`, and for the tombstones of what goes. */
  readonly position: number;
}

/** What a step of a projection may ask of its own generation and module, within its transaction. Memories are named by their ids. */
export interface ProjectionTransaction {
  readNaming(): Promise<Naming>;
  writeNaming(naming: Naming): Promise<void>;
  /** Those that are there, in any order. */
  readNodes(ids: readonly string[]): Promise<NodeRow[]>;
  readEdges(ids: readonly string[]): Promise<EdgeRow[]>;
  /** The module's edges of these types that touch one of the nodes, in any order, each once. */
  readEdgesAt(nodes: readonly string[], types: readonly Type[]): Promise<EdgeRow[]>;
  /** All references of these memories. */
  readReferencesOf(memories: readonly string[]): Promise<ReferenceRow[]>;
  /** References to an entity, by position and id, above a place among them. */
  readReferencesTo(
    entity: string,
    after: { readonly position: number; readonly id: string },
    limit: number,
  ): Promise<ReferenceRow[]>;
  /** Of each entity that has one the reference of the lowest position (then id). */
  readFirstReferences(entities: readonly string[]): Promise<ReferenceRow[]>;
  /** Of each session (by name) that has a memory which is not forgotten, that of the highest position. */
  readSessionEnds(sessions: readonly string[]): Promise<NodeRow[]>;
  write(delta: GraphDelta): Promise<void>;
  addFault(fault: FaultRow): Promise<void>;
}

/** The writing side: projections. No caller is behind it, so there is no scope. */
export interface ProjectionStore {
  /** All that are kept, by number. */
  generations(signal?: AbortSignal): Promise<GenerationRow[]>;
  /** Begins the next one. The very first is live at once. Undefined: one is being built already. */
  begin(build: {
    readonly purpose: GenerationRow["purpose"];
    readonly extractorVersion: number;
    readonly nowMs: number;
  }): Promise<GenerationRow | undefined>;
  /** Makes a building one the live one, and retires that which was. Faults are those of the new one from then on. */
  activate(generation: number, nowMs: number): Promise<void>;
  /** Notes that somebody works on one that is being built; of any other nothing. */
  keepAlive(generation: number, nowMs: number): Promise<void>;
  /** Removes all of a generation that is not live, in steps; safe to repeat. With the signal it ends after a step, with its reason. */
  drop(generation: number, signal?: AbortSignal): Promise<void>;
  places(generation: number, signal?: AbortSignal): Promise<Place[]>;
  /** Keeps the token to resume the stream with. */
  keepToken(generation: number, resumeToken: string): Promise<void>;
  /**
   * Takes one step from `after` (0: nothing yet) in a transaction; `work` says where it came to. Answers with the stored place, which is
   * another one than asked for if the step did not begin (G2): then `work` was not called. Of a generation that is not there any more: undefined.
   * `alone`: it is of one event, which cannot be cut, so it may take long.
   */
  project(
    step: { readonly generation: number; readonly module: string; readonly after: number; readonly alone?: boolean },
    work: (transaction: ProjectionTransaction) => Promise<Place>,
  ): Promise<Place | undefined>;
  /** A generation's part of one module, in the order of ids (names: of entity, kind, key, form), for digests. */
  scanNodes(part: ScanPart): Promise<NodeRow[]>;
  scanEdges(part: ScanPart): Promise<EdgeRow[]>;
  scanNames(part: Omit<ScanPart, "after"> & { readonly after: NameRow | undefined }): Promise<NameRow[]>;
  naming(generation: number, module: string): Promise<Naming>;
}

export interface ScanPart {
  readonly generation: number;
  readonly module: string;
  /** The last id of the part before; empty: from the first. */
  readonly after: string;
  readonly limit: number;
}

export type Way = "both" | "outgoing" | "incoming";

/** Which relationships are followed. */
export interface EdgeFilter {
  readonly way: Way;
  /** Of these types, whatever their origin; empty: none but for `manual`. */
  readonly types: readonly Type[];
  /** And all that were made by hand, whatever their type. */
  readonly manual: boolean;
}

/** An edge as a search through the graph sees it. */
export interface Step {
  readonly edge: string;
  readonly from: string;
  readonly to: string;
  readonly count: number;
}

export interface NodeQuery {
  /** Unset: all of the scope. */
  readonly module?: string | undefined;
  /** Empty: any. */
  readonly labels: readonly Label[];
  readonly kind?: string | undefined;
  readonly name?: string | undefined;
  readonly properties: Properties;
  /** In the order of count, descending, then id. */
  readonly after?: { readonly count: number; readonly id: string } | undefined;
  readonly limit: number;
}

export interface SearchQuery {
  /** As `searchWords` cuts them (search-words.ts), 1 to 16: each must begin one of the words of the name. */
  readonly words: readonly string[];
  readonly module?: string | undefined;
  readonly labels: readonly Label[];
  /** Candidates at most: those of the greatest count, then id (then of a node's names the one of the greatest count, then form). */
  readonly limit: number;
}

/**
 * A node, and the name of it that was found; each node comes once. It is found by the names that memories have for it, and by its own (which
 * counts 0 among them, and comes last).
 */
export interface SearchCandidate {
  readonly node: NodeRow;
  readonly name: string;
}

export interface NeighborQuery extends EdgeFilter {
  readonly node: string;
  /** In the order of count, descending, then position, descending, then edge id. */
  readonly after?: { readonly count: number; readonly position: number; readonly id: string } | undefined;
  readonly limit: number;
}

export interface TopicRow {
  readonly node: NodeRow;
  /** In how many memories of the time. */
  readonly count: number;
  readonly firstMs: number;
  readonly lastMs: number;
}

export interface StatsRow {
  readonly module: string;
  readonly what: "node" | "edge";
  /** The label or type. */
  readonly name: string;
  readonly kind: string;
  readonly origin: NodeRow["origin"];
  readonly count: number;
}

/** Something that was added, changed or removed at `changed`. */
export type Change =
  | { readonly what: "node"; readonly node: NodeRow }
  | { readonly what: "edge"; readonly edge: EdgeRow }
  | { readonly what: "removed"; readonly id: string; readonly changed: number };

/** A page of changes. */
export interface ChangesPage {
  readonly changes: Change[];
  /**
   * The position up to which the module is told: a page that is short ends there, and nothing in a page lies above. What was removed up to
   * here was gone before the page was read. 0: nothing is told yet.
   */
  readonly upTo: number;
}

/** The reading side. Each call is about the live generation, and about what the scope holds (G1, G5). */
export interface GraphReader {
  /** The live generation; undefined: none was ever begun. */
  live(signal?: AbortSignal): Promise<GenerationRow | undefined>;
  /** The live generation's places, of the scope's modules, by module; or that of one module, if it is there. */
  livePlaces(scope: Scope, signal?: AbortSignal, module?: string): Promise<Place[]>;
  faults(
    scope: Scope,
    query: { readonly module: string; readonly kind: FaultRow["kind"]; readonly limit: number },
    signal?: AbortSignal,
  ): Promise<{ readonly faults: FaultRow[]; readonly total: number }>;
  /** The fault at one position. */
  faultAt(scope: Scope, module: string, position: number, signal?: AbortSignal): Promise<FaultRow | undefined>;
  namingOf(scope: Scope, module: string, signal?: AbortSignal): Promise<Naming>;
  /** Those that are there, in any order. */
  nodes(scope: Scope, ids: readonly string[], signal?: AbortSignal): Promise<NodeRow[]>;
  /** Those that are there with both ends (G4), in any order. */
  edges(scope: Scope, ids: readonly string[], signal?: AbortSignal): Promise<EdgeRow[]>;
  /** An entity's names, by count, descending, then form (and key). */
  names(scope: Scope, entity: string, limit: number, signal?: AbortSignal): Promise<NameRow[]>;
  findNodes(scope: Scope, query: NodeQuery, signal?: AbortSignal): Promise<NodeRow[]>;
  search(scope: Scope, query: SearchQuery, signal?: AbortSignal): Promise<SearchCandidate[]>;
  neighbors(
    scope: Scope,
    query: NeighborQuery,
    signal?: AbortSignal,
  ): Promise<{ readonly edge: EdgeRow; readonly node: NodeRow }[]>;
  /**
   * Of each of the nodes its first `fanOut` edges, in the order of neighbors. `from` is the node that was asked of, `to` the other end. In
   * any order.
   */
  expand(
    scope: Scope,
    query: EdgeFilter & { readonly nodes: readonly string[]; readonly fanOut: number },
    signal?: AbortSignal,
  ): Promise<Step[]>;
  /**
   * The memories that reference both ends in a common passage: the evidence of a derived RELATES_TO, by position, descending, below
   * `before` (unset: from the latest). For each pair, by its place in the list.
   */
  evidence(
    scope: Scope,
    query: {
      readonly pairs: readonly { readonly module: string; readonly from: string; readonly to: string }[];
      readonly before?: number | undefined;
      readonly limit: number;
    },
    signal?: AbortSignal,
  ): Promise<NodeRow[][]>;
  /** How many memories of a module happened in [sinceMs, untilMs), and which entities and concepts they reference, by count, descending, then id. */
  topics(
    scope: Scope,
    query: {
      readonly module: string;
      readonly sinceMs?: number | undefined;
      readonly untilMs?: number | undefined;
      /** Empty: any. */
      readonly kinds: readonly string[];
      readonly limit: number;
    },
    signal?: AbortSignal,
  ): Promise<{ readonly memories: number; readonly topics: TopicRow[] }>;
  /** How many memories each module has in the graph, forgotten ones left out. */
  memoryCounts(scope: Scope, modules: readonly string[], signal?: AbortSignal): Promise<ReadonlyMap<string, number>>;
  stats(scope: Scope, module: string | undefined, signal?: AbortSignal): Promise<StatsRow[]>;
  /** What changed above a place and is told already, by (changed, what: removed, node, edge; id); edges with a missing end are left out. */
  changes(
    scope: Scope,
    query: {
      readonly module: string;
      readonly after: { readonly changed: number; readonly what: Change["what"]; readonly id: string };
      readonly limit: number;
    },
    signal?: AbortSignal,
  ): Promise<ChangesPage>;
  /** A module's nodes and edges in the order of ids, for exports; edges with both ends. */
  exportNodes(scope: Scope, module: string, after: string, limit: number, signal?: AbortSignal): Promise<NodeRow[]>;
  exportEdges(scope: Scope, module: string, after: string, limit: number, signal?: AbortSignal): Promise<EdgeRow[]>;
}

export interface GraphStore extends ProjectionStore, GraphReader {
  readonly engine: "postgres" | "neo4j";
  /** Resolves when the engine answers and has the schema that is needed; a cheap check, for health. */
  ready(signal?: AbortSignal): Promise<void>;
  close(): Promise<void>;
}
