import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { CosError } from "#shared/errors/cos-error.ts";

/** The lease has run out, or there never was such a membership. */
export function membershipLost(consumer: string): CosError {
  return new CosError(
    ErrorReason.MEMBERSHIP_LOST,
    `this member of consumer "${consumer}" is one no longer: its lease has run out; join again`,
  );
}

/** Two that should work side by side need two names. */
export function memberReplaced(consumer: string): CosError {
  return new CosError(
    ErrorReason.MEMBER_REPLACED,
    `another member of this name has joined consumer "${consumer}", and has taken over`,
  );
}
