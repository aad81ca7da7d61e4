import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, jest, test } from "@jest/globals";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import { FAKE_SERVICE } from "#tests/support/fake-launcher.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { given, makePlace, read, servicesOf, startLauncher } from "#tests/support/start-launcher.ts";
import { needs } from "#tests/support/tools.ts";

// A Neo4j takes 8 s to start, and several times that on a busy machine.
jest.setTimeout(240_000);

describe("npm start -- --neo4j", () => {
  needs("neo4j")("brings one, tells the services of it, and takes it down with the rest", async () => {
    const port = await freePort();
    const here = await makePlace({ ...given(), COS_NEO4J_LISTEN: `127.0.0.1:${port}` });
    const launcher = startLauncher(here, [FAKE_SERVICE], ["--neo4j"]);
    await launcher.said(/^COS is up/);
    expect(launcher.lines).toContainEqual(
      expect.stringMatching(new RegExp(`Neo4j +127\\.0\\.0\\.1:${port} +the graph`)),
    );
    const pid = Number(read(join(here.env.COS_DATA_DIR as string, "neo4j", "data", "server.pid"))[0]);
    expect(isAlive(pid)).toBe(true);
    const environment = readFileSync(`/proc/${servicesOf(here)[0]}/environ`, "utf8").split("\0");
    expect(environment).toContain(`COS_NEO4J_URL=bolt://127.0.0.1:${port}`);
    expect(environment).toContainEqual(expect.stringMatching(/^COS_NEO4J_PASSWORD=[0-9a-f]{48}$/));
    launcher.stop();
    await expect(launcher.code).resolves.toBe(0);
    expect(isAlive(pid)).toBe(false);
  });

  test("COS_NEO4J_URL is used, and none is started; one that does not answer is said to be away", async () => {
    const port = await freePort();
    const here = await makePlace({ ...given(), COS_NEO4J_URL: `bolt://127.0.0.1:${port}` });
    const launcher = startLauncher(here, [FAKE_SERVICE], ["--neo4j"]);
    await launcher.said(/^COS is up/);
    expect(launcher.lines).toContain(
      `COS_NEO4J_URL: nothing answers at 127.0.0.1:${port}; the graph is away until something does`,
    );
    expect(launcher.lines).toContainEqual(expect.stringMatching(/Neo4j .*yours/));
    launcher.stop();
    await expect(launcher.code).resolves.toBe(0);
  });
});
