import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { findRedis } from "#deploy/local/engines/find-redis.ts";
import { initPostgres, superuserPassword } from "#deploy/local/engines/init-postgres.ts";
import { installRedis } from "#deploy/local/engines/install-redis.ts";
import { type Machine, thisMachine } from "#deploy/local/engines/machine.ts";
import { findPostgresBinaries, linkLibraries } from "#deploy/local/engines/postgres-binaries.ts";
import { isOpenToAll, preparePostgresHome } from "#deploy/local/engines/postgres-home.ts";
import { readPostmaster } from "#deploy/local/engines/postmaster-file.ts";
import { followLogs } from "#deploy/local/logs/follow-logs.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const folder = await temporaryFolder();

/** A folder below the test's, with a mode. */
function made(path: string, mode = 0o755): string {
  const full = join(folder, path);
  mkdirSync(full, { recursive: true });
  chmodSync(full, mode);
  return full;
}

describe("where PostgreSQL's data lies", () => {
  test("D1: not as root, it is where it was asked for", () => {
    const dataDir = join(made("plain", 0o700), "postgres");
    const home = preparePostgresHome({ dataDir, asRoot: false });
    expect(home).toEqual({ dataDir, binaries: findPostgresBinaries(), runAs: undefined });
    mkdirSync(dataDir);
    expect(preparePostgresHome({ dataDir, asRoot: false }).dataDir).toBe(realpathSync(dataDir));
  });

  test("D2: as root, below folders that are open to all, it is there too, for nobody to use", () => {
    const dataDir = join(made("open"), "postgres");
    const home = preparePostgresHome({ dataDir, asRoot: true, outside: made("unused") });
    expect(home).toMatchObject({ dataDir, runAs: { uid: 65_534, gid: 65_534 } });
  });

  test("D3: as root, below a closed folder, it is outside, and a link leads there the next time as well", () => {
    const outside = made("outside");
    const dataDir = join(made("closed", 0o700), "postgres");
    const first = preparePostgresHome({ dataDir, asRoot: true, outside });
    expect(dirname(dirname(first.dataDir))).toBe(outside);
    expect(lstatSync(dataDir).isSymbolicLink()).toBe(true);
    expect(preparePostgresHome({ dataDir, asRoot: true, outside })).toEqual(first);
  });

  test("D4: binaries that nobody can reach are copied once", () => {
    const native = made("home/package/native");
    for (const program of ["initdb", "pg_ctl", "postgres"])
      writeFileSync(join(made("home/package/native/bin"), program), "");
    made("home", 0o700);
    const options = { dataDir: join(made("open"), "postgres"), asRoot: true, outside: made("copies") };
    const binaries = { home: native, version: "18.4" };
    const { binaries: copy } = preparePostgresHome({ ...options, binaries });
    expect(copy).toEqual({ home: join(folder, "copies", "postgresql-18.4", "native"), version: "18.4" });
    writeFileSync(join(copy.home, "mark"), "");
    expect(existsSync(join(preparePostgresHome({ ...options, binaries }).binaries.home, "mark"))).toBe(true);
  });

  test("a folder is open to all only if every folder above is", () => {
    expect(isOpenToAll(made("a/b"))).toBe(true);
    made("a", 0o750);
    expect(isOpenToAll(join(folder, "a/b"))).toBe(false);
  });

  test("the libraries' links are made once, and what else goes wrong is not hidden", () => {
    const home = made("links/native");
    writeFileSync(join(home, "pg-symlinks.json"), '[{"source":"native/lib/x.so.1","target":"native/lib/x.so"}]');
    expect(() => linkLibraries(home)).toThrow(/ENOENT/);
    made("links/native/lib");
    for (const program of ["initdb", "pg_ctl", "postgres"]) writeFileSync(join(made("links/native/bin"), program), "");
    linkLibraries(home);
    linkLibraries(home);
    expect(lstatSync(join(home, "lib/x.so")).isSymbolicLink()).toBe(true);
  });
});

test("on a platform without binaries it says what to do instead", () => {
  expect(() => findPostgresBinaries("plan9-mips")).toThrow(
    /no PostgreSQL among the npm packages .*set COS_POSTGRES_URL/,
  );
});

