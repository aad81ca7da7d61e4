import { afterEach, describe, expect, test } from "@jest/globals";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { CredentialKind } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { Access } from "#shared/auth/access.ts";
import { makeApiToken } from "#shared/auth/api-token.ts";
import type { Credentials } from "#shared/auth/let-in.ts";
import { accessExpired } from "#shared/auth/refusals.ts";
import { readSettings } from "#shared/config/read-settings.ts";
import type { CosError } from "#shared/errors/cos-error.ts";
import { type Gatekeeper, type GatekeeperOptions, openGatekeeper } from "#shared/identity/open-gatekeeper.ts";
import { RATE_SETTINGS } from "#shared/identity/rate-settings.ts";
import { openLog } from "#shared/log/open-log.ts";

const JWT = "eyJh.eyJz.c2ln";
const CERTIFIED = "spiffe://cos/graph";

const accessNamed = (name: string, credential: CredentialKind) =>
  new Access({ principal: { name, kind: PrincipalKind.SERVICE, grants: new Map() }, credential });

/** A pool of a server that is not there. */
const NOWHERE = {
  pool: { connect: () => Promise.reject(Object.assign(new Error("refused"), { code: "ECONNREFUSED" })) },
  cancelBackend: () => Promise.resolve(),
} as unknown as GatekeeperOptions["postgres"];

const BARE = {
  postgres: NOWHERE,
  redisUrl: "redis://127.0.0.1:1",
  log: openLog({ service: "test", level: "silent" }),
  rates: readSettings({}, RATE_SETTINGS),
};

describe("the gatekeeper", () => {
  let gatekeeper: Gatekeeper;
  afterEach(() => gatekeeper.close());

  const open = (options: Partial<GatekeeperOptions> = {}) => {
    gatekeeper = openGatekeeper({
      ...BARE,
      mode: "local",
      verifyJwt: async (jwt) => accessNamed(jwt, CredentialKind.JWT),
      accessOfCertificate: (name) =>
        name === CERTIFIED ? accessNamed("graph", CredentialKind.CERTIFICATE) : undefined,
      ...options,
    });
  };
  /** As whom somebody is let in, or why not. */
  const ask = async (shown: Partial<Credentials>) => {
    const credentials = {
      authorization: undefined,
      certificateName: undefined,
      certificateExpiresMs: shown.certificateName === undefined ? undefined : Number.POSITIVE_INFINITY,
      peer: "127.0.0.1",
      isFromPage: false,
      ...shown,
    };
    try {
      return (await gatekeeper.letIn(credentials)).principal.name;
    } catch (error) {
      return (error as CosError).reasonName;
    }
  };

  test.each([
    ["local", "local"],
    ["insecure", "local"],
    ["required", "TOKEN_MISSING"],
  ] as const)("in mode %s, who shows nothing: %s", async (mode, outcome) => {
    open({ mode });
    expect(await ask({})).toBe(outcome);
    expect(await ask({ certificateName: "spiffe://cos/stranger" })).toBe(outcome);
  });

  test.each(["local", "insecure", "required"] as const)("in mode %s a token that is sent is judged", async (mode) => {
    open({ mode });
    expect(await ask({ authorization: "Bearer cos_agt_made_up", certificateName: CERTIFIED })).toBe("TOKEN_INVALID");
    expect(await ask({ authorization: `Bearer ${makeApiToken(PrincipalKind.AGENT)}` })).toBe("ENGINE_UNAVAILABLE");
    expect(await ask({ authorization: `Bearer ${JWT}`, certificateName: CERTIFIED })).toBe(JWT);
    expect(await ask({ authorization: `bearer ${JWT}`, isFromPage: true })).toBe(JWT);
  });

  test.each([
    "",
    "Bearer",
    "Bearer ",
    "Basic dXNlcjpwYXNz",
    "Bearer a b",
    `Bearer ${JWT}, Bearer ${JWT}`,
    "Bearer a.b",
    "Bearer a.b.c.d",
    JWT,
  ])("`authorization: %s` is no token", async (authorization) => {
    open();
    expect(await ask({ authorization })).toBe("TOKEN_INVALID");
  });

  test("from a page neither the place nor a certificate counts", async () => {
    open();
    expect(await ask({ isFromPage: true, certificateName: CERTIFIED })).toBe("TOKEN_MISSING");
  });

  test("a certificate on the list is somebody, in every mode", async () => {
    open({ mode: "required" });
    expect(await ask({ certificateName: CERTIFIED })).toBe("graph");
  });

  test("a certificate lets in until it ends", async () => {
    open({
      accessOfCertificate: (name, expiresMs) =>
        new Access({
          principal: { name, kind: PrincipalKind.SERVICE, grants: new Map() },
          credential: CredentialKind.CERTIFICATE,
          expiresMs,
        }),
    });
    expect(await ask({ certificateName: CERTIFIED, certificateExpiresMs: Date.now() + 60_000 })).toBe(CERTIFIED);
    expect(await ask({ certificateName: CERTIFIED, certificateExpiresMs: Date.now() })).toBe("TOKEN_EXPIRED");
  });

  test("one peer's unknown tokens do not keep another's from being looked up", async () => {
    open({ directory: { lookups: { perPeerSecondMax: 1 } } });
    const unknown = () => ({ authorization: `Bearer ${makeApiToken(PrincipalKind.AGENT)}` });
    expect(await ask(unknown())).toBe("ENGINE_UNAVAILABLE");
    expect(await ask(unknown())).toBe("OVERLOADED");
    expect(await ask({ ...unknown(), peer: "203.0.113.7" })).toBe("ENGINE_UNAVAILABLE");
  });

  test("without a policy neither JWTs nor certificates are anybody's", async () => {
    gatekeeper = openGatekeeper({ ...BARE, mode: "required" });
    expect(await ask({ authorization: `Bearer ${JWT}` })).toBe("TOKEN_INVALID");
    expect(await ask({ certificateName: CERTIFIED })).toBe("TOKEN_MISSING");
  });

  test("an access that has ended lets nobody in", async () => {
    const access = accessNamed("studio:ada", CredentialKind.JWT);
    open({ verifyJwt: () => access });
    expect(await ask({ authorization: `Bearer ${JWT}` })).toBe("studio:ada");
    access.end(accessExpired());
    expect(await ask({ authorization: `Bearer ${JWT}` })).toBe("TOKEN_EXPIRED");
  });

  test("who calls too often is refused, known or just looked up", async () => {
    open({ rates: readSettings({ COS_RATE_LIMIT_SERVICES: "1", COS_RATE_LIMIT_LOCAL: "1" }, RATE_SETTINGS) });
    for (const shown of [{}, { authorization: `Bearer ${JWT}` }]) {
      await ask(shown);
      await ask(shown);
      await new Promise(setImmediate);
      expect(await ask(shown)).toBe("RATE_LIMITED");
    }
  });

  test("telling of a change needs neither engine", () => {
    open();
    expect(() => gatekeeper.changed()).not.toThrow();
  });
});
