import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { checkHealth } from "#deploy/local/check-health.ts";
import { checkPostgres } from "#deploy/local/engines/check-postgres.ts";
import { findRedis } from "#deploy/local/engines/find-redis.ts";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import { SERVICES } from "#deploy/local/services.ts";
import { FAKE_SERVICE } from "#tests/support/fake-launcher.ts";
import {
  given,
  makePlace,
  postgresRuns,
  postmasterOf,
  query,
  read,
  servicesOf,
  soon,
  spawnLauncher,
  startLauncher,
  urlOf,
} from "#tests/support/start-launcher.ts";

test("a PostgreSQL that is too old is refused", async () => {
  const check = checkPostgres("COS_POSTGRES_URL", process.env.COS_TEST_RUN_POSTGRES_URL as string, 9_990_000);
  await expect(check).rejects.toThrow(/it is PostgreSQL \d+, 15 to 18 is supported/);
});

describe("npm start", () => {
  test("N2, N4: it comes up, serves, and leaves nothing; services end while the engines still answer; data stays", async () => {
    const here = await makePlace();
    const first = startLauncher(here);
    await first.said(/^COS is up/);
    await expect(checkHealth(here.env.FAKE_LISTEN as string)).resolves.toBe("serving");
    await query(urlOf(here), "create table kept as select 'a life' as work");
    const pids = [postmasterOf(here), ...servicesOf(here)];
    first.stop();
    await expect(first.code).resolves.toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(read(here.diary).slice(1)).toEqual(["draining after SIGTERM", "PostgreSQL still answers"]);

    const second = startLauncher(here);
    await second.said(/^COS is up/);
    await expect(query(urlOf(here), "select work from kept")).resolves.toEqual([{ work: "a life" }]);
    second.stop();
    await expect(second.code).resolves.toBe(0);
  });

  test("what a service warns of is shown, what it only notes is not", async () => {
    const here = await makePlace(given());
    const { said, lines } = startLauncher(here);
    await said(/^fake {2}warn {2}a warning from the fake \(module=cc\)$/);
    await said(/^COS is up/);
    expect(lines.filter((line) => line.includes("started"))).toEqual([]);
  });

  test("N1: a second one says that one is running, and where, exit 1", async () => {
    const here = await makePlace(given());
    const first = startLauncher(here);
    await first.said(/^COS is up/);
    const { status, text } = await spawnLauncher(here).ended;
    expect(status).toBe(1);
    expect(text).toContain(`COS runs already (process ${process.pid}):`);
    expect(text).toContain(here.env.FAKE_LISTEN);
  });

  test("N3: stopped in the middle of a start, it leaves nothing", async () => {
    const here = await makePlace();
    const launcher = startLauncher(here);
    await launcher.said(/making its data folder/);
    launcher.stop();
    await expect(launcher.code).resolves.toBe(0);
    expect(postgresRuns(here)).toBe(false);
    // It was waited for: what it would have started behind our back can no longer come.
    expect(existsSync(join(here.env.COS_DATA_DIR as string, "postgres", "PG_VERSION"))).toBe(true);
    expect(servicesOf(here)).toEqual([]);
  });

  test("N3: stopped before it has begun, it starts nothing", async () => {
    const here = await makePlace();
    const launcher = startLauncher(here);
    launcher.stop();
    await expect(launcher.code).resolves.toBe(0);
    expect(existsSync(join(here.env.COS_DATA_DIR as string, "postgres"))).toBe(false);
  });

  test("N3: a second Ctrl-C ends at once what does not want to end", async () => {
    const here = await makePlace({ ...given(), FAKE_START: "stubborn" });
    const launcher = startLauncher(here, [{ ...FAKE_SERVICE, drainMs: () => 600_000 }]);
    await launcher.said(/^COS is up/);
    launcher.stop();
    while (!read(here.diary).includes("stubborn after SIGTERM")) await soon();
    launcher.force();
    await expect(launcher.code).resolves.toBe(0);
    expect(servicesOf(here).filter(isAlive)).toEqual([]);
  });

  test("a service that does not end in time is ended, and that is said", async () => {
    const here = await makePlace({ ...given(), FAKE_START: "stubborn" });
    const launcher = startLauncher(here, [{ ...FAKE_SERVICE, drainMs: () => -4_900 }]);
    await launcher.said(/^COS is up/);
    launcher.stop();
    await expect(launcher.code).resolves.toBe(0);
    expect(launcher.lines.at(-1)).toBe("fake did not end in time and was ended");
  });

  test("N5: a service that finds its settings wrong ends everything, with its words, exit 2", async () => {
    const here = await makePlace({ ...given(), FAKE_START: "misconfigured" });
    const { code, lines } = startLauncher(here);
    await expect(code).resolves.toBe(2);
    expect(lines).toContain("fake: FAKE_START must not be misconfigured");
  });

  test("a service that crashes is started again, and what it said is shown", async () => {
    const here = await makePlace({ ...given(), FAKE_START: "broken" });
    const { said, lines } = startLauncher(here);
    await said(/^fake ended unexpectedly \(exit code 1\); starting it again in 0\.5 s$/);
    expect(lines).toContain("fake: Error: broken from the start");
    await said(/^COS is not all up yet/);
  });

  test("a crash of the service or of an engine is mended", async () => {
    const here = await makePlace();
    const { said } = startLauncher(here);
    await said(/^COS is up/);
    process.kill(servicesOf(here)[0] as number, "SIGKILL");
    await said(/^fake ended unexpectedly \(SIGKILL\)/);
    await said(/^fake is back/);
    process.kill(postmasterOf(here), "SIGKILL");
    await said(/^PostgreSQL is back/);
    await expect(query(urlOf(here), "select 1 as n")).resolves.toEqual([{ n: 1 }]);
  });

  test("a misspelt variable is warned of with the nearest name", async () => {
    const here = await makePlace({ COS_CONDUCTOR_LISTN: "127.0.0.1:1", COS_POSTGRES_LISTEN: "127.0.0.1:1" });
    const { code, lines } = startLauncher(here, [{ ...SERVICES[0]!, entry: FAKE_SERVICE.entry }]);
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
      const { code, lines } = startLauncher(await makePlace({ [name]: `127.0.0.1:${port}` }));
      await expect(code).resolves.toBe(2);
      expect(lines.at(-1)).toBe(
        `${name}: 127.0.0.1:${port} is in use by another program; free it or choose another one`,
      );
    }
  });

  test("a migration that fails is one line, exit 1", async () => {
    const migrate = () => Promise.reject(new Error("no room"));
    const { code, lines } = startLauncher(await makePlace(given()), [{ ...FAKE_SERVICE, migrate }]);
    await expect(code).resolves.toBe(1);
    expect(lines.at(-1)).toBe("fake: its schema could not be brought up to date: no room");
  });
});

