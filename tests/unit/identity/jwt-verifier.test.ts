import { constants, createHmac, generateKeyPairSync, sign } from "node:crypto";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import type { Access } from "#shared/auth/access.ts";
import { tokenInvalid } from "#shared/auth/refusals.ts";
import type { TestIssuer, TokenChanges } from "#tests/support/test-issuer.ts";
import { anIssuer, aVerifier, reasonOf, refusalOf, trusting } from "./jwt-test-verifier.ts";

const nowS = (): number => Math.floor(Date.now() / 1000);
const base64url = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");

afterEach(() => {
  jest.restoreAllMocks();
});

describe("a signed token", () => {
  test.each(["EdDSA", "ES256", "RS256"] as const)("of a trusted issuer lets in, signed by %s", async (algorithm) => {
    const issuer = await anIssuer(algorithm);
    const verifier = aVerifier({ jwt: [trusting(issuer, { defaultGrants: new Map([["drafts", Verb.READ]]) })] });
    const exp = nowS() + 600;
    const access = await verifier.verifyJwt(issuer.sign({ claims: { exp } }));
    expect(access.principal).toEqual({
      name: "studio:ada",
      kind: PrincipalKind.AGENT,
      grants: new Map([["drafts", Verb.READ]]),
    });
    expect([access.credential, access.expiresMs]).toEqual([CredentialKind.JWT, (exp + 30) * 1000]);
  });

  test("V1: is verified once, however many calls bring it at the same time", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] });
    const jwt = issuer.sign();
    const answers = [verifyJwt(jwt), verifyJwt(jwt)];
    expect(answers[0]).toBe(answers[1]);
    expect(await answers[0]).toBe(await answers[1]);
  });

  test("V3: is known at once from then on, by one access", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] });
    const jwt = issuer.sign();
    const access = await verifyJwt(jwt);
    expect(verifyJwt(jwt)).toBe(access);
    expect(await verifyJwt(issuer.sign({ claims: { sub: "eve" } }))).not.toBe(access);
  });

  test("V3: ends when it expires, although it is known", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] });
    const jwt = issuer.sign();
    const access = await verifyJwt(jwt);
    jest.spyOn(Date, "now").mockReturnValue(access.expiresMs);
    expect(() => verifyJwt(jwt)).toThrow("expired");
    expect(access.ended?.reason).toBe(ErrorReason.TOKEN_EXPIRED);
  });

  test("V4: is forgotten when others were used since; the access that it had goes on", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] }, { tokensMax: 2 });
    const [first, second, third] = ["ada", "bob", "eve"].map((sub) => issuer.sign({ claims: { sub } })) as [
      string,
      string,
      string,
    ];
    const [ofFirst, ofSecond] = [await verifyJwt(first), await verifyJwt(second)];
    expect(verifyJwt(first)).toBe(ofFirst);
    await verifyJwt(third);
    expect(verifyJwt(first)).toBe(ofFirst);
    expect(await verifyJwt(second)).not.toBe(ofSecond);
    expect(ofSecond.ended).toBeUndefined();
  });

  test("is nothing to a verifier that has been closed but what it is to a new one", async () => {
    const issuer = await anIssuer();
    const verifier = aVerifier({ jwt: [trusting(issuer)] });
    const jwt = issuer.sign();
    await verifier.verifyJwt(jwt);
    verifier.close();
    expect(verifier.verifyJwt(jwt)).toBeInstanceOf(Promise);
  });

  test.each([
    ["for several audiences, if ours is one", { claims: { aud: ["other", "cos"] } }],
    ["that expired within the tolerance", { claims: { exp: nowS() - 10 } }],
    ["that begins within the tolerance", { claims: { nbf: nowS() + 20 } }],
    ["whose type is written in full", { header: { typ: "application/at+jwt" } }],
    ["without the id of its key, where there is but one", { header: { kid: undefined } }],
    ["that ends within a second", { claims: { exp: nowS() + 600.5 } }],
  ] satisfies [string, TokenChanges][])("lets in %s", async (_, changes) => {
    const issuer = await anIssuer();
    const access = await aVerifier({ jwt: [trusting(issuer)] }).verifyJwt(issuer.sign(changes));
    expect(access.ended).toBeUndefined();
  });
});

