import type { JWTVerifyGetKey } from "jose";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import type { IssuerKeys } from "./issuer-keys.ts";
import { jwtPrincipal } from "./jwt-principal.ts";
import type { IssuerPolicy } from "./policy.ts";
import { type Expected, proveJwt } from "./prove-jwt.ts";
import type { Verified } from "./verified-tokens.ts";

/**
 * Verifies the tokens of one issuer (RFC 9068), each of which holds as long as the issuer shows its key. Rejects with jose's
 * errors, or with ENGINE_UNAVAILABLE when it is away.
 */
export function issuerTokenVerifier(policy: IssuerPolicy, keys: IssuerKeys): (jwt: string) => Promise<Verified> {
  const { issuer, audience } = policy;
  const expected: Expected = { algorithms: ["EdDSA", "ES256", "RS256"], typ: "at+jwt", issuer, audience };
  return async (jwt) => {
    let thumbprint = "";
    const find: JWTVerifyGetKey = async (header, token) => {
      const found = await keys.find(header, token);
      thumbprint = found.thumbprint;
      return found.key;
    };
    const { claims, expiresMs } = await proveJwt(jwt, find, expected);
    const principal = jwtPrincipal(policy, claims);
    if (principal === undefined) throw new Error("its principal has no name that could be written down");
    const access = new Access({ principal, credential: CredentialKind.JWT, expiresMs });
    return { access, refusal: () => keys.refusalOf(thumbprint) };
  };
}
