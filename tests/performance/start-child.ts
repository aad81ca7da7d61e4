import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Closers } from "#shared/lifecycle/closers.ts";

const ROOT = join(import.meta.dirname, "..", "..");
const STOP_GRACE_MS = 20_000;

export interface ChildOptions {
  readonly name: string;
  /** From the root of the repository. */
  readonly script: string;
  readonly args?: readonly string[];
  readonly nodeArgs?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Unset: the benchmark's own standard error. */
  readonly logFile?: string;
}

/**
 * A process of its own, of this very Node. It is stopped with the closers, and by itself when this process is gone: its IPC
 * channel closes then.
 */
export async function startChild(options: ChildOptions, closers: Closers): Promise<ChildProcess> {
  const log = options.logFile === undefined ? "inherit" : openSync(options.logFile, "a", 0o600);
  const output = options.logFile === undefined ? 2 : log;
  const args = [...(options.nodeArgs ?? []), join(ROOT, options.script), ...(options.args ?? [])];
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...options.env },
    stdio: ["ignore", output, log, "ipc"],
  });
  if (typeof log === "number") closeSync(log);
  await once(child, "spawn");
  closers.add(options.name, () => stop(child));
  return child;
}

/** The next message of a child; rejects when it ends instead. */
export async function answerOf<Answer>(child: ChildProcess): Promise<Answer> {
  const over = new AbortController();
  const ended = once(child, "exit", { signal: over.signal }).then(([code]) => {
    throw new Error(`a process of the benchmark ended with ${code}`);
  });
  try {
    const [answer] = (await Promise.race([once(child, "message", { signal: over.signal }), ended])) as [Answer];
    return answer;
  } finally {
    ended.catch(() => undefined);
    over.abort();
  }
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const force = setTimeout(() => child.kill("SIGKILL"), STOP_GRACE_MS);
  await gone;
  clearTimeout(force);
}