describe("a signed token is refused, in the same words whatever is wrong,", () => {
  /** The outcome of a token that `make` makes of a trusted issuer. */
  async function refusal(make: (issuer: TestIssuer) => string): Promise<unknown> {
    const issuer = await anIssuer();
    const verifier = aVerifier({ jwt: [trusting(issuer)] });
    const { reason, message } = await refusalOf(() => verifier.verifyJwt(make(issuer)));
    // Nothing is kept of it: the next try is judged anew.
    expect(await reasonOf(() => verifier.verifyJwt(make(issuer)))).toBe(reason);
    return { reason, message };
  }
  const INVALID = { reason: ErrorReason.TOKEN_INVALID, message: tokenInvalid().message };

  test.each([
    ["for another audience", { claims: { aud: "other" } }],
    ["for audiences of which none is ours", { claims: { aud: ["other", "cos2", "co"] } }],
    ["for a list in a list", { claims: { aud: [["cos"]] } }],
    ["for no audience", { claims: { aud: undefined } }],
    ["for an empty list of audiences", { claims: { aud: [] } }],
    ["of another issuer", { claims: { iss: "https://other.example" } }],
    ["of an issuer by a prefix", { claims: { iss: "http://127.0.0.1" } }],
    ["of no issuer", { claims: { iss: undefined } }],
    ["of the mesh itself, without a service's key", { claims: { iss: "urn:cos:mesh" } }],
    ["of another type", { header: { typ: "JWT" } }],
    ["of a service's type", { header: { typ: "cos-service+jwt" } }],
    ["of no type", { header: { typ: undefined } }],
    ["without an end", { claims: { exp: undefined } }],
    ["with an end that is a text", { claims: { exp: "9999999999" } }],
    ["with an end beyond all dates", { claims: { exp: 1e15 } }],
    ["that begins later", { claims: { nbf: nowS() + 60 } }],
    ["of nobody", { claims: { sub: undefined } }],
    ["of a name that is a number", { claims: { sub: 7 } }],
    ["of an empty name", { claims: { sub: "" } }],
    ["of a name with a line break", { claims: { sub: "ada\n" } }],
    ["of a name beyond ASCII", { claims: { sub: "adá" } }],
    ["of a name that is too long", { claims: { sub: "a".repeat(161) } }],
    ["with a key that the issuer does not show", { header: { kid: "key-9" } }],
    ["that demands what is not understood", { header: { crit: ["cos"], cos: 1 } }],
    ["whose body is not encoded", { header: { b64: false, crit: ["b64"] } }],
    ["that says it is signed by another algorithm", { header: { alg: "RS256" } }],
    ["that says it is signed by an algorithm of another family", { header: { alg: "HS256" } }],
    ["that says it is signed by nothing", { header: { alg: "none" } }],
    ["that says nothing of how it is signed", { header: { alg: undefined } }],
    ["that is longer than any good one", { claims: { padding: "a".repeat(8192) } }],
  ] satisfies [string, TokenChanges][])("when it is %s", async (_, changes) => {
    expect(await refusal((issuer) => issuer.sign(changes))).toEqual(INVALID);
  });

  test.each([
    ["is not signed", (jwt: string) => jwt.replace(/[^.]*$/, "")],
    ["has another signature", (jwt: string) => `${jwt.slice(0, -6)}AAAAAA`],
    ["has another body", (jwt: string) => jwt.replace(/\..*\./, `.${base64url({ iss: "x" })}.`)],
    ["has too many parts", (jwt: string) => `${jwt}..`],
    ["has too few", (jwt: string) => jwt.replace(/\.[^.]*$/, "")],
    ["is no token", () => "a.b.c"],
    ["has a body that is no object", () => `${base64url({ alg: "ES256" })}.${base64url([])}.AAAA`],
    ["is empty", () => ""],
  ])("when it %s", async (_, spoil) => {
    expect(await refusal((issuer) => spoil(issuer.sign()))).toEqual(INVALID);
  });

  test("when it is unsigned and says so, in any spelling", async () => {
    for (const alg of ["none", "None", "NONE", ""]) {
      const forge = (issuer: TestIssuer): string =>
        `${base64url({ alg, typ: "at+jwt" })}.${issuer.sign().split(".")[1]}.`;
      expect(await refusal(forge)).toEqual(INVALID);
    }
  });

  test("when the public key was taken for a shared secret", async () => {
    const forge = ({ publicKey, sign }: TestIssuer): string => {
      const [, body] = sign().split(".");
      const signed = `${base64url({ alg: "HS256", typ: "at+jwt", kid: publicKey.kid })}.${body}`;
      const secret = Buffer.from(publicKey.x as string, "base64url");
      return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
    };
    expect(await refusal(forge)).toEqual(INVALID);
  });

  test("when it brings a key of its own, or says where one is", async () => {
    const foreign = await anIssuer();
    for (const header of [{ jwk: foreign.publicKey }, { jku: foreign.jwksUri }, { x5u: foreign.jwksUri }]) {
      const forge = ({ issuer }: TestIssuer): string => foreign.sign({ claims: { iss: issuer }, header });
      expect(await refusal(forge)).toEqual(INVALID);
    }
    expect(foreign.fetches).toBe(0);
  });

  test("when another trusted issuer signed it", async () => {
    const [one, other] = [await anIssuer(), await anIssuer()];
    const { verifyJwt } = aVerifier({ jwt: [trusting(one), trusting(other, { name: "press" })] });
    expect((await verifyJwt(other.sign())).principal.name).toBe("press:ada");
    expect(await reasonOf(() => verifyJwt(other.sign({ claims: { iss: one.issuer } })))).toBe(
      ErrorReason.TOKEN_INVALID,
    );
  });

  test("when it names something twice, in its body or its header", async () => {
    const issuer = await anIssuer();
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] });
    const header = `"alg":"ES256","typ":"at+jwt","kid":"${issuer.publicKey.kid}"`;
    const claims = `"iss":"${issuer.issuer}","aud":"cos","sub":"ada","exp":${nowS() + 60}`;
    expect((await verifyJwt(issuer.signTexts(`{${header}}`, `{${claims}}`))).principal.name).toBe("studio:ada");
    for (const jwt of [
      issuer.signTexts(`{${header}}`, `{"sub":"eve",${claims}}`),
      issuer.signTexts(`{${header}}`, `{"s\\u0075b":"eve",${claims}}`),
      issuer.signTexts(`{"typ":"JWT",${header}}`, `{${claims}}`),
    ]) {
      expect(await reasonOf(() => verifyJwt(jwt))).toBe(ErrorReason.TOKEN_INVALID);
    }
  });

  test("when it has expired: that is said, since it was good once; not of a forged one", async () => {
    const expired: TokenChanges = { claims: { exp: nowS() - 31 } };
    expect(await refusal((issuer) => issuer.sign(expired))).toMatchObject({ reason: ErrorReason.TOKEN_EXPIRED });
    expect(await refusal((issuer) => `${issuer.sign(expired).slice(0, -6)}AAAAAA`)).toEqual(INVALID);
    expect(await refusal((issuer) => issuer.sign({ claims: { exp: nowS() - 31, aud: "other" } }))).toEqual(INVALID);
  });

  test("when it is signed by another algorithm than those three, even with a key that fits", async () => {
    const issuer = await anIssuer("RS256");
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] });
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    issuer.misbehave((_, response) => response.end(JSON.stringify({ keys: [publicKey.export({ format: "jwk" })] })));
    const signed = (alg: string, padding: number): string => {
      const head = `${base64url({ alg, typ: "at+jwt" })}.${issuer.sign().split(".")[1]}`;
      const key = { key: privateKey, padding, saltLength: 32 };
      return `${head}.${sign("sha256", Buffer.from(head), key).toString("base64url")}`;
    };
    expect((await verifyJwt(signed("RS256", constants.RSA_PKCS1_PADDING))).ended).toBeUndefined();
    expect(await reasonOf(() => verifyJwt(signed("PS256", constants.RSA_PKCS1_PSS_PADDING)))).toBe(
      ErrorReason.TOKEN_INVALID,
    );
  });

  test("when its key of RSA is too short to be one", async () => {
    const issuer = await anIssuer("RS256");
    const { verifyJwt } = aVerifier({ jwt: [trusting(issuer)] });
    const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
    issuer.misbehave((_, response) =>
      response.end(JSON.stringify({ keys: [{ ...publicKey.export({ format: "jwk" }), kid: "key-1", alg: "RS256" }] })),
    );
    expect(await reasonOf(() => verifyJwt(issuer.sign()))).toBe(ErrorReason.TOKEN_INVALID);
  });

  test("and only the log, when it is asked for details, tells which claim it was; never what it said", async () => {
    const issuer = await anIssuer();
    const { verifyJwt, lines } = aVerifier({ jwt: [trusting(issuer)] });
    const jwt = issuer.sign({ claims: { aud: "canary-audience" } });
    await refusalOf(() => verifyJwt(jwt));
    expect(lines).toEqual([
      expect.objectContaining({
        level: "debug",
        msg: "a signed token was refused",
        reason: "TOKEN_INVALID",
        name: "aud",
      }),
    ]);
    expect(JSON.stringify(lines)).not.toContain("canary");
    expect(JSON.stringify(lines)).not.toContain(jwt.split(".")[1]);
  });
});

test("a token too long to be read is refused at once", async () => {
  const { verifyJwt } = aVerifier({});
  let answer: Access | Promise<Access> | undefined;
  expect(() => {
    answer = verifyJwt("a".repeat(8193));
  }).toThrow(tokenInvalid().message);
  expect(answer).toBeUndefined();
});
