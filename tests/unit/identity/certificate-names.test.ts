import { describe, expect, test } from "@jest/globals";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { accessOfCertificates } from "#shared/identity/access-of-certificates.ts";
import { EMPTY_POLICY } from "#shared/identity/policy.ts";

const ENDS_MS = Date.now() + 86_400_000;

const certificate = (name: string, kind: PrincipalKind, verb: Verb) => ({
  name,
  principal: { name: "graph", kind, grants: new Map([["*", verb]]) },
});

describe("the name of a certificate", () => {
  test("lets in when the policy has it, always by the same access", () => {
    const certificates = [certificate("spiffe://cos/graph", PrincipalKind.SERVICE, Verb.ADMIN)];
    const accessOf = accessOfCertificates({ ...EMPTY_POLICY, certificates });
    const access = accessOf("spiffe://cos/graph", ENDS_MS);
    expect(access?.principal).toEqual(certificates[0]?.principal);
    expect([access?.credential, access?.expiresMs]).toEqual([CredentialKind.CERTIFICATE, ENDS_MS]);
    expect(accessOf("spiffe://cos/graph", ENDS_MS)).toBe(access);
  });

  test("lets in no longer than the certificate holds; one that is renewed has an access of its own", () => {
    const certificates = [certificate("spiffe://cos/graph", PrincipalKind.SERVICE, Verb.ADMIN)];
    const accessOf = accessOfCertificates({ ...EMPTY_POLICY, certificates });
    const access = accessOf("spiffe://cos/graph", Date.now() - 1);
    expect(access?.ended).toMatchObject({ reasonName: "TOKEN_EXPIRED" });
    expect(accessOf("spiffe://cos/graph", ENDS_MS)?.ended).toBeUndefined();
  });

  test.each(["spiffe://cos/graph/", "spiffe://cos/graph2", "spiffe://COS/graph", "spiffe://cos", "graph", ""])(
    "is another one when it is %s",
    (name) => {
      const certificates = [certificate("spiffe://cos/graph", PrincipalKind.SERVICE, Verb.ADMIN)];
      expect(accessOfCertificates({ ...EMPTY_POLICY, certificates })(name, ENDS_MS)).toBeUndefined();
    },
  );

  test("gives an agent no more than RECORD, whatever a policy says", () => {
    const certificates = [certificate("spiffe://cos/bot", PrincipalKind.AGENT, Verb.ADMIN)];
    const access = accessOfCertificates({ ...EMPTY_POLICY, certificates })("spiffe://cos/bot", ENDS_MS);
    expect(access?.grants).toEqual(new Map([["*", Verb.RECORD]]));
  });
});
