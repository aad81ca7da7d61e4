import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { commandLineOf } from "./processes/command-line-of.ts";
import { isAlive } from "./processes/is-alive.ts";
import type { StopPlan } from "./processes/stop-processes.ts";

export interface Watchman {
  readonly pid: number;
  /** What would have to be stopped from now on. */
  readonly watch: (plans: readonly StopPlan[]) => void;
  /** Nothing is left to watch over. */
  readonly close: () => Promise<void>;
}

const SCRIPT = join(import.meta.dirname, "watchman.ts");
const NOTE = "watchman.pid";
const POLL_MS = 50;

/** Starts the watchman; its number is noted in `runDir` for the next launcher. */
export async function openWatchman(runDir: string): Promise<Watchman> {
  const child = spawn(process.execPath, [SCRIPT], { cwd: "/", detached: true, stdio: ["pipe", "ignore", "ignore"] });
  await once(child, "spawn");
  const { pid, stdin } = child;
  const note = join(runDir, NOTE);
  writeFileSync(note, String(pid));
  stdin.on("error", () => {
    // It was killed. What it was for still holds at the next start (keep-watch.ts, failure).
  });
  const gone = once(child, "exit");
  child.unref();
  return {
    pid: pid as number,
    watch: (plans) => stdin.write(`${JSON.stringify(plans)}\n`),
    async close() {
      child.ref();
      stdin.end("[]\n");
      if (child.exitCode === null && child.signalCode === null) await gone;
      rmSync(note, { force: true });
    },
  };
}

/** Waits until the watchman of a launcher that was killed has done its work; adopting anything before would be in vain. */
export async function awaitEarlierWatchman(
  runDir: string,
  say: (line: string) => void,
  stop: AbortSignal,
): Promise<void> {
  const pid = notedPid(join(runDir, NOTE));
  const isAtWork = () => pid !== undefined && isAlive(pid) && commandLineOf(pid).includes(SCRIPT);
  if (isAtWork()) say("An earlier start was killed; waiting until what it left has stopped ...");
  while (isAtWork() && !stop.aborted) await sleep(POLL_MS);
}

function notedPid(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8")) || undefined;
  } catch {
    return undefined;
  }
}
