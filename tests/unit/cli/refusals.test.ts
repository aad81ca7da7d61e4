import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ErrorInfoSchema, RetryInfoSchema } from "#gen/google/rpc/error_details_pb.ts";
import { explainAbsence } from "#services/cli/explain-absence.ts";
import { type Called, explainError } from "#services/cli/explain-error.ts";

const ADDRESS = "cos.example:50051";

function told(reason: string, code: Code, tokenSource?: Called["tokenSource"]): string {
  const details = [
    { desc: ErrorInfoSchema, value: { reason, domain: "cos" } },
    { desc: RetryInfoSchema, value: { retryDelay: { seconds: 2n, nanos: 500_000_000 } } },
  ];
  const { lines } = explainError(new ConnectError("what the server says", code, undefined, details), {
    address: ADDRESS,
    tokenSource,
    showsCertificate: false,
  });
  expect(lines).toHaveLength(1);
  return lines[0] as string;
}

const OWNERS = { name: ".cos/owner-token", isOwners: true };
const GIVEN = { name: "COS_TOKEN", isOwners: false };

describe("a refusal says how to go on", () => {
  test("without a token: where to put one, and who makes it", () => {
    const line = told("TOKEN_MISSING", Code.Unauthenticated);
    expect(line).toMatch(/^COS at cos.example:50051 asks who you are: put a token into COS_TOKEN, .* COS_TOKEN_FILE/);
    expect(line).toContain("`cos tokens create`");
  });

  test("a token that is not known: the owner's is mended by `npm start`, others by an administrator", () => {
    expect(told("TOKEN_INVALID", Code.Unauthenticated, OWNERS)).toBe(
      "COS at cos.example:50051 does not know the token of .cos/owner-token: `npm start` writes a new one there",
    );
    expect(told("TOKEN_INVALID", Code.Unauthenticated, GIVEN)).toMatch(/the token of COS_TOKEN: ask an administrator/);
  });

  test("one that has ended: expired is renewed, revoked is not", () => {
    expect(told("TOKEN_EXPIRED", Code.Unauthenticated, GIVEN)).toBe(
      "the token of COS_TOKEN has expired: ask an administrator for a new one (`cos tokens rotate`)",
    );
    expect(told("TOKEN_REVOKED", Code.Unauthenticated)).toBe("the token was revoked: it opens nothing any more");
    expect(told("ACCESS_CHANGED", Code.Unauthenticated)).toBe(
      "what you may read has changed meanwhile: `cos whoami` shows what is left, then type the same command again",
    );
  });

  test("a right that is missing: which, and as whom one called", () => {
    expect(told("RIGHT_MISSING", Code.PermissionDenied)).toBe(
      "what the server says; you called without a token: `cos whoami` shows what you may do",
    );
    expect(told("KIND_REFUSED", Code.PermissionDenied, GIVEN)).toContain("you called with the token of COS_TOKEN");
  });

  test("too often: when to come back", () => {
    expect(told("RATE_LIMITED", Code.ResourceExhausted)).toBe("what the server says: try again in 3 s");
  });

  test("whatever else it is: what the server says", () => {
    expect(told("PRINCIPAL_NOT_FOUND", Code.NotFound)).toBe("what the server says");
  });
});

describe("a connection that failed says why", () => {
  const explained = (message: string, address = ADDRESS, showsCertificate = false): string =>
    explainAbsence(message, { address, showsCertificate });
  const wrapped = (why: string): string => `No connection established. Last error: ${why}. Resolution note: `;
  const told = (why: string): string => explained(wrapped(why));

  test.each(["self-signed certificate in certificate chain", "unable to get local issuer certificate"])(
    "a server that is not believed: %s",
    (why) => {
      expect(told(`Error: ${why}`)).toBe(
        `COS at ${ADDRESS} is not believed (${why}): COS_TLS_CA names the certificates that vouch for it`,
      );
    },
  );

  test("one by another name, one without TLS, one with it", () => {
    const altname = "Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match certificate's altnames";
    expect(told(altname)).toBe(`COS at ${ADDRESS} has no certificate for that name: ${altname}`);
    expect(told("Error: 405308BC:error:0A00010B:SSL routines:tls:wrong version number:../x.c:78:\n")).toBe(
      `whoever is at ${ADDRESS} speaks no TLS: leave out https:// and COS_TLS_CA`,
    );
    expect(told("Failed to connect (2026-11-23T16:34:23.988Z)")).toBe(
      `whoever is at ${ADDRESS} does not answer as COS: if it speaks TLS, begin the address with https://`,
    );
  });

  test("nobody", () => {
    const nobody = `no COS at ${ADDRESS}: start it with \`npm start\``;
    expect(told("Error: connect ECONNREFUSED 127.0.0.1:1")).toBe(nobody);
    expect(explained("Name resolution failed for target dns:nowhere.example:1")).toBe(nobody);
  });

  test.each([
    "Failed to connect (2026-11-23T16:34:23.988Z)",
    "Error: read ECONNRESET",
    "Error: tlsv1 alert unknown ca",
  ])("one that cuts it, having seen a client's certificate: %s", (why) => {
    expect(explained(wrapped(why), "https://h:1", true)).toBe(
      "whoever is at https://h:1 cut the connection, perhaps because it does not believe the certificate of " +
        "COS_TLS_CLIENT_CERT (the server's COS_TLS_CLIENT_CA names who signs those)",
    );
    expect(explained(wrapped(why), "https://h:1")).toBe("whoever is at https://h:1 does not answer as COS");
  });

  test("a certificate is no reason for whatever else may be wrong", () => {
    expect(explained(wrapped("connect ECONNREFUSED 127.0.0.1:1"), ADDRESS, true)).toMatch(/^no COS at /);
    expect(explained(wrapped("Error: self-signed certificate"), ADDRESS, true)).toMatch(/ is not believed /);
  });

  test("one that is lost in the middle of a call, which a certificate that is not believed may be the reason of too", () => {
    const lost = `the connection to COS at ${ADDRESS} was lost`;
    expect(explained("read ECONNRESET")).toBe(`${lost}, whether or not the call was carried out: read ECONNRESET`);
    expect(explained("read ECONNRESET", ADDRESS, true)).toBe(
      `${lost}, perhaps because it does not believe the certificate of COS_TLS_CLIENT_CERT, whether or not the call was ` +
        "carried out: read ECONNRESET",
    );
  });
});
