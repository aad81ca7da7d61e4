import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { keepOutput } from "./keep-output.ts";
import { eventually } from "./mesh-wait.ts";

export interface Ended {
  /** 128 + n for one that a signal ended. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program as a user starts it, whose output can be read while it runs. */
export interface RunningCommand {
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves once either output matches; fails when the program ends without it, or after 20 seconds. */
  says(pattern: RegExp): Promise<void>;
  readonly ended: Promise<Ended>;
}

const SIGNAL_NUMBERS: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGKILL: 9, SIGTERM: 15 };

/** Starts a program; nothing of ours that begins with `COS_` reaches it but what `options.env` says. */
export function startCommand(file: string, args: readonly string[], options: SpawnOptions = {}): RunningCommand {
  const child = spawn(file, args, { stdio: ["ignore", "pipe", "pipe"], ...options, env: environment(options.env) });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  let over = false;
  const ended = once(child, "close").then((how) => {
    const [code, signal] = how as [number | null, NodeJS.Signals | null];
    over = true;
    keepOutput(args, { stdout, stderr });
    return { code: code ?? 128 + (SIGNAL_NUMBERS[signal as NodeJS.Signals] ?? 0), stdout, stderr };
  });
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    async says(pattern) {
      await eventually(() => pattern.test(stdout) || pattern.test(stderr) || over, 20_000);
      if (pattern.test(stdout) || pattern.test(stderr)) return;
      throw new Error(`${file} never said ${pattern}:\n${stdout}\n${stderr}`);
    },
  };
}

/** Runs a program to its end; after `limitMs` it is asked to end (SIGTERM). */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: SpawnOptions & { input?: string; limitMs?: number } = {},
): Promise<Ended> {
  const { input, limitMs = 30_000, ...rest } = options;
  const running = startCommand(file, args, { stdio: ["pipe", "pipe", "pipe"], ...rest });
  const limit = setTimeout(() => running.process.kill("SIGTERM"), limitMs);
  running.process.stdin?.on("error", () => {});
  running.process.stdin?.end(input);
  try {
    return await running.ended;
  } finally {
    clearTimeout(limit);
  }
}

/** What tests give to a process: the machine's environment without the settings of whoever runs the tests. */
export function environment(given: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("COS_"));
  return { ...Object.fromEntries(own), ...given };
}
