import type { KeyObject } from "node:crypto";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { Grants, Principal } from "#shared/auth/principal.ts";

/** Whom the mesh believes beside its own tokens, and what they may do (docs/auth-policy.md). Read once, at the start. */
export interface Policy {
  readonly jwt: readonly IssuerPolicy[];
  readonly certificates: readonly CertificatePolicy[];
  readonly services: readonly ServicePolicy[];
}

/** An issuer of signed tokens, and what becomes of their claims. */
export interface IssuerPolicy {
  /** What stands before the colon in the names of its principals: `studio` in `studio:ada`. */
  readonly name: string;
  readonly issuer: string;
  readonly audience: string;
  /** Where its public keys are. */
  readonly jwksUri: string;
  readonly principalClaim: string;
  /** The claim that tells the kind; undefined: all are agents. */
  readonly kindClaim: string | undefined;
  readonly kinds: ReadonlyMap<string, PrincipalKind>;
  /** The claim whose values are looked up in `grants`; undefined: all have the default alone. */
  readonly grantsClaim: string | undefined;
  readonly grants: ReadonlyMap<string, Grants>;
  /** What everybody has whom the issuer vouches for. */
  readonly defaultGrants: Grants;
}

/** Who calls with a certificate of this name. */
export interface CertificatePolicy {
  /** The SPIFFE name, compared whole. */
  readonly name: string;
  readonly principal: Principal;
}

/** A service of the mesh that may call on behalf of others. */
export interface ServicePolicy {
  /** The service; the grants are the most that anybody can do through it. */
  readonly principal: Principal;
  /** Ed25519. Several while one replaces another. */
  readonly publicKeys: readonly KeyObject[];
}

/** Nobody is believed but by the mesh's own tokens. */
export const EMPTY_POLICY: Policy = { jwt: [], certificates: [], services: [] };

/** What a principal of this kind has of its grants: whatever a policy or a token says, an agent never has more than RECORD. */
export function cappedGrants(kind: PrincipalKind, grants: Grants): Grants {
  if (kind === PrincipalKind.PERSON || kind === PrincipalKind.SERVICE) return grants;
  return new Map([...grants].map(([module, verb]) => [module, Math.min(verb, Verb.RECORD) as Verb]));
}
