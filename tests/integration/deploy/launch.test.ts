import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { afterAll, describe, expect, jest, test } from "@jest/globals";
import { Client } from "pg";
import { checkHealth } from "#deploy/local/check-health.ts";
import { checkPostgres } from "#deploy/local/engines/check-postgres.ts";
import { findRedis } from "#deploy/local/engines/find-redis.ts";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import { runCommand } from "#deploy/local/run-command.ts";
import { SERVICES } from "#deploy/local/services.ts";
import { FAKE_SERVICE, ROOT } from "#tests/support/fake-launcher.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";

// Processes are started and stopped in earnest, and on a busy machine that takes its time.
jest.setTimeout(60_000);

const base = await temporaryFolder();
const ends: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(ends.map((end) => end())));

const soon = () => new Promise((resolve) => setTimeout(resolve, 10));

interface Place {
  readonly folder: string;
  readonly diary: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** A data folder and ports of a test's own. */
async function place(more: Record<string, string | undefined> = {}): Promise<Place> {
  const folder = mkdtempSync(join(base, "p"));
  await chmod(folder, 0o755);
  const [postgres, redis, fake] = [await freePort(), await freePort(), await freePort()];
  const diary = join(folder, "diary");
  const env = {
    PATH: process.env.PATH,
    NODE_V8_COVERAGE: process.env.NODE_V8_COVERAGE,
    COS_DATA_DIR: join(folder, "cos"),
    COS_POSTGRES_LISTEN: `127.0.0.1:${postgres}`,
    COS_REDIS_LISTEN: `127.0.0.1:${redis}`,
    FAKE_LISTEN: `127.0.0.1:${fake}`,
    FAKE_DIARY: diary,
    ...more,
  };
  return { folder, diary, env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)) };
}

/** The engines of the run, for tests that are not about engines. */
const given = () => ({
  COS_POSTGRES_URL: process.env.COS_TEST_RUN_POSTGRES_URL,
  COS_REDIS_URL: process.env.COS_TEST_RUN_REDIS_URL,
});

/** Runs the launcher in this process; `said` waits for a line. */
function start({ env }: Pick<Place, "env">, services = [FAKE_SERVICE], args: string[] = []) {
  const lines: string[] = [];
  const [stop, force] = [new AbortController(), new AbortController()];
  const say = (line: string) => lines.push(stripVTControlCharacters(line));
  const code = runCommand(args, { env, root: ROOT, say, stop: stop.signal, force: force.signal }, services);
  let over = false;
  const settled = code.finally(() => {
    over = true;
  });
  settled.catch(() => {});
  ends.push(() => {
    stop.abort();
    return settled;
  });
  const said = async (pattern: RegExp, times = 1) => {
    while (lines.filter((line) => pattern.test(line)).length < times) {
      if (over) throw new Error(`it ended without a line like ${pattern}: ${lines.join("\n")}`);
      await soon();
    }
  };
  return { code, lines, said, stop: () => stop.abort(), force: () => force.abort() };
}

const read = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : []);
const postmasterOf = ({ env }: Place) =>
  Number(read(join(env.COS_DATA_DIR as string, "postgres", "postmaster.pid"))[0]);
const postgresRuns = (here: Place) => postmasterOf(here) > 0 && isAlive(postmasterOf(here));
const servicesOf = ({ diary }: Place) =>
  read(diary)
    .filter((line) => line.startsWith("up"))
    .map((line) => Number(line.split(" ")[1]));
const urlOf = ({ diary }: Place) =>
  read(diary)
    .find((line) => line.startsWith("up"))
    ?.split(" ")[2] as string;

