import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { afterAll, describe, expect, test } from "@jest/globals";
import { takeInstanceLock } from "#deploy/local/instance-lock.ts";
import { keepWatch } from "#deploy/local/keep-watch.ts";
import { noteProcess, stopLeftover } from "#deploy/local/leftovers.ts";
import { awaitEarlierWatchman, openWatchman } from "#deploy/local/open-watchman.ts";
import { commandLineOf } from "#deploy/local/processes/command-line-of.ts";
import { isAlive } from "#deploy/local/processes/is-alive.ts";
import { listenFault, takenPort } from "#deploy/local/processes/listen-fault.ts";
import { adoptProcess, type ManagedProcess, startProcess } from "#deploy/local/processes/managed-process.ts";
import { makeRegister } from "#deploy/local/processes/process-register.ts";
import { forceProcesses, type StopPlan, stopProcesses } from "#deploy/local/processes/stop-processes.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const folder = await temporaryFolder();
const started: ManagedProcess[] = [];
afterAll(() => forceProcesses(started.map((each) => ({ ...each, forceSignal: "SIGKILL" }))));

/** A shell that runs `script`; once it says so it is ready for signals. */
async function shell(script: string, plan: Partial<StopPlan> = {}): Promise<ManagedProcess> {
  const logFile = join(folder, `${started.length}.log`);
  const process = await startProcess({
    name: `shell ${started.length}`,
    rank: 1,
    signal: "SIGTERM",
    graceMs: 5_000,
    forceSignal: "SIGKILL",
    ...plan,
    command: "/bin/sh",
    args: ["-c", `${script}; echo ready; while :; do sleep 0.02; done`],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/",
    logFile,
  });
  started.push(process);
  while (!readFileSync(logFile, "utf8").includes("ready")) await new Promise((resolve) => setTimeout(resolve, 5));
  return process;
}

const never = new AbortController().signal;
const GONE_PID = 2 ** 22 - 7;

