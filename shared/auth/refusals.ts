import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CosError, type FieldFault } from "#shared/errors/cos-error.ts";

/** Nobody has said who calls, and that is needed here. */
export function tokenMissing(): CosError {
  return new CosError(ErrorReason.TOKEN_MISSING, "this call needs a token: send `authorization: Bearer <token>`");
}

/** Whatever is wrong with a token: whoever guesses learns nothing from the difference. */
export function tokenInvalid(cause?: unknown): CosError {
  return new CosError(ErrorReason.TOKEN_INVALID, "the token is not one that this mesh knows or trusts", { cause });
}

export function accessExpired(): CosError {
  return new CosError(ErrorReason.TOKEN_EXPIRED, "the token or certificate has expired: get a new one");
}

export function accessRevoked(): CosError {
  return new CosError(ErrorReason.TOKEN_REVOKED, "the token was revoked");
}

/** An open stream carries a module that its caller may not read any more. */
export function accessChanged(): CosError {
  return new CosError(ErrorReason.ACCESS_CHANGED, "what the caller may read has changed: resume to see what is left");
}

/**
 * What a caller is told of a module that does not exist, for this caller or at all: the two must look the same. `fields` tell where
 * the module was named, if that can be told.
 */
export function moduleNotFound(module: string, fields: readonly FieldFault[] = []): CosError {
  return new CosError(ErrorReason.MODULE_NOT_FOUND, `there is no module "${module}"`, {
    resource: { type: "module", name: module },
    fields,
  });
}

/** The caller lacks the right that the call needs, in a module that it may see, or wherever else `where` says. */
export function rightMissing(verb: Verb, where: string): CosError {
  return new CosError(ErrorReason.RIGHT_MISSING, `this needs the right to ${VERB_WORDS[verb]} ${where}`);
}

/** The same, of a module that the caller may see. */
export function rightMissingIn(verb: Verb, module: string): CosError {
  return rightMissing(verb, `in module "${module}"`);
}

/** No kind of right helps a caller of this kind. */
export function kindRefused(): CosError {
  return new CosError(ErrorReason.KIND_REFUSED, "callers of this kind may not do this, whatever their rights");
}

/** The call is between services of the mesh: people and programs ask one of them for what it does. */
export function servicesOnlyRefused(): CosError {
  return new CosError(
    ErrorReason.KIND_REFUSED,
    "only services of the mesh may do this, for themselves or for a caller",
  );
}

const VERB_WORDS: Readonly<Record<Verb, string>> = {
  [Verb.UNSPECIFIED]: "call",
  [Verb.PUBLIC]: "call",
  [Verb.READ]: "read",
  [Verb.RECORD]: "record",
  [Verb.APPROVE]: "approve",
  [Verb.ADMIN]: "administer",
};