async function query(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

describe("npm start", () => {
  test("N2, N4: it comes up, serves, and leaves nothing; services end while the engines still answer; data stays", async () => {
    const here = await place();
    const first = start(here);
    await first.said(/^COS is up/);
    await expect(checkHealth(here.env.FAKE_LISTEN as string)).resolves.toBe("serving");
    await query(urlOf(here), "create table kept as select 'a life' as work");
    const pids = [postmasterOf(here), ...servicesOf(here)];
    first.stop();
    await expect(first.code).resolves.toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(read(here.diary).slice(1)).toEqual(["draining after SIGTERM", "PostgreSQL still answers"]);

    const second = start(here);
    await second.said(/^COS is up/);
    await expect(query(urlOf(here), "select work from kept")).resolves.toEqual([{ work: "a life" }]);
    second.stop();
    await expect(second.code).resolves.toBe(0);
  });

  test("what a service warns of is shown, what it only notes is not", async () => {
    const here = await place(given());
    const { said, lines } = start(here);
    await said(/^fake {2}warn {2}a warning from the fake \(module=cc\)$/);
    await said(/^COS is up/);
    expect(lines.filter((line) => line.includes("started"))).toEqual([]);
  });

  test("N1: a second one says that one is running, and where, exit 1", async () => {
    const here = await place(given());
    const first = start(here);
    await first.said(/^COS is up/);
    const { status, text } = await launcherProcess(here).ended;
    expect(status).toBe(1);
    expect(text).toContain(`COS runs already (process ${process.pid}):`);
    expect(text).toContain(here.env.FAKE_LISTEN);
  });

  test("N3: stopped in the middle of a start, it leaves nothing", async () => {
    const here = await place();
    const launcher = start(here);
    await launcher.said(/making its data folder/);
    launcher.stop();
    await expect(launcher.code).resolves.toBe(0);
    expect(postgresRuns(here)).toBe(false);
    expect(servicesOf(here)).toEqual([]);
  });

  test("N3: stopped before it has begun, it starts nothing that lasts", async () => {
    const here = await place();
    const launcher = start(here);
    launcher.stop();
    await expect(launcher.code).resolves.toBe(0);
    expect(postgresRuns(here)).toBe(false);
  });

  test("N3: a second Ctrl-C ends at once what does not want to end", async () => {
    const here = await place({ ...given(), FAKE_START: "stubborn" });
    const launcher = start(here, [{ ...FAKE_SERVICE, drainMs: () => 600_000 }]);
    await launcher.said(/^COS is up/);
    launcher.stop();
    while (!read(here.diary).includes("stubborn after SIGTERM")) await soon();
    launcher.force();
    await expect(launcher.code).resolves.toBe(0);
    expect(servicesOf(here).filter(isAlive)).toEqual([]);
  });

  test("N5: a service that finds its settings wrong ends everything, with its words, exit 2", async () => {
    const here = await place({ ...given(), FAKE_START: "misconfigured" });
    const { code, lines } = start(here);
    await expect(code).resolves.toBe(2);
    expect(lines).toContain("fake: FAKE_START must not be misconfigured");
  });

  test("a service that crashes is started again, and what it said is shown", async () => {
    const here = await place({ ...given(), FAKE_START: "broken" });
    const { said, lines } = start(here);
    await said(/^fake ended unexpectedly \(exit code 1\); starting it again in 0\.5 s$/);
    expect(lines).toContain("fake: Error: broken from the start");
    await said(/^COS is not all up yet/);
  });

  test("a crash of the service or of an engine is mended", async () => {
    const here = await place();
    const { said } = start(here);
    await said(/^COS is up/);
    process.kill(servicesOf(here)[0] as number, "SIGKILL");
    await said(/^fake ended unexpectedly \(SIGKILL\)/);
    await said(/^fake is back/);
    process.kill(postmasterOf(here), "SIGKILL");
    await said(/^PostgreSQL is back/);
    await expect(query(urlOf(here), "select 1 as n")).resolves.toEqual([{ n: 1 }]);
  });

  test("a misspelt variable is warned of with the nearest name", async () => {
    const here = await place({ COS_CONDUCTOR_LISTN: "127.0.0.1:1", COS_POSTGRES_LISTEN: "127.0.0.1:1" });
    const { code, lines } = start(here, [{ ...SERVICES[0]!, entry: FAKE_SERVICE.entry }]);
    await code;
    expect(lines[0]).toBe("Warning: COS_CONDUCTOR_LISTN is not known: did you mean COS_CONDUCTOR_LISTEN?");
  });

  test("a port in use is one line that names the variable, exit 2", async () => {
    for (const name of [
      "FAKE_LISTEN",
      "COS_POSTGRES_LISTEN",
      ...(findRedis() === undefined ? [] : ["COS_REDIS_LISTEN"]),
    ]) {
      const { port } = new URL(process.env.COS_TEST_RUN_POSTGRES_URL as string);
      const { code, lines } = start(await place({ [name]: `127.0.0.1:${port}` }));
      await expect(code).resolves.toBe(2);
      expect(lines.at(-1)).toBe(
        `${name}: 127.0.0.1:${port} is in use by another program; free it or choose another one`,
      );
    }
  });

  test("a migration that fails is one line, exit 1", async () => {
    const migrate = () => Promise.reject(new Error("no room"));
    const { code, lines } = start(await place(given()), [{ ...FAKE_SERVICE, migrate }]);
    await expect(code).resolves.toBe(1);
    expect(lines.at(-1)).toBe("fake: its schema could not be brought up to date: no room");
  });
});

describe("engines of the user's own", () => {
  const server = () => process.env.COS_TEST_RUN_POSTGRES_URL as string;

  test("COS_POSTGRES_URL and COS_REDIS_URL are used, and no engine is started", async () => {
    const redisUrl = process.env.COS_TEST_RUN_REDIS_URL;
    const here = await place({ COS_POSTGRES_URL: server(), COS_REDIS_URL: redisUrl ?? "redis://127.0.0.1:1" });
    const { said, lines } = start(here);
    await said(/^COS is up/);
    expect(urlOf(here)).toBe(server());
    expect(lines.some((line) => /PostgreSQL .*yours/.test(line))).toBe(true);
    expect(existsSync(join(here.env.COS_DATA_DIR as string, "postgres"))).toBe(false);
  });

  test("a Redis that does not answer is no reason to stop: COS says that it runs degraded", async () => {
    const { said } = start(await place({ COS_POSTGRES_URL: server(), COS_REDIS_URL: "redis://:secret@127.0.0.1:1/0" }));
    await said(/^COS_REDIS_URL: nothing answers at 127\.0\.0\.1:1; COS runs degraded/);
    await said(/^COS is up/);
  });

  test("no Redis at all is said, and COS runs", async () => {
    const here = await place({ COS_POSTGRES_URL: server(), PATH: "/nowhere" });
    const path = process.env.PATH;
    process.env.PATH = "/nowhere";
    const { said } = start(here, [FAKE_SERVICE], ["--no-install"]);
    await said(/^Without Redis COS runs degraded/).finally(() => {
      process.env.PATH = path;
    });
    await said(/^COS is up/);
  });

  test("a PostgreSQL that cannot be used is one line that names the variable and hides the password, exit 2", async () => {
    const wrong = new URL(server());
    wrong.password = "wrong";
    const missing = new URL(server());
    missing.pathname = "/no_such_database";
    const cases: [string, string, RegExp][] = [
      ["COS_POSTGRES_URL", "postgres://me:secret@127.0.0.1:1/db", /127\.0\.0\.1:1\/db cannot be used: .*ECONNREFUSED/],
      ["COS_POSTGRES_URL", "postgres://me:secret@localhost:1/db", /localhost:1\/db cannot be used: .*ECONNREFUSED/],
      ["COS_POSTGRES_URL", missing.href, /no_such_database cannot be used: there is no such database/],
      ["COS_FAKE_POSTGRES_URL", missing.href, /there is no such database/],
      ["COS_POSTGRES_OWNER_URL", missing.href, /there is no such database/],
    ];
    for (const [name, url, why] of cases) {
      const { code, lines } = start(await place({ COS_POSTGRES_URL: server(), [name]: url }));
      await expect(code).resolves.toBe(2);
      expect(lines.at(-1)).toMatch(why);
      expect(lines.at(-1)).toMatch(new RegExp(`^${name}: `));
      expect(lines.join()).not.toContain("secret");
    }
  });
});

test("a PostgreSQL that is too old is refused", async () => {
  const check = checkPostgres("COS_POSTGRES_URL", process.env.COS_TEST_RUN_POSTGRES_URL as string, 9_990_000);
  await expect(check).rejects.toThrow(/it is PostgreSQL \d+, 15 to 18 is supported/);
});

/** The launcher as a process of its own, by default with the fake service. */
function launcherProcess({ env }: Pick<Place, "env">, entry = "tests/support/fake-launcher.ts") {
  const child = spawn(process.execPath, [join(ROOT, entry)], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      text += stripVTControlCharacters(chunk.toString());
    });
  }
  const ended = once(child, "close").then(([status]) => ({ status: status as number | null, text }));
  ends.push(() => (child.kill("SIGTERM") ? ended : Promise.resolve()));
  const said = async (pattern: RegExp) => {
    while (!pattern.test(text)) await soon();
  };
  return { child, ended, said };
}

