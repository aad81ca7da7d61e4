import { decodeProtectedHeader, type JWTPayload } from "jose";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import type { Principal } from "#shared/auth/principal.ts";
import { GRANTS } from "./grants-shape.ts";
import { objectOf, readShape, textLike, wordOf } from "./json-shape.ts";
import { cappedGrants, type ServicePolicy } from "./policy.ts";
import { KIND_OF_WORD } from "./policy-words.ts";
import { type Expected, proveJwt } from "./prove-jwt.ts";
import { serviceKeyId } from "./service-key-id.ts";
import { MESH_ISSUER, SERVICE_TOKEN_ALGORITHM, SERVICE_TOKEN_LIFETIME_S, SERVICE_TOKEN_TYPE } from "./service-token.ts";

const CALLER = objectOf({
  sub: textLike(/^[\x21-\x7e]{1,200}$/, "must be a name"),
  kind: wordOf(KIND_OF_WORD),
  grants: GRANTS,
});

/**
 * Verifies the tokens with which services of the mesh call this one, `serviceName`, on somebody's behalf. What is allowed then is what
 * both may do, the caller and the service; the caller's kind stays what it is, so an agent is an agent behind a service too.
 */
export function serviceTokenVerifier(
  services: readonly ServicePolicy[],
  serviceName: string,
): (jwt: string) => Promise<Access> {
  const known = new Map(
    services.flatMap(({ principal, publicKeys }) =>
      publicKeys.map((publicKey) => [serviceKeyId(publicKey), { via: principal, publicKey }] as const),
    ),
  );
  const expected: Expected = {
    algorithms: [SERVICE_TOKEN_ALGORITHM],
    typ: SERVICE_TOKEN_TYPE,
    issuer: MESH_ISSUER,
    audience: serviceName,
    maxTokenAge: SERVICE_TOKEN_LIFETIME_S,
  };
  return async (jwt) => {
    const signer = known.get(decodeProtectedHeader(jwt).kid ?? "");
    if (signer === undefined) throw new Error("its key is not a service's");
    const { claims, expiresMs } = await proveJwt(jwt, signer.publicKey, expected);
    refuseForeign(claims, signer.via.name);
    return new Access({ principal: callerIn(claims), via: signer.via, credential: CredentialKind.SERVICE, expiresMs });
  };
}

/** A token is for one service and one call: one that could be passed on, or lives longer, was not made by our mint. */
function refuseForeign({ aud, exp, iat, act }: JWTPayload, service: string): void {
  const actor = (act as { readonly sub?: unknown } | undefined)?.sub;
  if (Array.isArray(aud) || actor !== service || Number(exp) - Number(iat) > SERVICE_TOKEN_LIFETIME_S) {
    throw new Error("it is not for one call of one service");
  }
}

function callerIn({ sub, kind, grants }: JWTPayload): Principal {
  const { value, faults } = readShape(CALLER, { sub, kind, grants });
  if (faults.length > 0) throw new Error("it names no caller");
  return { name: value.sub, kind: value.kind, grants: cappedGrants(value.kind, value.grants) };
}
