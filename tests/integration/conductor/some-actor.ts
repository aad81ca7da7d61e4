import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Actor } from "#services/conductor/store/access/write-audit.ts";
import { Access } from "#shared/auth/access.ts";
import type { Principal } from "#shared/auth/principal.ts";

export const owner: Principal = { name: "owner", kind: PrincipalKind.PERSON, grants: new Map([["*", Verb.ADMIN]]) };

/** Somebody who administers. */
export function someActor(requestId = "request-1", via?: Principal): Actor {
  const access = new Access({
    principal: owner,
    credential: CredentialKind.TOKEN,
    ...(via === undefined ? {} : { via }),
  });
  return { access, requestId };
}
