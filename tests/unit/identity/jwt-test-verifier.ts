import { Writable } from "node:stream";
import { afterEach } from "@jest/globals";
import type { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { CosError } from "#shared/errors/cos-error.ts";
import { ISSUER_KEYS_LIMITS, type IssuerKeysLimits } from "#shared/identity/issuer-keys.ts";
import { type JwtVerifier, openJwtVerifier } from "#shared/identity/open-jwt-verifier.ts";
import { EMPTY_POLICY, type IssuerPolicy, type Policy } from "#shared/identity/policy.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openTestIssuer, type TestAlgorithm, type TestIssuer } from "#tests/support/test-issuer.ts";

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** An issuer that closes after the test. */
export async function anIssuer(algorithm?: TestAlgorithm): Promise<TestIssuer> {
  const issuer = await openTestIssuer(algorithm);
  closers.push(() => issuer.close());
  return issuer;
}

/** The policy that trusts an issuer; everybody of it is an agent without rights. */
export function trusting({ issuer, jwksUri }: TestIssuer, changes: Partial<IssuerPolicy> = {}): IssuerPolicy {
  return {
    name: "studio",
    issuer,
    audience: "cos",
    jwksUri,
    principalClaim: "sub",
    kindClaim: undefined,
    kinds: new Map(),
    grantsClaim: undefined,
    grants: new Map(),
    defaultGrants: new Map(),
    ...changes,
  };
}

export interface TestVerifier extends JwtVerifier {
  /** What it has logged. */
  readonly lines: Record<string, unknown>[];
}

/** A verifier, closed after the test. */
export function aVerifier(
  policy: Partial<Policy>,
  { tokensMax = 100, ...keys }: Partial<IssuerKeysLimits> & { tokensMax?: number } = {},
  serviceName = "conductor",
): TestVerifier {
  const lines: Record<string, unknown>[] = [];
  const to = new Writable({
    write(line, _, done) {
      lines.push(JSON.parse(String(line)));
      done();
    },
  });
  const verifier = openJwtVerifier({
    policy: { ...EMPTY_POLICY, ...policy },
    serviceName,
    log: openLog({ service: "test", level: "debug", to }),
    limits: { keys: { ...ISSUER_KEYS_LIMITS, ...keys }, tokensMax },
  });
  closers.push(() => verifier.close());
  return { ...verifier, lines };
}

/** The refusal of something that is thrown at once or later. */
export async function refusalOf(act: () => Access | Promise<Access>): Promise<CosError> {
  try {
    await act();
  } catch (error) {
    if (error instanceof CosError) return error;
    throw error;
  }
  throw new Error("it was let in");
}

export async function reasonOf(act: () => Access | Promise<Access>): Promise<ErrorReason> {
  return (await refusalOf(act)).reason;
}
