import type { IncomingHttpHeaders } from "node:http";
import type { Socket } from "node:net";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import type { Credentials } from "#shared/auth/let-in.ts";
import { certificateOf } from "./certificate-name-of.ts";

/** Whoever calls what everybody may call: no name, no rights. */
export const NOBODY = new Access({
  principal: { name: "", kind: PrincipalKind.UNSPECIFIED, grants: new Map() },
  credential: CredentialKind.UNSPECIFIED,
});

/**
 * What a request shows of who makes it. Takes the token out of the headers: nothing further in needs to see it.
 *
 * From a page is what has an `Origin`, and what a browser marks as its own by `Sec-Fetch-Site`, whatever that says: a page's GETs to where
 * it came from have no `Origin`, and what is typed into the address bar (`none`) shows whose browser it is, not who calls.
 */
export function credentialsOf(headers: IncomingHttpHeaders, socket: Socket | undefined): Credentials {
  const { authorization } = headers;
  delete headers.authorization;
  const certificate = socket === undefined ? undefined : certificateOf(socket);
  return {
    authorization,
    certificateName: certificate?.name,
    certificateExpiresMs: certificate?.expiresMs,
    peer: socket?.remoteAddress ?? "",
    isFromPage: headers.origin !== undefined || headers["sec-fetch-site"] !== undefined,
  };
}
