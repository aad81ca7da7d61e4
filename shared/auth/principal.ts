import { type Grant, PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";

/** All modules there are and will be, in a grant. */
export const EVERY_MODULE = "*";

/** The rights of somebody, by module; `*` stands for all modules. */
export type Grants = ReadonlyMap<string, Verb>;

/** Somebody who calls. */
export interface Principal {
  /** What rows and the audit say: `editor-bot`; `local` for whoever calls from this machine without a token. */
  readonly name: string;
  readonly kind: PrincipalKind;
  readonly grants: Grants;
}

/** Whoever calls from this machine without a token: may read and record everywhere; as the least kind, never more. */
export const LOCAL_PRINCIPAL: Principal = {
  name: "local",
  kind: PrincipalKind.AGENT,
  grants: new Map([[EVERY_MODULE, Verb.RECORD]]),
};

/** The greatest right in a module; for `*`, the right in all of them. */
export function verbIn(grants: Grants, module: string): Verb {
  return maxVerb(grants.get(module), grants.get(EVERY_MODULE) ?? Verb.UNSPECIFIED);
}

/** The greatest right in any module. */
export function verbAnywhere(grants: Grants): Verb {
  let most: Verb = Verb.UNSPECIFIED;
  for (const verb of grants.values()) if (verb > most) most = verb;
  return most;
}

/** What two may do only together: in each module the lesser of both rights. */
export function sharedGrants(left: Grants, right: Grants): Grants {
  const shared = new Map<string, Verb>();
  for (const module of new Set([...left.keys(), ...right.keys()])) {
    const verb = Math.min(verbIn(left, module), verbIn(right, module)) as Verb;
    if (verb > Verb.UNSPECIFIED) shared.set(module, verb);
  }
  return shared;
}

/** Grants as messages say them; of two for one module the greater counts. */
export function grantsOf(grants: readonly Pick<Grant, "module" | "verb">[]): Grants {
  const read = new Map<string, Verb>();
  for (const { module, verb } of grants) read.set(module, maxVerb(read.get(module), verb));
  return read;
}

function maxVerb(left: Verb | undefined, right: Verb): Verb {
  return left !== undefined && left > right ? left : right;
}