describe("PostgreSQL's folder", () => {
  const home = (path: string) => ({ dataDir: made(path), binaries: findPostgresBinaries(), runAs: undefined });

  test("one of another major version is refused, with what to do", async () => {
    const old = home("old");
    writeFileSync(join(old.dataDir, "PG_VERSION"), "15\n");
    await expect(initPostgres(old, "x")).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/by PostgreSQL 15, this is 18/),
    });
  });

  test("one with something else in it is not touched", async () => {
    const foreign = home("foreign");
    writeFileSync(join(foreign.dataDir, "novel.md"), "Chapter 1");
    await expect(initPostgres(foreign, "x")).rejects.toMatchObject({ exitCode: 2 });
    expect(readFileSync(join(foreign.dataDir, "novel.md"), "utf8")).toBe("Chapter 1");
  });

  test("when initdb refuses, its own words are told, and nothing is left", async () => {
    const refused = home("refused");
    await expect(initPostgres(refused, "")).rejects.toThrow(/could not make its data folder: .*(password|root)/s);
    expect(existsSync(`${refused.dataDir}.new`)).toBe(false);
  });

  test("the password is made once, for its owner's eyes", () => {
    const file = join(folder, "password");
    const password = superuserPassword(file);
    expect(superuserPassword(file)).toBe(password);
    expect(password).toMatch(/^[0-9a-f]{48}$/);
    expect(lstatSync(file).mode & 0o777).toBe(0o600);
  });

  test("who runs on it is read from postmaster.pid; what cannot be read is nobody", () => {
    const dataDir = made("running");
    expect(readPostmaster(dataDir)).toBeUndefined();
    writeFileSync(join(dataDir, "postmaster.pid"), "4711\n/data\n1700000000\n50432\n\n127.0.0.1\n");
    expect(readPostmaster(dataDir)).toEqual({ pid: 4711, port: 50_432 });
    writeFileSync(join(dataDir, "postmaster.pid"), "");
    expect(readPostmaster(dataDir)).toBeUndefined();
  });
});

describe("a missing Redis", () => {
  function machine(has: string[], more: Partial<Machine> = {}) {
    const ran: string[] = [];
    const lines: string[] = [];
    const fake: Machine = {
      has: (program) => has.includes(program),
      isRoot: () => false,
      maySudo: () => false,
      async run(command) {
        ran.push(command.join(" "));
        return 0;
      },
      findRedis: () => (ran.length > 0 ? "/usr/bin/redis-server" : undefined),
      ...more,
    };
    const install = () => installRedis({ logFile: "/log", say: (line) => lines.push(line), machine: fake });
    return { install, ran, lines };
  }

  test("root installs it with the system's package manager", async () => {
    const { install, ran } = machine(["apt-get"], { isRoot: () => true });
    await expect(install()).resolves.toBe("/usr/bin/redis-server");
    expect(ran).toEqual(["apt-get update -q", "apt-get install -y -q --no-install-recommends redis-server"]);
  });

  test("who may use sudo without a password does so", async () => {
    const { install, ran } = machine(["dnf"], { maySudo: () => true });
    await install();
    expect(ran).toEqual(["sudo -n dnf install -y redis"]);
  });

  test("Homebrew wants no administrator, and refuses root", async () => {
    const user = machine(["brew"]);
    await user.install();
    expect(user.ran).toEqual(["brew install redis"]);
    const root = machine(["brew"], { isRoot: () => true });
    await root.install();
    expect(root.lines).toEqual([expect.stringMatching(/Type: brew install redis$/)]);
  });

  test("without the right to install it says exactly what to type", async () => {
    const { install, lines } = machine(["apt-get"]);
    await expect(install()).resolves.toBeUndefined();
    expect(lines).toEqual([
      "Redis is missing, and installing it needs an administrator. Type: " +
        "sudo apt-get update -q && sudo apt-get install -y -q --no-install-recommends redis-server",
    ]);
  });

  test("without a package manager that is known it says that", async () => {
    const { install, lines } = machine([]);
    await expect(install()).resolves.toBeUndefined();
    expect(lines[0]).toMatch(/no package manager that COS knows/);
  });

  test("an installation that fails says where to look and what to type", async () => {
    const { install, lines } = machine(["apk"], { isRoot: () => true, run: async () => 3, findRedis: () => undefined });
    await expect(install()).resolves.toBeUndefined();
    expect(lines.slice(1)).toEqual([
      "apk add redis ended with 3, see /log",
      "Redis could not be installed. Type: sudo apk add redis",
    ]);
  });

  test("on this machine a command's output goes to the file, and its exit code comes back", async () => {
    const logFile = join(folder, "logs", "install.log");
    await expect(thisMachine.run(["/bin/sh", "-c", "echo out; echo err >&2; exit 3"], logFile)).resolves.toBe(3);
    await expect(thisMachine.run(["/bin/sh", "-c", "kill -9 $$"], logFile)).resolves.toBe(1);
    await expect(thisMachine.run(["/no/such/program"], logFile)).resolves.toBe(1);
    expect(readFileSync(logFile, "utf8")).toBe("out\nerr\n");
    expect([thisMachine.has("git"), thisMachine.has("no-such-program")]).toEqual([true, false]);
    expect(thisMachine.isRoot()).toBe(process.getuid?.() === 0);
    expect(typeof thisMachine.maySudo()).toBe("boolean");
    expect(thisMachine.findRedis()).toBe(findRedis());
  });

  test("it goes by several names, the first of which wins wherever it lies", () => {
    const [first, second] = [made("path/1"), made("path/2")];
    for (const file of [join(first, "valkey-server"), join(second, "redis-server")]) {
      writeFileSync(file, "");
      chmodSync(file, 0o755);
    }
    symlinkSync("nowhere", join(first, "redis-server"));
    expect(findRedis(`${first}:${second}`)).toBe(join(second, "redis-server"));
    expect(findRedis(first)).toBe(join(first, "valkey-server"));
  });
});

