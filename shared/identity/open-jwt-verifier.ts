import { decodeJwt, errors } from "jose";
import type { Access } from "#shared/auth/access.ts";
import { accessExpired, tokenInvalid } from "#shared/auth/refusals.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import type { Log } from "#shared/log/open-log.ts";
import { ISSUER_KEYS_LIMITS, IssuerKeys, type IssuerKeysLimits } from "./issuer-keys.ts";
import { issuerTokenVerifier } from "./issuer-token-verifier.ts";
import type { Policy } from "./policy.ts";
import { JWT_LENGTH_MAX } from "./prove-jwt.ts";
import { MESH_ISSUER } from "./service-token.ts";
import { serviceTokenVerifier } from "./service-token-verifier.ts";
import { type Verified, VerifiedTokens } from "./verified-tokens.ts";

export interface JwtVerifierLimits {
  readonly keys: IssuerKeysLimits;
  /** How many verified tokens are kept. */
  readonly tokensMax: number;
}

const LIMITS: JwtVerifierLimits = { keys: ISSUER_KEYS_LIMITS, tokensMax: 10_000 };

export interface JwtVerifierOptions {
  readonly policy: Policy;
  /** Under which name other services of the mesh call this one: `conductor`. */
  readonly serviceName: string;
  readonly log: Log;
  readonly limits?: JwtVerifierLimits;
}

export interface JwtVerifier {
  /**
   * Whom a signed token lets in: at once when it has been verified before. Throws or rejects with TOKEN_INVALID, whatever is wrong
   * with it; TOKEN_EXPIRED for one that was good once; ENGINE_UNAVAILABLE when its issuer's keys cannot be had.
   */
  verifyJwt(jwt: string): Access | Promise<Access>;
  close(): void;
}

/**
 * Verifies the tokens of the issuers that a policy trusts, and those between the services of the mesh. What has been verified is kept
 * while its key is: whenever keys were fetched, which a timer sees to as well, accesses end whose key is gone.
 */
export function openJwtVerifier({ policy, serviceName, log, limits = LIMITS }: JwtVerifierOptions): JwtVerifier {
  const onFetched = () => tokens.recheck();
  const keys = policy.jwt.map((issuer) => new IssuerKeys({ policy: issuer, log, limits: limits.keys, onFetched }));
  const verifyService = serviceTokenVerifier(policy.services, serviceName);
  const verifiers = new Map<string, (jwt: string) => Promise<Verified>>([
    // The keys of services stand in the policy, which stays what it is.
    [MESH_ISSUER, async (jwt) => ({ access: await verifyService(jwt), refusal: () => undefined })],
    ...policy.jwt.map((issuer, n) => [issuer.issuer, issuerTokenVerifier(issuer, keys[n] as IssuerKeys)] as const),
  ]);
  const tokens = new VerifiedTokens(async (jwt) => {
    try {
      const verify = verifiers.get(decodeJwt(jwt).iss ?? "");
      if (verify === undefined) throw new Error("its issuer is not trusted");
      return await verify(jwt);
    } catch (error) {
      const refusal = refusalOf(error);
      tellWhy(log, refusal);
      throw refusal;
    }
  }, limits.tokensMax);
  const timer = setInterval(() => {
    // What has expired is no reason to fetch; what an issuer has proven that is away for too long ends without a fetch.
    tokens.recheck();
    if (tokens.size > 0) for (const each of keys) each.refresh();
  }, limits.keys.recheckIntervalMs).unref();
  return {
    verifyJwt(jwt) {
      if (jwt.length > JWT_LENGTH_MAX) throw tokenInvalid();
      return tokens.accessOf(jwt);
    },
    close() {
      clearInterval(timer);
      for (const each of keys) each.close();
      tokens.clear();
    },
  };
}

/** Whoever tries tokens out learns nothing from the answer but that one was good and is over. */
function refusalOf(error: unknown): CosError {
  if (error instanceof CosError) return error;
  return error instanceof errors.JWTExpired ? accessExpired() : tokenInvalid(error);
}

/** Whoever runs the mesh may want to know: which claim it was that did not fit, say. Never what it said. */
function tellWhy(log: Log, { reasonName, cause }: CosError): void {
  const claim = cause instanceof errors.JWTClaimValidationFailed ? cause.claim : undefined;
  log.debug({ reason: reasonName, name: claim, err: cause }, "a signed token was refused");
}
