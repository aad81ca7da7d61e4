import { describe, expect, test } from "@jest/globals";
import { readGraphSettings, readMigrationUrl } from "#services/graph/config.ts";
import type { SettingsError } from "#shared/config/read-settings.ts";

const POSTGRES = { COS_POSTGRES_URL: "postgres://localhost/cos" };

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    readGraphSettings(env);
    return [];
  } catch (error) {
    return (error as SettingsError).faults;
  }
}

describe("the graph's settings", () => {
  test("need a PostgreSQL and nothing else", () => {
    expect(readGraphSettings(POSTGRES)).toMatchObject({
      listen: { host: "127.0.0.1", port: 50_052 },
      databaseUrl: POSTGRES.COS_POSTGRES_URL,
      conductorAddress: "127.0.0.1:50051",
      serviceKey: undefined,
      neo4jUrl: undefined,
    });
    expect(faultsOf({})).toEqual(["COS_POSTGRES_URL is not set: name a PostgreSQL, or use `npm start`"]);
  });

  test("the graph may be kept elsewhere than the tokens", () => {
    const own = "postgres://graph/cos";
    const settings = readGraphSettings({ ...POSTGRES, COS_GRAPH_POSTGRES_URL: own });
    expect([settings.databaseUrl, settings.postgresUrl]).toEqual([own, POSTGRES.COS_POSTGRES_URL]);
  });

  test("what Neo4j's settings say together is told with the rest", () => {
    const env = {
      ...POSTGRES,
      COS_NEO4J_URL: "bolt://neo4j:7687",
      COS_NEO4J_CA: "/nowhere.pem",
      COS_LOG_LEVEL: "info",
    };
    expect(faultsOf(env).join()).toMatch(/COS_NEO4J_CA.*bolt\+s/);
  });

  test("a listener off loopback needs TLS and tokens, as every one does", () => {
    expect(faultsOf({ ...POSTGRES, COS_GRAPH_LISTEN: "0.0.0.0:50052" })[0]).toMatch(/^other machines reach a listener/);
  });

  test("a migration runs as the owner, where there is one", () => {
    expect(readMigrationUrl(POSTGRES)).toBe(POSTGRES.COS_POSTGRES_URL);
    expect(readMigrationUrl({ ...POSTGRES, COS_GRAPH_POSTGRES_URL: "postgres://own/x" })).toBe("postgres://own/x");
    expect(readMigrationUrl({ ...POSTGRES, COS_POSTGRES_OWNER_URL: "postgres://owner/x" })).toBe("postgres://owner/x");
    expect(() => readMigrationUrl({})).toThrow(/COS_POSTGRES_URL is not set/);
  });
});
