import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason } from "#gen/cos/api/v1/errors_pb.ts";
import { PrincipalKind, Verb } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access, type AccessOptions } from "#shared/auth/access.ts";
import type { Principal } from "#shared/auth/principal.ts";
import { SettingsError } from "#shared/config/read-settings.ts";
import { openServiceTokenMint } from "#shared/identity/open-service-token-mint.ts";
import type { ServicePolicy } from "#shared/identity/policy.ts";
import { readServiceKey } from "#shared/identity/read-service-key.ts";
import { serviceKeyId } from "#shared/identity/service-key-id.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { aVerifier, reasonOf } from "./jwt-test-verifier.ts";

const folder = await temporaryFolder();
const nowS = (): number => Math.floor(Date.now() / 1000);

const graph = generateKeyPairSync("ed25519");
const health = generateKeyPairSync("ed25519");

const principal = (name: string, kind: PrincipalKind, grants: Record<string, Verb>): Principal => ({
  name,
  kind,
  grants: new Map(Object.entries(grants)),
});
const service = (name: string, publicKey: KeyObject, grants: Record<string, Verb>): ServicePolicy => ({
  principal: principal(name, PrincipalKind.SERVICE, grants),
  publicKeys: [publicKey],
});
const services = [
  service("graph", graph.publicKey, { "*": Verb.READ, drafts: Verb.APPROVE }),
  service("health", health.publicKey, { "*": Verb.READ }),
];
const mint = openServiceTokenMint({ service: "graph", privateKey: graph.privateKey });
const accessOf = (of: Principal, changes: Partial<AccessOptions> = {}): Access =>
  new Access({ principal: of, credential: CredentialKind.TOKEN, ...changes });
const mintFor = async (actor: Access): Promise<string> => mint.mint({ audience: "conductor", actor });
const ada = principal("studio:ada", PrincipalKind.PERSON, { "*": Verb.RECORD, drafts: Verb.ADMIN });
const bot = principal("editor-bot", PrincipalKind.AGENT, { drafts: Verb.RECORD });

describe("a service's token", () => {
  test("lets its caller in with what both may do, for 60 s", async () => {
    const before = nowS();
    const access = await aVerifier({ services }).verifyJwt(await mintFor(accessOf(ada)));
    expect(access.principal).toEqual(ada);
    expect(access.via?.name).toBe("graph");
    expect(access.credential).toBe(CredentialKind.SERVICE);
    expect(access.grants).toEqual(
      new Map<string, Verb>([
        ["*", Verb.READ],
        ["drafts", Verb.APPROVE],
      ]),
    );
    // With the tolerance of clocks.
    expect(access.expiresMs).toBeGreaterThanOrEqual((before + 90) * 1000);
    expect(access.expiresMs).toBeLessThanOrEqual((nowS() + 90) * 1000);
  });

  test("says what counts where it was made: a service on the way there stays a bound", async () => {
    const actor = accessOf(ada, { via: principal("health", PrincipalKind.SERVICE, { pepys: Verb.READ }) });
    const access = await aVerifier({ services }).verifyJwt(await mintFor(actor));
    expect(access.grants).toEqual(new Map([["pepys", Verb.READ]]));
  });

  test("ends when what its caller came with ends, and is not made after that", async () => {
    const expiresMs = (nowS() + 7) * 1000;
    const access = await aVerifier({ services }).verifyJwt(await mintFor(accessOf(ada, { expiresMs })));
    expect(access.expiresMs).toBe(expiresMs + 30_000);
    const over = accessOf(ada, { expiresMs: Date.now() - 1 });
    await expect(mintFor(over)).rejects.toMatchObject({ reason: ErrorReason.TOKEN_EXPIRED });
  });

  test("leaves an agent an agent, with no more than RECORD even if the service says otherwise", async () => {
    const actor = principal("editor-bot", PrincipalKind.AGENT, { drafts: Verb.ADMIN });
    const access = await aVerifier({ services }).verifyJwt(await mintFor(accessOf(actor)));
    expect(access.principal.kind).toBe(PrincipalKind.AGENT);
    expect(access.grants).toEqual(new Map([["drafts", Verb.RECORD]]));
  });

  test("says of the caller who, and what it may do, and nothing of what it came with", async () => {
    const [header, claims] = (await mintFor(accessOf(bot)))
      .split(".")
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, "base64url").toString()));
    expect(header).toEqual({ alg: "EdDSA", typ: "cos-service+jwt", kid: serviceKeyId(graph.publicKey) });
    expect(claims).toEqual({
      iss: "urn:cos:mesh",
      aud: "conductor",
      sub: "editor-bot",
      kind: "agent",
      grants: { drafts: "record" },
      act: { sub: "graph" },
      iat: expect.any(Number),
      exp: claims.iat + 60,
    });
  });

  test("is taken with either key while one replaces the other", async () => {
    const next = generateKeyPairSync("ed25519");
    const both = [{ ...(services[0] as ServicePolicy), publicKeys: [graph.publicKey, next.publicKey] }];
    for (const { privateKey } of [graph, next]) {
      const jwt = await openServiceTokenMint({ service: "graph", privateKey }).mint({
        audience: "conductor",
        actor: accessOf(bot),
      });
      expect((await aVerifier({ services: both }).verifyJwt(jwt)).via?.name).toBe("graph");
    }
  });

  test("is not made for somebody whose rights do not fit into it", async () => {
    const modules = Array.from({ length: 500 }, (_, n) => [`module_${n}`, Verb.READ]);
    const actor = principal("ada", PrincipalKind.PERSON, Object.fromEntries(modules));
    await expect(mintFor(accessOf(actor))).rejects.toMatchObject({
      reason: ErrorReason.QUOTA_EXCEEDED,
    });
  });

  test("is not made for somebody of no kind", async () => {
    const actor = principal("ada", PrincipalKind.UNSPECIFIED, {});
    await expect(mintFor(accessOf(actor))).rejects.toThrow(TypeError);
  });
});

