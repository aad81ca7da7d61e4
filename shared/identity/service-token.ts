/** Who issues the tokens between services: the mesh itself. No policy can give the name to anybody else. */
export const MESH_ISSUER = "urn:cos:mesh";

/** What their header says they are, so that no other token that a service may sign is taken for one (RFC 8725, 3.11). */
export const SERVICE_TOKEN_TYPE = "cos-service+jwt";

/** How long one is good: it is made for one call. */
export const SERVICE_TOKEN_LIFETIME_S = 60;

/** Ed25519's name in the headers of tokens (RFC 8037). */
export const SERVICE_TOKEN_ALGORITHM = "EdDSA";

/**
 * What a token between services says, beside `iss`, `aud` (the service that is called), `iat` and `exp`. Subject and actor as
 * RFC 8693 has them: the service acts, on behalf of the subject.
 */
export interface ServiceTokenClaims {
  /** The caller on whose behalf the service calls. */
  readonly sub: string;
  /** `person`, `agent` or `service`. */
  readonly kind: string;
  /** What the caller may do, as the service has found it: `{"drafts": "record"}`. */
  readonly grants: Readonly<Record<string, string>>;
  /** The service that calls. */
  readonly act: { readonly sub: string };
}
