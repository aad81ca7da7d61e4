import type { Scope } from "#shared/auth/scope.ts";
import { scopeParameters } from "./cypher.ts";
import type { Neo4j } from "./open-neo4j.ts";

/** One caller's reading: every query takes its scope, and is about the live generation of one graph. */
export interface Reading {
  /** Statements of one transaction, which travel together. */
  run<Row extends object>(texts: string | readonly string[], parameters?: object): Promise<Row[]>;
}

export function readingOf(neo4j: Neo4j, graph: string, scope: Scope, signal: AbortSignal | undefined): Reading {
  const given = { graph, ...scopeParameters(scope) };
  return { run: (texts, parameters) => neo4j.read(texts, { ...given, ...parameters }, { signal }) };
}
