import { accessExpired, accessRevoked, tokenInvalid } from "#shared/auth/refusals.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import type { StoredToken } from "./read-identities.ts";

/** Why a token lets nobody in; undefined: it does. One that is not stored was never made, or its row was removed. */
export function tokenRefusal(stored: StoredToken | undefined, nowMs: number): CosError | undefined {
  if (stored === undefined) return tokenInvalid();
  if (stored.isRevoked) return accessRevoked();
  return stored.expiresMs <= nowMs ? accessExpired() : undefined;
}