describe("a process", () => {
  test("P1, P2: it has a group of its own and writes to its file", async () => {
    const process = await shell("echo hello");
    expect(readFileSync(`/proc/${process.pid}/stat`, "utf8").split(" ")[4]).toBe(String(process.pid));
    expect(readFileSync(join(folder, `${started.length - 1}.log`), "utf8")).toBe("hello\nready\n");
  });

  test("P3: gone tells how it ended", async () => {
    const killed = await shell("true");
    process.kill(killed.pid, "SIGKILL");
    await expect(killed.gone).resolves.toEqual({ code: undefined, signal: "SIGKILL" });
    const left = await shell("trap 'exit 3' TERM");
    process.kill(left.pid, "SIGTERM");
    await expect(left.gone).resolves.toEqual({ code: 3, signal: undefined });
  });

  test("P3: an adopted one is gone when it has ended, nobody knows how", async () => {
    const process_ = await shell("true");
    const adopted = adoptProcess(process_);
    process.kill(process_.pid, "SIGKILL");
    await expect(Promise.all([adopted.gone, keepAwake(adopted.gone)])).resolves.toMatchObject([
      { code: undefined, signal: undefined },
      undefined,
    ]);
  });

  test("a program that is not there is a fault that names it", async () => {
    const plan = { name: "nothing", rank: 1, signal: "SIGTERM", graceMs: 0, forceSignal: "SIGKILL" } as const;
    const files = { cwd: "/", logFile: join(folder, "none.log"), env: {}, args: [] };
    await expect(startProcess({ ...plan, ...files, command: "/no/such/program" })).rejects.toThrow(
      /^nothing: cannot run \/no\/such\/program/,
    );
  });

  test("a zombie is not alive, although it can be signalled", async () => {
    const parent = spawn("/bin/sh", ["-c", "sleep 0.01 & echo $!; exec sleep 60"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    while (!readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z"))
      await new Promise((resolve) => setTimeout(resolve, 5));
    expect(process.kill(pid, 0)).toBe(true);
    expect(isAlive(pid)).toBe(false);
    parent.kill();
  });

  test("who belongs to somebody else is alive all the same", () => {
    expect(isAlive(1)).toBe(true);
    expect(isAlive(GONE_PID)).toBe(false);
  });

  test("its command line tells it from a stranger with the same number", () => {
    expect(commandLineOf(process.pid)).toContain("jest");
    expect(commandLineOf(GONE_PID)).toBe("");
    expect(commandLineOf(GONE_PID, "darwin")).not.toContain("jest");
  });
});

/** The poll of an adopted process does not keep Node alive by itself. */
async function keepAwake(until: Promise<unknown>): Promise<void> {
  const timer = setInterval(() => {}, 10);
  await until;
  clearInterval(timer);
}

describe("stopping", () => {
  test("S1: ranks end one after the other", async () => {
    const diary = join(folder, "order");
    const note = (name: string) => `trap 'sleep 0.05; echo ${name} >> ${diary}; exit 0' TERM`;
    const engine = await shell(note("engine"), { rank: 2 });
    const service = await shell(note("service"), { rank: 1 });
    await expect(stopProcesses([engine, service])).resolves.toEqual([]);
    expect(readFileSync(diary, "utf8")).toBe("service\nengine\n");
  });

  test("S2: each is asked by its own signal", async () => {
    const process = await shell("trap 'exit 5' INT", { signal: "SIGINT" });
    await stopProcesses([process]);
    await expect(process.gone).resolves.toMatchObject({ code: 5 });
  });

  test("S3: who does not go is forced, and named", async () => {
    const process = await shell("trap '' TERM", { graceMs: 50 });
    await expect(stopProcesses([process])).resolves.toEqual([process.name]);
    await expect(process.gone).resolves.toMatchObject({ signal: "SIGKILL" });
  });

  test("who is gone already needs no stopping", async () => {
    await expect(stopProcesses([{ ...started[0]!, pid: GONE_PID }])).resolves.toEqual([]);
  });

  test("the register forgets who is gone, and says so", async () => {
    const seen: number[][] = [];
    const register = makeRegister((plans) => seen.push(plans.map(({ pid }) => pid)));
    const process_ = await shell("true");
    register.add(process_);
    expect(register.plans()).toEqual([expect.objectContaining({ pid: process_.pid, signal: "SIGTERM" })]);
    process.kill(process_.pid, "SIGKILL");
    await process_.gone;
    expect(seen).toEqual([[process_.pid], []]);
  });
});

describe("the watchman", () => {
  test("W1: when the list ends it stops what the last whole line named", async () => {
    const [first, last] = [await shell("true"), await shell("true")];
    const lists = new PassThrough();
    const watching = keepWatch(lists);
    lists.write(`${JSON.stringify([first])}\n${JSON.stringify([last])}\n`);
    lists.end('[{"name":"half');
    await watching;
    await expect(last.gone).resolves.toMatchObject({ signal: "SIGTERM" });
    expect(isAlive(first.pid)).toBe(true);
  });

  test("W2: after an empty list it stops nobody", async () => {
    const process = await shell("true");
    const watchman = await openWatchman(folder);
    watchman.watch([process]);
    await watchman.close();
    expect(isAlive(process.pid)).toBe(true);
    expect(existsSync(join(folder, "watchman.pid"))).toBe(false);
  });

  test("killed itself, it does not disturb the launcher", async () => {
    const watchman = await openWatchman(folder);
    process.kill(watchman.pid, "SIGKILL");
    await stopProcesses([{ ...started[0]!, pid: watchman.pid }]);
    watchman.watch([]);
    watchman.watch([]);
    await watchman.close();
  });

  test("the next launcher waits for the watchman of the last one, and for no stranger", async () => {
    const lines: string[] = [];
    const watchman = await openWatchman(folder);
    const waiting = awaitEarlierWatchman(folder, (line) => lines.push(line), never);
    await watchman.close();
    await waiting;
    expect(lines).toEqual([expect.stringMatching(/earlier start was killed/)]);
    writeFileSync(join(folder, "watchman.pid"), String(process.pid));
    await awaitEarlierWatchman(folder, (line) => lines.push(line), never);
    writeFileSync(join(folder, "watchman.pid"), "nonsense");
    await awaitEarlierWatchman(folder, (line) => lines.push(line), never);
    await awaitEarlierWatchman(folder, (line) => lines.push(line), never);
    rmSync(join(folder, "watchman.pid"));
    await awaitEarlierWatchman(folder, (line) => lines.push(line), never);
    expect(lines).toHaveLength(1);
  });

  test("the next launcher does not insist on waiting", async () => {
    const watchman = await openWatchman(folder);
    await awaitEarlierWatchman(folder, () => {}, AbortSignal.abort());
    expect(isAlive(watchman.pid)).toBe(true);
    await watchman.close();
  });
});

describe("one launcher for each folder", () => {
  const own = () => ({ pid: process.pid, command: commandLineOf(process.pid) });

  test("it tells the next one where things are, and leaves nothing behind", () => {
    const run = join(folder, "lock");
    const lock = takeInstanceLock(run);
    if ("pid" in lock) throw new Error("nobody else runs here");
    lock.publish([["conductor", "127.0.0.1:50051"]]);
    expect(JSON.parse(readFileSync(join(run, "launcher.json"), "utf8"))).toEqual({
      ...own(),
      addresses: [["conductor", "127.0.0.1:50051"]],
    });
    lock.release();
    expect(existsSync(join(run, "launcher.json"))).toBe(false);
  });

  test("N1: one that runs is respected", async () => {
    const run = join(folder, "taken");
    const process = await shell("true");
    const other = { pid: process.pid, command: commandLineOf(process.pid), addresses: [] };
    mkdirSync(run);
    writeFileSync(join(run, "launcher.json"), JSON.stringify(other));
    expect(takeInstanceLock(run)).toEqual(other);
  });

  test("a lock of the dead, of a stranger with the same number, or one that cannot be read is broken", async () => {
    const process = await shell("true");
    const abandoned = [
      JSON.stringify({ pid: GONE_PID, command: "x", addresses: [] }),
      JSON.stringify({ pid: process.pid, command: "another program", addresses: [] }),
      "{",
    ];
    for (const [index, content] of abandoned.entries()) {
      const run = join(folder, `abandoned-${index}`);
      mkdirSync(run);
      writeFileSync(join(run, "launcher.json"), content);
      expect("release" in takeInstanceLock(run)).toBe(true);
    }
  });

  test("a folder that cannot hold a lock is a fault", () => {
    const run = join(folder, "odd");
    mkdirSync(join(run, "launcher.json", "child"), { recursive: true });
    expect(() => takeInstanceLock(run)).toThrow(/EISDIR/);
  });
});

describe("what an earlier start left", () => {
  const say = (lines: string[]) => (line: string) => lines.push(line);

  test("a service that still runs is stopped", async () => {
    const process = await shell("true");
    const lines: string[] = [];
    noteProcess(folder, process);
    await stopLeftover(folder, process.name, say(lines));
    expect(lines).toEqual([`${process.name} of an earlier start still runs (process ${process.pid}); stopping it`]);
    expect(isAlive(process.pid)).toBe(false);
    await stopLeftover(folder, process.name, say(lines));
    expect(lines).toHaveLength(1);
  });

  test("a stranger to whom its number was given is left alone", async () => {
    const stranger = await shell("true");
    const note = { plan: { ...stranger, name: "service" }, command: "node services/conductor/main.ts" };
    writeFileSync(join(folder, "service.json"), JSON.stringify(note));
    await stopLeftover(folder, "service", () => {});
    expect(isAlive(stranger.pid)).toBe(true);
  });
});

describe("an address", () => {
  test("one that is taken, or cannot be had, is a line that names the variable, exit 2", async () => {
    const server: Server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const listen = { host: "127.0.0.1", port: (server.address() as { port: number }).port };
    await expect(listenFault(listen)).resolves.toBe("EADDRINUSE");
    expect(takenPort("COS_X_LISTEN", listen, "EADDRINUSE")).toMatchObject({
      exitCode: 2,
      message: `COS_X_LISTEN: 127.0.0.1:${listen.port} is in use by another program; free it or choose another one`,
    });
    server.close();
    await once(server, "close");
    await expect(listenFault(listen)).resolves.toBeUndefined();
    const foreign = { host: "192.0.2.1", port: 1_024 };
    await expect(listenFault(foreign)).resolves.toBe("EADDRNOTAVAIL");
    expect(takenPort("COS_X_LISTEN", foreign, "EADDRNOTAVAIL").message).toMatch(
      /cannot be listened on \(EADDRNOTAVAIL\)/,
    );
  });
});
