import { describe, expect, test } from "@jest/globals";
import { readConductorSettings, readMigrationUrl } from "#services/conductor/config.ts";
import type { SettingsError } from "#shared/config/read-settings.ts";

const POSTGRES = { COS_POSTGRES_URL: "postgres://localhost/cos" };

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readConductorSettings(env);
    return [];
  } catch (error) {
    return (error as SettingsError).faults;
  }
}

describe("the conductor's settings", () => {
  test("need a PostgreSQL and nothing else", () => {
    expect(readConductorSettings(POSTGRES)).toMatchObject({
      listen: { host: "127.0.0.1", port: 50_051 },
      databaseUrl: POSTGRES.COS_POSTGRES_URL,
      redisUrl: "redis://127.0.0.1:50379",
    });
    expect(faultsOf({})).toEqual(["COS_POSTGRES_URL is not set: name a PostgreSQL, or use `npm start`"]);
  });

  test("the conductor's own PostgreSQL wins over the common one", () => {
    const own = "postgresql://own/cos";
    expect(readConductorSettings({ ...POSTGRES, COS_CONDUCTOR_POSTGRES_URL: own }).databaseUrl).toBe(own);
  });

  test.each(["0.0.0.0:50051", "[::]:50051", "10.1.2.3:1", "example.org:1"])(
    "a listener off loopback (%s) is refused in one sentence, unless TLS is there or insecurity is named",
    (listen) => {
      const env = { ...POSTGRES, COS_CONDUCTOR_LISTEN: listen };
      const [fault, ...more] = faultsOf(env);
      expect(fault).toMatch(/^other machines reach a listener .* COS_TLS_CERT and COS_TLS_KEY .* COS_AUTH=insecure/);
      expect(more).toEqual([]);
      expect(faultsOf({ ...env, COS_AUTH: "insecure" })).toEqual([]);
      expect(faultsOf({ ...env, COS_TLS: "upstream" })).toEqual([]);
      expect(faultsOf({ ...env, COS_TLS: "upstream", COS_AUTH: "local" })[0]).toMatch(/set COS_AUTH=required/);
    },
  );

  test("COS_HOST moves every listener whose own variable is not set, and who is let in follows", () => {
    const everywhere = { ...POSTGRES, COS_HOST: "0.0.0.0", COS_TLS: "upstream" };
    expect(readConductorSettings(everywhere)).toMatchObject({
      listen: { host: "0.0.0.0", port: 50_051 },
      auth: "required",
    });
    const here = { ...POSTGRES, COS_HOST: "0.0.0.0", COS_CONDUCTOR_LISTEN: "127.0.0.1:7" };
    expect(readConductorSettings(here)).toMatchObject({ listen: { host: "127.0.0.1", port: 7 }, auth: "local" });
    expect(faultsOf({ ...POSTGRES, COS_HOST: "0.0.0.0" })).toHaveLength(1);
    expect(faultsOf({ ...POSTGRES, COS_HOST: "here:1" }).join()).toMatch(/^COS_HOST must be/);
  });

  test("what does the TLS in front of loopback lets nobody in without a token", () => {
    const upstream = { ...POSTGRES, COS_TLS: "upstream" };
    expect(readConductorSettings(upstream)).toMatchObject({ listen: { host: "127.0.0.1" }, auth: "required" });
    expect(faultsOf({ ...upstream, COS_AUTH: "local" }).join()).toMatch(/COS_TLS=upstream.*set COS_AUTH=required/);
    expect(readConductorSettings({ ...upstream, COS_AUTH: "insecure" }).auth).toBe("insecure");
  });

  test("COS_TLS=off with certificates off loopback is told what forbids them", () => {
    const env = { ...POSTGRES, COS_HOST: "0.0.0.0", COS_TLS: "off", COS_TLS_CERT: "/a.pem", COS_TLS_KEY: "/a.key" };
    expect(faultsOf(env).join()).toMatch(/COS_TLS=off, which forbids TLS/);
  });

  test("a wrong value hides neither the policy's faults nor the door's, and is told once", () => {
    const faults = faultsOf({
      ...POSTGRES,
      COS_LOG_LEVEL: "loud",
      COS_AUTH: "none",
      COS_TLS_CERT: "/nowhere.crt",
      COS_AUTH_POLICY: "/nowhere.json",
    });
    expect(faults.map((fault) => fault.split(" ")[0])).toEqual(["COS_AUTH", "COS_LOG_LEVEL", "COS_AUTH_POLICY"]);
    const rest = faultsOf({
      ...POSTGRES,
      COS_LOG_LEVEL: "loud",
      COS_HOST: "0.0.0.0",
      COS_AUTH_POLICY: "/nowhere.json",
    });
    expect(rest.map((fault) => /COS_[A-Z_]+|other machines/.exec(fault)?.[0])).toEqual([
      "COS_LOG_LEVEL",
      "other machines",
      "COS_AUTH_POLICY",
    ]);
  });

  test("what is wrong with TLS, the policy and the engines' URLs is told together", () => {
    const faults = faultsOf({
      COS_POSTGRES_URL: "postgres://h/d?sslmode=prefer",
      COS_REDIS_URL: "redis+sentinel://h",
      COS_HOST: "0.0.0.0",
      COS_TLS_CERT: "/nowhere.crt",
      COS_AUTH_POLICY: "/nowhere.json",
    });
    expect(faults.map((fault) => /COS_[A-Z_]+/.exec(fault)?.[0])).toEqual([
      "COS_POSTGRES_URL",
      "COS_REDIS_URL",
      "COS_TLS_CERT",
      "COS_AUTH_POLICY",
    ]);
  });

  test.each(["localhost:1", "127.0.0.2:1", "[::1]:1"])("%s is loopback", (listen) => {
    expect(faultsOf({ ...POSTGRES, COS_CONDUCTOR_LISTEN: listen })).toEqual([]);
  });

  test("a Sentinel without its master's name is a fault of the setting", () => {
    expect(faultsOf({ ...POSTGRES, COS_REDIS_URL: "redis+sentinel://h:1" }).join()).toMatch(
      /^COS_REDIS_URL is wrong: /,
    );
  });

  test("a migration runs as the owner if there is one, else as the service", () => {
    const own = "postgres://own/cos";
    const owner = "postgres://owner@h/cos";
    expect(readMigrationUrl(POSTGRES)).toBe(POSTGRES.COS_POSTGRES_URL);
    expect(readMigrationUrl({ ...POSTGRES, COS_CONDUCTOR_POSTGRES_URL: own })).toBe(own);
    expect(readMigrationUrl({ ...POSTGRES, COS_CONDUCTOR_POSTGRES_URL: own, COS_POSTGRES_OWNER_URL: owner })).toBe(
      owner,
    );
    expect(() => readMigrationUrl({})).toThrow("COS_POSTGRES_URL is not set");
  });
});
