import type { KeyObject } from "node:crypto";
import { type JWTPayload, type JWTVerifyGetKey, type JWTVerifyOptions, jwtVerify } from "jose";
import { repeatedKeyOf } from "./repeated-key.ts";

/** Longer tokens are refused unread; the headers of a request may have 16 KiB. */
export const JWT_LENGTH_MAX = 8_192;

/** Clocks are apart by so much at most. */
const TOLERANCE_S = 30;
/** The last second of year 9999: what comes later has no place in a Timestamp. */
const INSTANT_S_MAX = 253_402_300_799;

/** What a signed token says, now that it is known who says it. */
export interface ProvenClaims {
  readonly claims: JWTPayload;
  /** Until when it is accepted, the tolerance included, in milliseconds of the epoch. */
  readonly expiresMs: number;
}

/** What a signed token must be. */
export type Expected = JWTVerifyOptions &
  Required<Pick<JWTVerifyOptions, "algorithms" | "issuer" | "audience" | "typ">>;

/**
 * Proves a signed token (RFC 7519, by the advice of RFC 8725): signature, algorithm, type, issuer, audience and times, with 30 s of
 * tolerance. It must expire, and name nothing twice. Rejects with jose's errors, JWTExpired among them.
 */
export async function proveJwt(
  jwt: string,
  key: KeyObject | JWTVerifyGetKey,
  expected: Expected,
): Promise<ProvenClaims> {
  const { payload: claims } = await jwtVerify<JWTPayload>(jwt, key, {
    ...expected,
    clockTolerance: TOLERANCE_S,
    requiredClaims: ["exp"],
  });
  const [header, body] = jwt.split(".");
  for (const part of [header, body]) {
    if (repeatedKeyOf(Buffer.from(part as string, "base64url").toString()) !== undefined)
      throw new Error("a name stands twice");
  }
  const expiresS = claims.exp as number;
  if (expiresS > INSTANT_S_MAX) throw new Error("it expires in no year that has a date");
  return { claims, expiresMs: (expiresS + TOLERANCE_S) * 1000 };
}
