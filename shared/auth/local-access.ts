import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "./access.ts";
import { LOCAL_PRINCIPAL } from "./principal.ts";

/** The access of whoever calls from this machine without a token. It never ends. */
export function localAccess(): Access {
  return new Access({ principal: LOCAL_PRINCIPAL, credential: CredentialKind.LOCAL });
}
