import type { JWTPayload } from "jose";
import { PrincipalKind, type Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import type { Grants, Principal } from "#shared/auth/principal.ts";
import { cappedGrants, type IssuerPolicy } from "./policy.ts";

/** Names go into rows, headers of tables and log lines. */
const SUBJECT = /^[\x21-\x7e]{1,160}$/;

/**
 * Whom the claims of a token speak of: `studio:ada`, by the issuer's name in the policy and the principal claim. AuthService gives no
 * name with a colon, so no token of its own has the same one. undefined: the claim is missing, or is no name of 1 to 160
 * printable ASCII characters.
 *
 * The kind is AGENT, the least, unless the policy knows the claim's value. Claims name groups, never rights: what they come to stands
 * in the policy, and of several the greatest counts.
 */
export function jwtPrincipal(policy: IssuerPolicy, claims: JWTPayload): Principal | undefined {
  const subject = claimOf(claims, policy.principalClaim);
  if (typeof subject !== "string" || !SUBJECT.test(subject)) return undefined;
  const kind = kindOf(policy, claims);
  return { name: `${policy.name}:${subject}`, kind, grants: cappedGrants(kind, grantsOf(policy, claims)) };
}

function kindOf({ kindClaim, kinds }: IssuerPolicy, claims: JWTPayload): PrincipalKind {
  const value = claimOf(claims, kindClaim);
  return (typeof value === "string" ? kinds.get(value) : undefined) ?? PrincipalKind.AGENT;
}

function grantsOf({ grantsClaim, grants, defaultGrants }: IssuerPolicy, claims: JWTPayload): Grants {
  const all = new Map<string, Verb>(defaultGrants);
  for (const value of valuesOf(claims, grantsClaim)) {
    for (const [module, verb] of grants.get(value) ?? []) {
      if (verb > (all.get(module) ?? 0)) all.set(module, verb);
    }
  }
  return all;
}

/** The values of a claim. `scope` is a list in one text (RFC 8693, 4.2); any other text is one value. */
function valuesOf(claims: JWTPayload, name: string | undefined): string[] {
  const value = claimOf(claims, name);
  if (typeof value === "string") return name === "scope" ? value.split(" ") : [value];
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function claimOf(claims: JWTPayload, name: string | undefined): unknown {
  return name === undefined ? undefined : claims[name];
}
