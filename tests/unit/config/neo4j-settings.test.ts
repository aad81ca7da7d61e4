import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { NEO4J_SETTINGS, neo4jFaults } from "#shared/config/neo4j-settings.ts";
import { readSettings } from "#shared/config/read-settings.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const folder = await temporaryFolder();
const file = join(folder, "file");
writeFileSync(file, "x");

const faultsOf = (env: Record<string, string>) => neo4jFaults(readSettings(env, NEO4J_SETTINGS));

describe("Neo4j's settings", () => {
  test("none of them is needed: the graph is kept in PostgreSQL", () => {
    expect(readSettings({}, NEO4J_SETTINGS)).toMatchObject({
      neo4jUrl: undefined,
      neo4jUser: "neo4j",
      neo4jDatabase: "neo4j",
    });
    expect(faultsOf({})).toEqual([]);
  });

  test("schemes that speak TLS without believing anybody's certificate are not known", () => {
    for (const scheme of ["bolt+ssc", "neo4j+ssc", "http"])
      expect(() => faultsOf({ COS_NEO4J_URL: `${scheme}://graph:7687` })).toThrow(/COS_NEO4J_URL must be a URL/);
    for (const scheme of ["bolt", "bolt+s", "neo4j", "neo4j+s"])
      expect(faultsOf({ COS_NEO4J_URL: `${scheme}://graph:7687` })).toEqual([]);
  });

  test("a password belongs into its variable, never into the URL, and is not repeated", () => {
    const [fault, ...more] = faultsOf({ COS_NEO4J_URL: "bolt://neo4j:verysecret@graph:7687" });
    expect(fault).toMatch(/COS_NEO4J_URL must not hold/);
    expect(fault).not.toContain("verysecret");
    expect(more).toEqual([]);
  });

  test("two passwords are one too many", () => {
    expect(faultsOf({ COS_NEO4J_PASSWORD: "a", COS_NEO4J_PASSWORD_FILE: file })).toEqual([
      "COS_NEO4J_PASSWORD_FILE and COS_NEO4J_PASSWORD are both set: set one",
    ]);
  });

  test("an authority is of use with TLS alone: nothing is downgraded in silence", () => {
    expect(faultsOf({ COS_NEO4J_URL: "bolt://graph", COS_NEO4J_CA: file })).toEqual([
      expect.stringMatching(/COS_NEO4J_CA is set, but COS_NEO4J_URL speaks no TLS/),
    ]);
    expect(faultsOf({ COS_NEO4J_URL: "neo4j+s://graph", COS_NEO4J_CA: file })).toEqual([]);
  });

  test("files that cannot be read are named", () => {
    const nothing = join(folder, "nothing");
    expect(
      faultsOf({ COS_NEO4J_URL: "bolt+s://graph", COS_NEO4J_CA: nothing, COS_NEO4J_PASSWORD_FILE: nothing }),
    ).toEqual(["COS_NEO4J_PASSWORD_FILE cannot be read", "COS_NEO4J_CA cannot be read"]);
  });
});
