import { expect, test } from "@jest/globals";
import { readConductorSettings, readMigrationUrl } from "#services/conductor/config.ts";

const env = (PGSSLMODE: string, url = "postgres://db/cos") => ({ COS_POSTGRES_URL: url, PGSSLMODE });

test.each([
  ["the conductor", (given: Record<string, string>) => readConductorSettings(given).databaseUrl],
  ["a migration", readMigrationUrl],
])("PGSSLMODE holds for %s where the URL says nothing, and may not look away", (_who, read) => {
  expect(read(env("verify-full"))).toBe("postgres://db/cos?sslmode=verify-full");
  expect(read(env("no-verify", "postgres://db/cos?sslmode=require"))).toBe("postgres://db/cos?sslmode=require");
  const fault = "PGSSLMODE must be one of disable, require, verify-ca, verify-full";
  expect(() => read(env("no-verify"))).toThrow(expect.objectContaining({ faults: [fault] }));
});
