import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { checkHealth } from "#deploy/local/check-health.ts";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import { cloneDatabase } from "#tests/support/engines.ts";
import { FAKE_SERVICE } from "#tests/support/fake-launcher.ts";
import { freePort } from "#tests/support/private-servers.ts";
import {
  endWithTests,
  given,
  makePlace,
  postgresRuns,
  postmasterOf,
  read,
  servicesOf,
  spawnLauncher,
  startLauncher,
} from "#tests/support/start-launcher.ts";
import { needs } from "#tests/support/tools.ts";

describe("a launcher that is killed", () => {
  test("N4: its watchman ends what it left, in order, and the next one waits for that", async () => {
    const here = await makePlace();
    const launcher = spawnLauncher(here);
    await launcher.said(/COS is up/);
    const pids = [postmasterOf(here), ...servicesOf(here)];
    launcher.child.kill("SIGKILL");
    await launcher.ended;
    const next = startLauncher(here);
    await next.said(/^An earlier start was killed/);
    await next.said(/^COS is up/);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(read(here.diary)).toContain("PostgreSQL still answers");
    expect(next.lines.some((line) => /adopted/.test(line))).toBe(false);
  });

  test("together with its watchman: the next one adopts the engines and replaces the service", async () => {
    const here = await makePlace({ FAKE_START: "deaf" });
    const launcher = spawnLauncher(here);
    await launcher.said(/COS is up/);
    const [postmaster, service] = [postmasterOf(here), servicesOf(here)[0] as number];
    process.kill(Number(readFileSync(join(here.env.COS_DATA_DIR as string, "run/watchman.pid"), "utf8")), "SIGKILL");
    launcher.child.kill("SIGKILL");
    await launcher.ended;
    expect(isAlive(service)).toBe(true);
    const next = startLauncher({ env: { ...here.env, FAKE_START: "well" } }, [FAKE_SERVICE]);
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
    const here = await makePlace();
    const launcher = spawnLauncher(here);
    await launcher.said(/COS is up/);
    launcher.child.kill("SIGTERM");
    await expect(launcher.ended).resolves.toMatchObject({ status: 0 });
    expect(postgresRuns(here) || servicesOf(here).some(isAlive)).toBe(false);
  });
});

describe("the real mesh", () => {
  needs("redis")("comes up with the conductor, migrated and serving", async () => {
    const listen = `127.0.0.1:${await freePort()}`;
    const here = await makePlace({ COS_CONDUCTOR_LISTEN: listen });
    const launcher = spawnLauncher(here, "deploy/local/main.ts");
    await launcher.said(/COS is up\. Try: {2}COS_CONDUCTOR_ADDRESS=127\.0\.0\.1:\d+ .*npx cos record/);
    await expect(checkHealth(listen)).resolves.toBe("serving");
    launcher.child.kill("SIGINT");
    await expect(launcher.ended).resolves.toMatchObject({ status: 0 });
  });

  test("ends when npm was ended without telling it", async () => {
    const database = await cloneDatabase();
    endWithTests(() => database.drop());
    const listen = `127.0.0.1:${await freePort()}`;
    const own = { COS_POSTGRES_URL: database.url, COS_CONDUCTOR_LISTEN: listen, npm_lifecycle_event: "start" };
    const launcher = spawnLauncher(await makePlace({ ...given(), ...own }), "deploy/local/main.ts", [
      "/bin/sh",
      "-c",
      '"$0" "$1" & wait',
    ]);
    await launcher.said(/COS is up/);
    launcher.child.kill("SIGKILL");
    // Its output is closed when the launcher has ended, too.
    await expect(launcher.ended).resolves.toMatchObject({ text: expect.stringContaining("Stopping") });
    await expect(checkHealth(listen)).resolves.toBe("silent");
  });

  test("health of what does not answer, or does not serve, is told as such", async () => {
    await expect(checkHealth("127.0.0.1:1")).resolves.toBe("silent");
  });
});
