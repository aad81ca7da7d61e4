import { cpSync, existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest } from "@jest/globals";
import { type RunningCommand, runCommand, startCommand } from "#tests/support/mesh-command.ts";
import { ROOT } from "#tests/support/mesh-process.ts";
import { eventually } from "#tests/support/mesh-wait.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";
import { needs } from "#tests/support/tools.ts";

jest.setTimeout(180_000);

const clone = join(await temporaryFolder(), "cos");
const address = `127.0.0.1:${await freePort()}`;
const env = {
  COS_CONDUCTOR_LISTEN: address,
  COS_GRAPH_LISTEN: `127.0.0.1:${await freePort()}`,
  COS_CONDUCTOR_ADDRESS: address,
  COS_POSTGRES_LISTEN: `127.0.0.1:${await freePort()}`,
  COS_REDIS_LISTEN: `127.0.0.1:${await freePort()}`,
};

beforeAll(async () => {
  await runCommand("git", ["clone", "-q", ROOT, clone]);
  if (!existsSync(clone)) return;
  // The packages that the lockfile names are here already: what npm would install again takes a minute, and a registry.
  cpSync(join(ROOT, "node_modules"), join(clone, "node_modules"), { recursive: true, verbatimSymlinks: true });
});
afterAll(() => killAll());

/** The processes that have to do with the clone: by their command line, their folder or their environment. */
function processesOfClone(): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.filter((pid) => ["cmdline", "environ", "cwd"].some((what) => tells(pid, what))).map(Number);
}

function tells(pid: string, what: string): boolean {
  try {
    const path = `/proc/${pid}/${what}`;
    return (what === "cwd" ? readlinkSync(path) : readFileSync(path, "latin1")).includes(clone);
  } catch {
    return false;
  }
}

/** As when the machine loses power. */
async function killAll(): Promise<void> {
  await eventually(() => {
    for (const pid of processesOfClone()) process.kill(pid, "SIGKILL");
    return processesOfClone().length === 0;
  });
}

/** Types a command in the clone; in a process group of its own, as a terminal gives it. */
const type = (file: string, ...args: string[]): RunningCommand =>
  startCommand(file, args, { cwd: clone, env: { ...env, PWD: clone }, detached: true });

async function started(): Promise<RunningCommand> {
  const launcher = type("npm", "start");
  await launcher.says(/COS is up/);
  return launcher;
}

const listed = async () => {
  const { stdout } = await type("npx", "cos", "list", "--json").ended;
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => (JSON.parse(line) as { text: string }).text);
};

describe("from a fresh clone", () => {
  needs("git", "redis")(
    "one command brings everything up, a second one says so, Ctrl-C leaves no process",
    async () => {
      const launcher = await started();
      expect(launcher.stdout()).toContain(address);
      await expect(type("npx", "cos", "record", "Up betimes").ended).resolves.toMatchObject({ code: 0 });
      const second = await type("npm", "start").ended;
      expect(second.code).toBe(1);
      expect(second.stdout).toMatch(/COS runs already/);
      // Ctrl-C goes to all of the terminal's group, npm included.
      process.kill(-(launcher.process.pid as number), "SIGINT");
      const { code, stdout } = await launcher.ended;
      // npm gives its own answer to a Ctrl-C, whatever became of what it started.
      expect([0, 130]).toContain(code);
      expect(stdout).not.toMatch(/did not end in time/);
      await eventually(
        () => processesOfClone().length === 0,
        10_000,
        () => JSON.stringify(processesOfClone()),
      );
    },
  );

  needs("git", "redis")("data survives a restart and a kill -9 of everything", async () => {
    await started();
    await type("npx", "cos", "record", "And so to bed").ended;
    await killAll();
    const launcher = await started();
    await expect(listed()).resolves.toEqual(["Up betimes", "And so to bed"]);
    process.kill(-(launcher.process.pid as number), "SIGINT");
    await launcher.ended;
  });
});