describe("followLogs", () => {
  function follow(name: string, bytesMax?: number) {
    const file = join(folder, name);
    const lines: string[] = [];
    const follower = followLogs({ everyMs: 60_000, ...(bytesMax === undefined ? {} : { bytesMax }) });
    follower.add(file, (line) => lines.push(line));
    const append = (text: string | Buffer) => writeFileSync(file, text, { flag: "a" });
    return { file, lines, follower, append };
  }

  test("F1: lines are handed over whole, even if a character was cut in two", () => {
    const { lines, follower, append } = follow("whole.log");
    const [start, end] = [Buffer.from("caf\u00e9\n").subarray(0, 4), Buffer.from("caf\u00e9\n").subarray(4)];
    append(start);
    follower.drain();
    expect(lines).toEqual([]);
    append(end);
    append("next\nhalf");
    follower.close();
    expect(lines).toEqual(["caf\u00e9", "next"]);
  });

  test("F1: what stood in a file before is not handed over", () => {
    const { file, follower, append } = follow("before.log");
    append("old\n");
    const lines: string[] = [];
    follower.add(file, (line) => lines.push(line));
    append("new\n");
    follower.close();
    expect(lines).toEqual(["new"]);
  });

  test("F2: a file that grew too big starts anew, and one older copy is kept", () => {
    const { file, lines, follower, append } = follow("big.log", 10);
    append("0123456789\n");
    follower.drain();
    expect(readFileSync(file, "utf8")).toBe("");
    append("next\n");
    follower.close();
    expect(lines).toEqual(["0123456789", "next"]);
    expect(readFileSync(`${file}.1`, "utf8")).toBe("0123456789\n");
  });

  test("a file that somebody else has emptied is read from its beginning", () => {
    const { file, lines, follower, append } = follow("emptied.log");
    append("a long first line\n");
    follower.drain();
    writeFileSync(file, "b\n");
    follower.close();
    expect(lines).toEqual(["a long first line", "b"]);
  });

  test("a file that cannot be copied or read now is looked at again the next time", () => {
    const { file, lines, follower, append } = follow("full.log", 10);
    mkdirSync(`${file}.1`);
    append("0123456789\n");
    follower.drain();
    rmSync(`${file}.1`, { recursive: true });
    append("next\n");
    follower.drain();
    expect(lines).toEqual(["0123456789", "next"]);
    expect(readFileSync(`${file}.1`, "utf8")).toBe("0123456789\nnext\n");
    rmSync(file);
    follower.drain();
    mkdirSync(file);
    follower.drain();
    rmSync(file, { recursive: true });
    append("last\n");
    follower.close();
    expect(lines.at(-1)).toBe("last");
  });

  test("it looks again by itself", async () => {
    const file = join(folder, "timer.log");
    const follower = followLogs({ everyMs: 1 });
    const line = new Promise((resolve) => follower.add(file, resolve));
    writeFileSync(file, "seen\n");
    await expect(line).resolves.toBe("seen");
    follower.close();
  });
});
