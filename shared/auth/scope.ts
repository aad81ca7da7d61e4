import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { EVERY_MODULE, type Grants } from "./principal.ts";

declare const minted: unique symbol;

/** Modules: all, or these. */
export type Modules = "all" | ReadonlySet<string>;

/**
 * The modules that a caller may see, and those in which it may record. Store functions take one and put it into their
 * query: filtering afterwards would break pages and leak counts (SECURITY, 4). Only this file makes one, so that none can be
 * made up on the way.
 */
export interface Scope {
  readonly modules: Modules;
  /** Part of `modules`. */
  readonly recordable: Modules;
  readonly [minted]: true;
}

/** The scope of somebody at this machine's own listeners, and of the mesh itself: everything. */
export function localScope(): Scope {
  return { modules: "all", recordable: "all" } as Scope;
}

/** A scope of these modules and no others; what may be recorded in, if that is less. */
export function scopeOf(modules: Iterable<string>, recordable?: Iterable<string>): Scope {
  const seen = new Set(modules);
  return { modules: seen, recordable: recordable === undefined ? seen : new Set(recordable) } as unknown as Scope;
}

/** What somebody's rights come to. */
export function scopeOfGrants(grants: Grants): Scope {
  return { modules: modulesWith(grants, Verb.READ), recordable: modulesWith(grants, Verb.RECORD) } as Scope;
}

/** Whether a module exists for this caller at all. */
export function mayRead(scope: Scope, module: string): boolean {
  return holds(scope.modules, module);
}

/** Whether the caller may record in a module. */
export function mayRecord(scope: Scope, module: string): boolean {
  return holds(scope.recordable, module);
}

function holds(modules: Modules, module: string): boolean {
  return modules === "all" || modules.has(module);
}

function modulesWith(grants: Grants, least: Verb): Modules {
  if ((grants.get(EVERY_MODULE) ?? Verb.UNSPECIFIED) >= least) return "all";
  const modules = [...grants].filter(([module, verb]) => module !== EVERY_MODULE && verb >= least);
  return new Set(modules.map(([module]) => module));
}
