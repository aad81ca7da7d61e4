import type { VerifyAuditRequest } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { invalidField } from "#shared/errors/cos-error.ts";
import type { KnownSeal } from "./check-seals.ts";

/** The seal that a request knows, if it knows one. Throws INVALID_FIELD for a number without its hash, and a hash without number. */
export function knownSeal(request: VerifyAuditRequest): KnownSeal | undefined {
  const { knownSealNumber: number, knownSealHash: hash } = request;
  if (number === 0n && hash === "") return undefined;
  if (hash === "") throw invalidField("known_seal_hash", "must be given with known_seal_number");
  if (number === 0n) throw invalidField("known_seal_number", "must be given with known_seal_hash");
  return { number, hash };
}