describe("a service's token is refused", () => {
  /** A token as the mint makes it, but for these changes. */
  function forged(claims: object, header: object = {}, key: KeyObject = graph.privateKey): string {
    const good = {
      iss: "urn:cos:mesh",
      aud: "conductor",
      sub: "ada",
      kind: "person",
      grants: {},
      act: { sub: "graph" },
    };
    const parts = [
      { alg: "EdDSA", typ: "cos-service+jwt", kid: serviceKeyId(createPublicKey(key)), ...header },
      { ...good, iat: nowS(), exp: nowS() + 60, ...claims },
    ];
    const signed = parts.map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
    return `${signed}.${sign(null, Buffer.from(signed), key).toString("base64url")}`;
  }
  const outcome = (jwt: string): Promise<ErrorReason> => reasonOf(() => aVerifier({ services }).verifyJwt(jwt));

  test("but not when nothing is wrong with it", async () => {
    expect((await aVerifier({ services }).verifyJwt(forged({}))).principal.name).toBe("ada");
  });

  test.each([
    ["for another service", { aud: "graph" }],
    ["for several services", { aud: ["conductor"] }],
    ["of another issuer", { iss: "https://id.example" }],
    ["of a service by another's key", { act: { sub: "health" } }],
    ["of no service", { act: undefined }],
    ["of a service that is no name", { act: "graph" }],
    ["that lives longer than a call", { exp: nowS() + 3600 }],
    ["that was made in the future", { iat: nowS() + 600, exp: nowS() + 660 }],
    ["that does not say when it was made", { iat: undefined }],
    ["that does not end", { exp: undefined }],
    ["of nobody", { sub: undefined }],
    ["of a name that cannot be written down", { sub: "a\nb" }],
    ["of no kind", { kind: undefined }],
    ["of an unknown kind", { kind: "boss" }],
    ["with unknown rights", { grants: { drafts: "own" } }],
    ["without rights", { grants: undefined }],
    ["with rights in no module", { grants: { "Drafts!": "read" } }],
  ])("when it is one %s", async (_, claims) => {
    expect(await outcome(forged(claims))).toBe(ErrorReason.TOKEN_INVALID);
  });

  test("when it is another type of token, or is signed otherwise than services do", async () => {
    expect(await outcome(forged({}, { typ: "at+jwt" }))).toBe(ErrorReason.TOKEN_INVALID);
    expect(await outcome(forged({}, { alg: "ES256" }))).toBe(ErrorReason.TOKEN_INVALID);
    expect(await outcome(forged({}, { kid: undefined }))).toBe(ErrorReason.TOKEN_INVALID);
    expect(await outcome(forged({}, { kid: serviceKeyId(health.publicKey) }))).toBe(ErrorReason.TOKEN_INVALID);
  });

  test("when its key is nobody's that the policy knows", async () => {
    const { privateKey } = generateKeyPairSync("ed25519");
    expect(await outcome(forged({}, {}, privateKey))).toBe(ErrorReason.TOKEN_INVALID);
    expect(await reasonOf(() => aVerifier({}).verifyJwt(forged({})))).toBe(ErrorReason.TOKEN_INVALID);
  });

  test("when its time is over: that is said", async () => {
    expect(await outcome(forged({ iat: nowS() - 95, exp: nowS() - 35 }))).toBe(ErrorReason.TOKEN_EXPIRED);
  });
});

describe("the key of a service", () => {
  const write = (name: string, text: string | Buffer, mode = 0o600): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, mode);
    return path;
  };
  const pem = graph.privateKey.export({ type: "pkcs8", format: "pem" });
  const faultOf = (path: string): string => {
    try {
      readServiceKey("COS_GRAPH_KEY", path);
    } catch (error) {
      if (error instanceof SettingsError) return error.faults.join();
    }
    return "";
  };

  test("is read from its file, which a group may read too", () => {
    expect(readServiceKey("COS_GRAPH_KEY", undefined)).toBeUndefined();
    for (const mode of [0o600, 0o440]) {
      const key = readServiceKey("COS_GRAPH_KEY", write("good.pem", pem, mode));
      expect(key?.equals(graph.privateKey)).toBe(true);
      chmodSync(join(folder, "good.pem"), 0o600);
    }
  });

  test("is refused when it is not there, anybody's to read, or another kind of key, and never repeated", () => {
    expect(faultOf(join(folder, "missing.pem"))).toMatch(/^COS_GRAPH_KEY names a file that cannot be read \(ENOENT\)/);
    expect(faultOf(write("open.pem", pem, 0o604))).toMatch(/^COS_GRAPH_KEY names a file that is open to everybody/);
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
    const spki = graph.publicKey.export({ type: "spki", format: "pem" });
    for (const text of ["canary", ec, spki, pem.replace(/[A-Z]{3}/, "canary")]) {
      const fault = faultOf(write("bad.pem", text));
      expect(fault).toMatch(/^COS_GRAPH_KEY names a file without a private key of Ed25519 in PEM/);
      expect(fault).not.toContain("canary");
    }
  });
});
