import { describe, expect, test } from "@jest/globals";
import { readSettings, type SettingsError } from "#shared/config/read-settings.ts";
import { authFaults, authModeOf, type Exposure } from "#shared/identity/auth-mode.ts";
import { IDENTITY_SETTINGS } from "#shared/identity/identity-settings.ts";

const HERE = ["127.0.0.1", "localhost", "::1"];

describe("the settings of who is let in", () => {
  test("need nothing", () => {
    expect(readSettings({}, IDENTITY_SETTINGS)).toEqual({
      auth: undefined,
      authPolicy: undefined,
      ratePersons: { perSecond: 1000, burst: 10_000 },
      rateAgents: { perSecond: 200, burst: 2000 },
      rateServices: { perSecond: 5000, burst: 50_000 },
      rateLocal: { perSecond: 0, burst: 0 },
      rateStore: "memory",
    });
    expect([IDENTITY_SETTINGS.rateAgents.shown, IDENTITY_SETTINGS.rateLocal.shown]).toEqual(["200+2000", "0"]);
  });

  test.each(["5", "5+10"])("a rate may be %s", (text) => {
    const { rateAgents } = readSettings({ COS_RATE_LIMIT_AGENTS: text }, IDENTITY_SETTINGS);
    expect(rateAgents).toEqual({ perSecond: 5, burst: text === "5" ? 0 : 10 });
  });

  test.each(["-1", "5/s", "5+", "+5", "1000001", "1+1000001"])("a rate may not be %s", (text) => {
    const names = ["COS_RATE_LIMIT_AGENTS", "COS_RATE_LIMIT_LOCAL"];
    try {
      readSettings(Object.fromEntries(names.map((name) => [name, text])), IDENTITY_SETTINGS);
      throw new Error("it was taken");
    } catch (error) {
      const wanted = "must be calls a second and what may come on top, such as 200+2000, each up to 1000000; or 0";
      expect((error as SettingsError).faults).toEqual(names.map((name) => `${name} ${wanted}`));
    }
  });

  test("COS_AUTH is one of three words", () => {
    expect(readSettings({ COS_AUTH: "insecure" }, IDENTITY_SETTINGS).auth).toBe("insecure");
    expect(() => readSettings({ COS_AUTH: "none" }, IDENTITY_SETTINGS)).toThrow(
      "COS_AUTH must be one of local, required, insecure",
    );
  });
});

describe("who is let in without a token", () => {
  test.each([
    [HERE, undefined, "auto", "local"],
    [["127.0.0.1", "0.0.0.0"], undefined, "auto", "required"],
    [HERE, "required", "auto", "required"],
    [["::"], "insecure", "auto", "insecure"],
    [HERE, undefined, "upstream", "required"],
    [HERE, "insecure", "upstream", "insecure"],
    [HERE, undefined, "off", "local"],
  ] as const)("with listeners on %j, COS_AUTH=%s and COS_TLS=%s: %s", (hosts, auth, tls, mode) => {
    expect(authModeOf({ hosts, auth, tls })).toBe(mode);
  });
});

describe("a listener that other machines reach", () => {
  const TLS = "COS_TLS_CERT and COS_TLS_KEY (or COS_TLS=upstream, where something in front does the TLS)";
  const refusal = (needed: string) => [
    `other machines reach a listener on 0.0.0.0: set ${needed}; or COS_AUTH=insecure, if the network itself keeps strangers out`,
  ];
  const faults = (exposure: Partial<Exposure>) =>
    authFaults({ auth: undefined, hosts: ["127.0.0.1", "0.0.0.0"], tlsOn: false, tls: "auto", ...exposure });

  test("is refused in one sentence that says what is missing", () => {
    expect(faults({})).toEqual(refusal(TLS));
    expect(faults({ auth: "required" })).toEqual(refusal(TLS));
    expect(faults({ auth: "local" })).toEqual(refusal(`COS_AUTH=required and ${TLS}`));
    expect(faults({ auth: "local", tlsOn: true })).toEqual(refusal("COS_AUTH=required"));
  });

  test("is told that COS_TLS=off forbids what it needs", () => {
    const off = "COS_TLS_CERT and COS_TLS_KEY without COS_TLS=off, which forbids TLS";
    expect(faults({ tls: "off" })).toEqual(
      refusal(`${off} (or COS_TLS=upstream, where something in front does the TLS)`),
    );
  });

  test("through something in front of loopback is not for whoever comes without a token", () => {
    const upstream = { hosts: HERE, tls: "upstream" } as const;
    expect(faults({ ...upstream, auth: "local" })).toEqual([
      "other machines reach a listener through what does the TLS in front of it (COS_TLS=upstream): " +
        "set COS_AUTH=required; or COS_AUTH=insecure, if the network itself keeps strangers out",
    ]);
    expect(faults(upstream)).toEqual([]);
    expect(faults({ ...upstream, auth: "insecure" })).toEqual([]);
  });

  test.each([
    ["TLS of its own", { tlsOn: true }],
    ["TLS in front of it", { auth: "required", tls: "upstream" }],
    ["insecurity by name", { auth: "insecure" }],
    ["nothing, when it is none: all are on loopback", { hosts: HERE, auth: "local" }],
  ] as const)("needs %s", (_, exposure) => {
    expect(faults(exposure)).toEqual([]);
  });
});
