import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { VerifiedTokens } from "#shared/identity/verified-tokens.ts";
import { anIssuer, aVerifier, reasonOf, trusting } from "./jwt-test-verifier.ts";

/** Waits until something of this process has come about. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Watches an access; what it is told stands in the answer. */
function watch(access: Access): string[] {
  const told: string[] = [];
  access.watch({ ended: ({ reasonName }) => told.push(reasonName) });
  return told;
}

describe("V5: a key that its issuer takes back", () => {
  test("ends what it has proven, with no call coming: open streams hear of it, and the token is not taken again", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { recheckIntervalMs: 20, cooldownMs: 0 });
    const jwt = issuer.sign({ claims: { exp: 253_402_300_000 } });
    const access = await verifyJwt(jwt);
    const told = watch(access);
    issuer.rotate("taken back");
    await until(() => told.length > 0);
    expect(told).toEqual(["TOKEN_REVOKED"]);
    expect(await reasonOf(() => verifyJwt(jwt))).toBe(ErrorReason.TOKEN_INVALID);
  });

  test("does so as soon as another token makes the keys be fetched, and not to what another key has proven", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { cooldownMs: 0 });
    const old = await verifyJwt(issuer.sign());
    issuer.rotate("kept");
    const later = issuer.sign({ claims: { sub: "eve" } });
    const kept = await verifyJwt(later);
    expect(old.ended).toBeUndefined();
    issuer.rotate("taken back");
    await verifyJwt(issuer.sign({ claims: { sub: "nell" } }));
    expect([old, kept].map(({ ended }) => ended?.reason)).toEqual(Array(2).fill(ErrorReason.TOKEN_REVOKED));
  });

  test("is another than one that comes in its place under the same id", async () => {
    const [issuer, other] = [await anIssuer(), await anIssuer()];
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { recheckIntervalMs: 20 });
    const told = watch(await verifyJwt(issuer.sign()));
    expect(other.publicKey.kid).toBe(issuer.publicKey.kid);
    issuer.misbehave((_, response) => response.end(JSON.stringify({ keys: [other.publicKey] })));
    await until(() => told.length > 0);
    expect(told).toEqual(["TOKEN_REVOKED"]);
  });

  test("is none that is shown on, whatever else is shown; nothing ends", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { recheckIntervalMs: 5 });
    const keys = [{ kty: "OKP" }, { ...issuer.publicKey, ext: false }];
    issuer.misbehave((_, response) => response.end(JSON.stringify({ keys })));
    const access = await verifyJwt(issuer.sign());
    await until(() => issuer.fetches > 3);
    expect(access.ended).toBeUndefined();
  });
});

describe("while the issuer is away", () => {
  test("K4: what it has proven holds", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { recheckIntervalMs: 5, retryAfterMs: 0 });
    const jwt = issuer.sign();
    const access = await verifyJwt(jwt);
    issuer.misbehave((request) => request.socket.destroy());
    await until(() => issuer.fetches > 3);
    expect(access.ended).toBeUndefined();
    expect(verifyJwt(jwt)).toBe(access);
  });

  test("K5: it ends when nobody has seen the key for too long, in words that say to try again", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { recheckIntervalMs: 20, trustedMs: 0 });
    const told = watch(await verifyJwt(issuer.sign()));
    issuer.misbehave((request) => request.socket.destroy());
    await until(() => told.length > 0);
    expect(told).toEqual(["ENGINE_UNAVAILABLE"]);
  });
});

test("an issuer is not asked for keys when no token is known", async () => {
  const issuer = await anIssuer();
  const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { recheckIntervalMs: 5 });
  const access = await verifyJwt(issuer.sign());
  access.expireAt(Date.now() - 1);
  // Some rechecks long.
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(issuer.fetches).toBe(1);
});

test("V4: a token on which a stream depends is not put out, however many come, and one that has left is", async () => {
  const accessOf = (name: string) =>
    new Access({
      principal: { name, kind: PrincipalKind.AGENT, grants: new Map() },
      credential: CredentialKind.JWT,
    });
  const tokens = new VerifiedTokens(async (jwt) => ({ access: accessOf(jwt), refusal: () => undefined }), 2);
  const streaming = await tokens.accessOf("streaming");
  const leave = streaming.watch({ ended: () => {} });
  for (let n = 0; n < 50; n += 1) await tokens.accessOf(`${n}`);
  expect(tokens.accessOf("streaming")).toBe(streaming);
  expect(tokens.size).toBe(2);
  leave();
  for (let n = 0; n < 50; n += 1) await tokens.accessOf(`${n}`);
  expect(await tokens.accessOf("streaming")).not.toBe(streaming);
});
