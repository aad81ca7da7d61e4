import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, globSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Service } from "#deploy/local/services.ts";
import { runOwnerTokenJob } from "#services/conductor/owner-token.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, isApiToken } from "#shared/auth/api-token.ts";
import { type ClonedDatabase, cloneDatabase } from "#tests/support/engines.ts";
import { FAKE_SERVICE, ROOT } from "#tests/support/fake-launcher.ts";
import { given, makePlace, type Place, query, read, servicesOf, startLauncher } from "#tests/support/start-launcher.ts";

const SERVICE: Service = { ...FAKE_SERVICE, ensureOwner };

let database: ClonedDatabase;
beforeAll(async () => {
  database = await cloneDatabase();
});
afterAll(() => database.drop());

const fileOf = ({ env }: Place) => join(env.COS_DATA_DIR as string, "owner-token");
const tokenOf = (here: Place) => readFileSync(fileOf(here), "utf8").trim();
const place = () => makePlace({ ...given(), COS_POSTGRES_URL: database.url });

/** Hashes of the owner's tokens that have not been revoked. */
async function liveHashes(): Promise<string[]> {
  const rows = await query(
    database.url,
    "select encode(hash, 'hex') as hash from cos_auth.token where principal = 'owner' and revoked_at is null",
  );
  return (rows as { hash: string }[]).map(({ hash }) => hash);
}

const hexOf = (token: string) => hashOfApiToken(token).toString("hex");

/** Starts and stops; answers with what was said. */
async function startOnce(here: Place, service = SERVICE): Promise<string[]> {
  const launcher = startLauncher(here, [service]);
  await launcher.said(/^COS is up/);
  launcher.stop();
  await launcher.code;
  return launcher.lines;
}

describe("npm start", () => {
  test("makes the owner's token, keeps it for its user alone, and prints the link that carries it", async () => {
    const here = await place();
    const lines = await startOnce(here);
    const token = tokenOf(here);
    expect(isApiToken(token)).toBe(true);
    expect(statSync(fileOf(here)).mode & 0o777).toBe(0o600);
    await expect(liveHashes()).resolves.toEqual([hexOf(token)]);
    expect(lines).toContain(`Look, as the owner:  http://${here.env.FAKE_LISTEN}/#token=${token}`);
    expect(lines.filter((line) => line.includes(fileOf(here)))).toHaveLength(1);
  });

  test("keeps the token that is there", async () => {
    const here = await place();
    await startOnce(here);
    const token = tokenOf(here);
    await startOnce(here);
    expect(tokenOf(here)).toBe(token);
  });

  test("replaces one that has ended, and one that others could have read; the one before ends", async () => {
    const here = await place();
    await startOnce(here);
    const revoked = tokenOf(here);
    await query(database.url, "update cos_auth.token set revoked_at = now()");
    await startOnce(here);
    const shown = tokenOf(here);
    expect(shown).not.toBe(revoked);
    chmodSync(fileOf(here), 0o644);
    await startOnce(here);
    expect([revoked, shown]).not.toContain(tokenOf(here));
    await expect(liveHashes()).resolves.toEqual([hexOf(tokenOf(here))]);
  });

  test("leaves it nowhere else: not in a log, a note, the arguments or the environment of a process", async () => {
    const here = await place();
    const launcher = startLauncher(here, [SERVICE]);
    await launcher.said(/^COS is up/);
    const token = tokenOf(here);
    const data = here.env.COS_DATA_DIR as string;
    const watchman = read(join(data, "run", "watchman.pid")).map(Number);
    const holding = [
      ...globSync("**/*", { cwd: data }).map((name) => join(data, name)),
      ...[process.pid, ...servicesOf(here), ...watchman].flatMap((pid) => [
        `/proc/${pid}/cmdline`,
        `/proc/${pid}/environ`,
      ]),
    ].filter((file) => contentOf(file).includes(token));
    expect(holding).toEqual([fileOf(here)]);
    // The search would have found it: the database's address stands in a service's environment.
    expect(servicesOf(here).map((pid) => contentOf(`/proc/${pid}/environ`))).toEqual([
      expect.stringContaining(`COS_POSTGRES_URL=${database.url}`),
    ]);
    launcher.stop();
    await launcher.code;
  });

  test("where the folder is not its user's alone to change, says so and starts nothing, exit 2", async () => {
    const here = await place();
    const before = await liveHashes();
    mkdirSync(here.env.COS_DATA_DIR as string);
    chmodSync(here.env.COS_DATA_DIR as string, 0o777);
    const { code, lines } = startLauncher(here, [SERVICE]);
    await expect(code).resolves.toBe(2);
    expect(lines.at(-1)).toMatch(/^COS_DATA_DIR: others may write to /);
    expect(servicesOf(here)).toEqual([]);
    await expect(liveHashes()).resolves.toEqual(before);
  });

  test("where the database does not take it, says so in one line, exit 1", async () => {
    const broken: Service = { ...SERVICE, ensureOwner: () => Promise.reject(new Error("PostgreSQL does not answer")) };
    const { code, lines } = startLauncher(await place(), [broken]);
    await expect(code).resolves.toBe(1);
    expect(lines.at(-1)).toBe("fake: the owner's token could not be made known: PostgreSQL does not answer");
  });
});

describe("cos owner-token", () => {
  async function run(env: Record<string, string>) {
    const [said, told]: [string[], string[]] = [[], []];
    const code = await runOwnerTokenJob(env, { say: (line) => said.push(line), tell: (line) => told.push(line) });
    return { code, said, told };
  }

  test("makes a new token, says it once, and ends the one before", async () => {
    const { code, said, told } = await run({ COS_POSTGRES_URL: database.url });
    expect(code).toBe(0);
    await expect(liveHashes()).resolves.toEqual([hexOf(said[0]!)]);
    expect(said).toHaveLength(1);
    expect(told.join()).toMatch(/it is not shown again/);
    expect(told.join()).not.toContain(said[0]);
  });

  test("without a database says what to set, exit 2; with one that is not there, that it is not, exit 1", async () => {
    await expect(run({})).resolves.toMatchObject({
      code: 2,
      said: [],
      told: [expect.stringMatching(/COS_POSTGRES_URL/)],
    });
    await expect(run({ COS_POSTGRES_URL: "postgres://me:secret@127.0.0.1:1/cos" })).resolves.toEqual({
      code: 1,
      said: [],
      told: ["conductor: no token was made: PostgreSQL does not answer"],
    });
  });

  test("as a program it prints the token alone on standard output", async () => {
    const child = spawn(process.execPath, [join(ROOT, "services/conductor/owner-token.ts")], {
      env: { PATH: process.env.PATH, NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE, COS_POSTGRES_URL: database.url },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let text = "";
    child.stdout.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
    child.stderr.resume();
    const [code] = (await once(child, "close")) as [number];
    expect(code).toBe(0);
    await expect(liveHashes()).resolves.toEqual([hexOf(text.trim())]);
  });
});

function contentOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    // A folder, or a socket.
    return "";
  }
}
