import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import type { Principal } from "#shared/auth/principal.ts";

/** Somebody who may read these modules. */
export function readerOf(modules: readonly string[]): Principal {
  const grants = new Map(modules.map((module) => [module, Verb.READ]));
  return { name: "reader", kind: PrincipalKind.SERVICE, grants };
}

/** The access of somebody who may read these modules; `expiresMs` in milliseconds of the epoch. */
export function accessTo(modules: readonly string[], expiresMs = Number.POSITIVE_INFINITY): Access {
  return new Access({ principal: readerOf(modules), credential: CredentialKind.TOKEN, expiresMs });
}
