import { describe, expect, test } from "@jest/globals";
import { runMigrationJob } from "#services/conductor/migrate.ts";
import { cloneDatabase } from "#tests/support/engines.ts";

async function run(env: Record<string, string>): Promise<{ code: number; said: string[] }> {
  const said: string[] = [];
  return { code: await runMigrationJob(env, (line) => said.push(line)), said };
}

describe("the migration job", () => {
  test("a schema that is current stays as it is", async () => {
    const database = await cloneDatabase();
    expect(await run({ COS_POSTGRES_URL: database.url })).toEqual({
      code: 0,
      said: ["conductor: the schema is current"],
    });
    await database.drop();
  });

  test("a missing or wrong setting ends with 2, and says which", async () => {
    expect(await run({})).toMatchObject({ code: 2, said: [expect.stringContaining("COS_POSTGRES_URL is not set")] });
    expect((await run({ COS_POSTGRES_URL: "mysql://x" })).code).toBe(2);
  });

  test("a database that does not answer ends with 1", async () => {
    const { code, said } = await run({ COS_POSTGRES_URL: "postgres://127.0.0.1:1/none" });
    expect([code, said[0]]).toEqual([1, expect.stringMatching(/^conductor: not migrated: /)]);
  });
});