describe("a launcher that is killed", () => {
  test("N4: its watchman ends what it left, in order", async () => {
    const here = await place();
    const launcher = launcherProcess(here);
    await launcher.said(/COS is up/);
    const pids = [postmasterOf(here), ...servicesOf(here)];
    launcher.child.kill("SIGKILL");
    await launcher.ended;
    while (pids.some(isAlive)) await soon();
    expect(read(here.diary)).toContain("PostgreSQL still answers");
  });

  test("together with its watchman: the next one adopts the engines and replaces the service", async () => {
    const here = await place({ FAKE_START: "deaf" });
    const launcher = launcherProcess(here);
    await launcher.said(/COS is up/);
    const [postmaster, service] = [postmasterOf(here), servicesOf(here)[0] as number];
    process.kill(Number(readFileSync(join(here.env.COS_DATA_DIR as string, "run/watchman.pid"), "utf8")), "SIGKILL");
    launcher.child.kill("SIGKILL");
    await launcher.ended;
    expect(isAlive(service)).toBe(true);
    const next = start({ env: { ...here.env, FAKE_START: "well" } }, [FAKE_SERVICE]);
    await next.said(/^fake of an earlier start still runs/);
    await next.said(/^COS is up/);
    expect(isAlive(service)).toBe(false);
    expect(postmasterOf(here)).toBe(postmaster);
    expect(next.lines.some((line) => /PostgreSQL .*adopted/.test(line))).toBe(true);
    next.stop();
    await expect(next.code).resolves.toBe(0);
    expect(isAlive(postmaster)).toBe(false);
  });

  test("a SIGTERM to the process ends everything, exit 0", async () => {
    const here = await place();
    const launcher = launcherProcess(here);
    await launcher.said(/COS is up/);
    launcher.child.kill("SIGTERM");
    await expect(launcher.ended).resolves.toMatchObject({ status: 0 });
    expect(postgresRuns(here) || servicesOf(here).some(isAlive)).toBe(false);
  });
});

describe("the real mesh", () => {
  needs("redis")("comes up with the conductor, migrated and serving", async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    const here = await place({ COS_CONDUCTOR_LISTEN: listen });
    const launcher = launcherProcess(here, "deploy/local/main.ts");
    await launcher.said(/COS is up\. Try: {2}COS_CONDUCTOR_ADDRESS=127\.0\.0\.1:\d+ npx cos record/);
    await expect(checkHealth(listen)).resolves.toBe("serving");
    launcher.child.kill("SIGINT");
    await expect(launcher.ended).resolves.toMatchObject({ status: 0 });
  });

  test("health of what does not answer, or does not serve, is told as such", async () => {
    await expect(checkHealth("127.0.0.1:1")).resolves.toBe("silent");
  });
});
