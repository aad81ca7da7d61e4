import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandLineOf } from "./processes/command-line-of.ts";
import { isAlive } from "./processes/is-alive.ts";
import { type StopPlan, stopProcesses } from "./processes/stop-processes.ts";

/** A process as the next launcher needs to know it. */
interface Note {
  readonly plan: StopPlan;
  /** Tells it from a stranger to whom its number was given. */
  readonly command: string;
}

/** Notes a service's process in `runDir`, for a launcher after one that was killed together with its watchman. */
export function noteProcess(runDir: string, { name, pid, rank, signal, graceMs, forceSignal }: StopPlan): void {
  const note: Note = { plan: { name, pid, rank, signal, graceMs, forceSignal }, command: commandLineOf(pid) };
  writeFileSync(fileOf(runDir, name), JSON.stringify(note));
}

/**
 * Stops what an earlier start left of a service. It is replaced, not adopted: it may run older code, and its settings
 * are those of its own start.
 */
export async function stopLeftover(runDir: string, name: string, say: (line: string) => void): Promise<void> {
  const file = fileOf(runDir, name);
  const note = readNote(file);
  if (note !== undefined && isAlive(note.plan.pid) && commandLineOf(note.plan.pid) === note.command) {
    say(`${name} of an earlier start still runs (process ${note.plan.pid}); stopping it`);
    await stopProcesses([note.plan]);
  }
  rmSync(file, { force: true });
}

const fileOf = (runDir: string, name: string) => join(runDir, `${name}.json`);

function readNote(file: string): Note | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Note;
  } catch {
    return undefined;
  }
}
