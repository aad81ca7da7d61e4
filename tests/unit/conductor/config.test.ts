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
    "a listener off loopback (%s) is refused unless insecurity is named",
    (listen) => {
      const env = { ...POSTGRES, COS_CONDUCTOR_LISTEN: listen };
      expect(faultsOf(env).join()).toMatch(/^COS_CONDUCTOR_LISTEN is off loopback .* COS_AUTH=insecure/);
      expect(faultsOf({ ...env, COS_AUTH: "insecure" })).toEqual([]);
    },
  );

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
