import type { Scope } from "#shared/auth/scope.ts";

/** The scope as a parameter: null for all modules. Each reader has it as $1. */
export function scopeParameter(scope: Scope): string[] | null {
  return scope.modules === "all" ? null : [...scope.modules];
}

/** Whether a row of this name lies in a module of the scope. */
export function inScope(row: "n" | "e" | "m" | "o" | "p" | "t"): string {
  return `($1::text[] is null or ${row}.module = any ($1))`;
}

/** Whether an edge's row may be shown: of the scope's modules, with both ends (G4). Only loose ones have to be looked after. */
export function isVisible(edge: "e" | "o"): string {
  const end = (id: string) => `(select true from cos_graph.node n
    where n.generation = ${edge}.generation and n.id = ${edge}.${id} and ${inScope("n")} limit 1)`;
  return `(${inScope(edge)} and (not ${edge}.loose or (${end("from_id")} and ${end("to_id")})))`;
}
