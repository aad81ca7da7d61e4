// A command that is run for an event.
//
// Purpose: it gets the event, what it says and how it ends is told, and nothing of it is left behind.
// Owner: one handler of `cos consume`.
//
//  R1  It is a process group of its own: Ctrl-C at the terminal does not reach it.
//  R2  When it has ended, when the signal fires, and when this process exits, the whole group is killed. Only a kill -9 of this process
//      leaves it behind.
//
// Failure mode: a command that cannot be started rejects.
import { type ChildProcess, spawn } from "node:child_process";
import { StringDecoder } from "node:string_decoder";

export interface CommandRun {
  readonly command: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly input: string;
  readonly onOut: (text: string) => void;
  readonly onErr: (text: string) => void;
  readonly signal: AbortSignal;
}

export interface CommandEnd {
  /** Undefined: a signal ended it. */
  readonly code: number | undefined;
  readonly killedBy: string | undefined;
  /** The last line that it wrote to its standard error; empty: none. */
  readonly lastError: string;
}

/** What is kept of standard error to find its last line in, in characters. */
const ERROR_KEPT_MAX = 4_000;

export async function runCommand({ command, env, input, onOut, onErr, signal }: CommandRun): Promise<CommandEnd> {
  const child = spawn("/bin/sh", ["-c", command], { env: { ...env }, stdio: "pipe", detached: true });
  const kill = (): void => killGroup(child);
  signal.addEventListener("abort", kill, { once: true });
  process.once("exit", kill);
  let said = "";
  hear(child.stdout, onOut);
  hear(child.stderr, (text) => {
    said = (said + text).slice(-ERROR_KEPT_MAX);
    onErr(text);
  });
  // Whoever does not read it does not want it.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  try {
    const ended = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (...how) => resolve(how));
    });
    // What it left running holds its pipes open: `close` comes when that is gone too.
    child.once("exit", kill);
    if (signal.aborted) kill();
    const [code, killedBy] = await ended;
    const lastError = said.trimEnd().split("\n").at(-1)?.trim() ?? "";
    return { code: code ?? undefined, killedBy: killedBy ?? undefined, lastError };
  } finally {
    signal.removeEventListener("abort", kill);
    process.off("exit", kill);
    kill();
  }
}

function hear(stream: NodeJS.ReadableStream, tell: (text: string) => void): void {
  const decoder = new StringDecoder("utf8");
  stream.on("data", (chunk: Buffer) => tell(decoder.write(chunk)));
}

function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // Nobody is left of it.
  }
}
