// A process that the launcher answers for, whether it started it or found it running.
//
// Purpose: one shape for both, so that stopping, watching and restarting need not know which it is.
// Owner:   whoever called startProcess or adoptProcess; the process itself may outlive its owner.
//
//  P1  Each has a process group of its own. Ctrl-C reaches the launcher's group alone, and so nothing but the launcher
//      decides in which order things end.
//  P2  Output goes straight to a file. A launcher that dies does not break a pipe under a service that still drains.
//  P3  `gone` resolves once, when the process has ended, however that happened. It never rejects.
//
// Failure: a process that was adopted has no exit code for us; `code` is then undefined.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LaunchFault } from "../launch-fault.ts";
import { isAlive } from "./is-alive.ts";
import type { StopPlan } from "./stop-processes.ts";

export interface Ended {
  readonly code: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
}

export interface ManagedProcess extends StopPlan {
  readonly adopted: boolean;
  readonly gone: Promise<Ended>;
}

interface StartOptions extends Omit<StopPlan, "pid"> {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Standard output and standard error are appended to it. */
  readonly logFile: string;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Holds an IPC channel to it, whose end tells it that the launcher is gone. */
  readonly ipc?: boolean;
}

/** Starts a process; rejects with a LaunchFault when there is no such program. */
export async function startProcess(options: StartOptions): Promise<ManagedProcess> {
  const child = spawnDetached(options);
  const gone = new Promise<Ended>((resolve) => {
    child.once("exit", (code, signal) => resolve({ code: code ?? undefined, signal: signal ?? undefined }));
  });
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) =>
      reject(new LaunchFault(`${options.name}: cannot run ${options.command} (${cause.message})`, { cause })),
    );
  });
  const { name, rank, signal, graceMs, forceSignal } = options;
  return { name, rank, signal, graceMs, forceSignal, pid: child.pid as number, adopted: false, gone };
}

function spawnDetached(options: StartOptions): ChildProcess {
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, "a", 0o600);
  try {
    const { uid, gid } = options;
    const child = spawn(options.command, options.args, {
      cwd: options.cwd,
      env: options.env,
      detached: true,
      windowsHide: true,
      stdio: options.ipc ? ["ignore", log, log, "ipc"] : ["ignore", log, log],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    });
    child.unref();
    child.channel?.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

const POLL_MS = 200;

/** Answers for a process that already runs. The caller has made sure that it is the one that is meant. */
export function adoptProcess(plan: StopPlan): ManagedProcess {
  return { ...plan, adopted: true, gone: waitUntilGone(plan.pid) };
}

async function waitUntilGone(pid: number): Promise<Ended> {
  while (isAlive(pid)) await sleep(POLL_MS, undefined, { ref: false });
  return { code: undefined, signal: undefined };
}
