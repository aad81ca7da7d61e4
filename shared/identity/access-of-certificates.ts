import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { cappedGrants, type Policy } from "./policy.ts";

/**
 * Who calls with a certificate of a name that ends at a time: one access for all calls with such a one, which ends when the certificate
 * does, although its connection stays. The answer is undefined for a name that the policy does not have, letter by letter.
 *
 * Of each name the access that was asked for last is kept: a certificate that is renewed takes the place of the one before, whose
 * calls keep theirs.
 */
export function accessOfCertificates({
  certificates,
}: Policy): (certificateName: string, expiresMs: number) => Access | undefined {
  const principals = new Map(certificates.map(({ name, principal }) => [name, principal]));
  const known = new Map<string, Access>();
  return (certificateName, expiresMs) => {
    const there = known.get(certificateName);
    if (there?.expiresMs === expiresMs) return there;
    const principal = principals.get(certificateName);
    if (principal === undefined) return undefined;
    const grants = cappedGrants(principal.kind, principal.grants);
    const access = new Access({
      principal: { ...principal, grants },
      credential: CredentialKind.CERTIFICATE,
      expiresMs,
    });
    known.set(certificateName, access);
    return access;
  };
}