describe("engines of the user's own", () => {
  const server = () => process.env.COS_TEST_RUN_POSTGRES_URL as string;

  test("COS_POSTGRES_URL and COS_REDIS_URL are used, and no engine is started", async () => {
    const redisUrl = process.env.COS_TEST_RUN_REDIS_URL;
    const here = await makePlace({ COS_POSTGRES_URL: server(), COS_REDIS_URL: redisUrl ?? "redis://127.0.0.1:1" });
    const { said, lines } = startLauncher(here);
    await said(/^COS is up/);
    expect(urlOf(here)).toBe(server());
    expect(lines.some((line) => /PostgreSQL .*yours/.test(line))).toBe(true);
    expect(existsSync(join(here.env.COS_DATA_DIR as string, "postgres"))).toBe(false);
  });

  test("a Redis that does not answer is no reason to stop: COS says that it runs degraded", async () => {
    const { said } = startLauncher(
      await makePlace({ COS_POSTGRES_URL: server(), COS_REDIS_URL: "redis://:secret@127.0.0.1:1/0" }),
    );
    await said(/^COS_REDIS_URL: nothing answers at 127\.0\.0\.1:1; COS runs degraded/);
    await said(/^COS is up/);
  });

  test("no Redis at all is said, and COS runs", async () => {
    const here = await makePlace({ COS_POSTGRES_URL: server(), PATH: "/nowhere" });
    const path = process.env.PATH;
    process.env.PATH = "/nowhere";
    const { said } = startLauncher(here, [FAKE_SERVICE], ["--no-install"]);
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
      const { code, lines } = startLauncher(await makePlace({ COS_POSTGRES_URL: server(), [name]: url }));
      await expect(code).resolves.toBe(2);
      expect(lines.at(-1)).toMatch(why);
      expect(lines.at(-1)).toMatch(new RegExp(`^${name}: `));
      expect(lines.join()).not.toContain("secret");
    }
  });
});
