declare const minted: unique symbol;

/**
 * The modules that a caller may see. Store functions take one and put it into their query: filtering afterwards would
 * break pages and leak counts (SECURITY, 4). Only this file makes one, so that none can be made up on the way.
 */
export interface Scope {
  readonly modules: "all" | ReadonlySet<string>;
  readonly [minted]: true;
}

/** The scope of somebody at this machine's own listeners: everything. */
export function localScope(): Scope {
  return { modules: "all" } as Scope;
}

/** A scope of these modules and no others. */
export function scopeOf(modules: Iterable<string>): Scope {
  return { modules: new Set(modules) } as unknown as Scope;
}

/** Whether a module exists for this caller at all. */
export function mayRead(scope: Scope, module: string): boolean {
  return scope.modules === "all" || scope.modules.has(module);
}
