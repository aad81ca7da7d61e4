import type { Scope } from "#shared/auth/scope.ts";
import { TYPES, type Type } from "../../domain/vocabulary.ts";
import { safeType } from "./whitelist.ts";

// The parts of which queries are made. None holds anything that a caller said: that is what parameters are for.

/** The head of this store's graph, with the prefix of the live generation; null where nothing was begun. */
export const HEAD = "MATCH (h:CosGraph {name: $graph})";

/** What each reader passes. `modules`: null for all. */
export function scopeParameters(scope: Scope): { readonly modules: readonly string[] | null } {
  return { modules: scope.modules === "all" ? null : [...scope.modules] };
}

/** Whether a node or edge lies in a module of the scope. A node that is not there, but for its edges, lies in none. */
export function inScope(name: string): string {
  return `(CASE WHEN $modules IS NULL THEN ${name}.module IS NOT NULL ELSE ${name}.module IN $modules END)`;
}

/** An edge as `StoredEdge` has it. */
export function edgeOf(name: string): string {
  return `[type(${name}), startNode(${name}).gid, endNode(${name}).gid, properties(${name})]`;
}

// Which index is used is said by hints: a plan that Neo4j makes while there is nothing yet would look at everything later on.

/** The node with a gid. */
export function itemAt(name: string, gid: string): string {
  return `MATCH (${name}:CosItem {gid: ${gid}}) USING INDEX SEEK ${name}:CosItem(gid)`;
}

/** The edge `r` of a type with a gid. */
export function edgeAt(type: Type, gid: string): string {
  return `MATCH ()-[r:${safeType(type)} {gid: ${gid}}]->() USING INDEX SEEK r:${type}(gid)`;
}

/**
 * A query for each type: only within a type are edges found by an index. They travel together; one query for all of them would take
 * Neo4j a second to plan.
 */
export function eachType(query: (type: Type) => string): readonly string[] {
  return TYPES.map((type) => query(safeType(type)));
}

/** Whether an edge may be shown: of the scope's modules, with both ends (G4). */
export function isVisible(name: string): string {
  return `${inScope(name)} AND ${inScope(`startNode(${name})`)} AND ${inScope(`endNode(${name})`)}`;
}

/** The `CosItem`s that are memories. */
export function isMemory(name: string): string {
  return `${name}.label IN ['LogEntry', 'Prompt']`;
}
