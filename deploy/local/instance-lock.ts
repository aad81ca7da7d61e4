// One launcher for each data folder.
//
// Purpose: two launchers would start the same engines and services twice, and stop each other's.
// Owner:   the launcher, from before anything is started until after everything has stopped.
//
//  O1  The lock is a file that appears with its content at once (a hard link to a finished draft), for one process alone.
//  O2  It holds while its owner lives: a process of that number with that command line, not a stranger of that number.
//  O3  Whoever finds it abandoned moves it aside before taking it, and puts it back if it was no longer the abandoned one.
//
// Failure: of three launchers that start within the same millisecond after a crash, two may win; the second then finds
//          the addresses taken and ends.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { commandLineOf } from "./processes/command-line-of.ts";
import { isAlive } from "./processes/is-alive.ts";

/** What the running launcher tells the next one. */
export interface Instance {
  readonly pid: number;
  /** The launcher's command line, by which its number is told from a stranger's. */
  readonly command: string;
  /** What people can connect to, `["conductor", "127.0.0.1:50051"]`. */
  readonly addresses: readonly (readonly [name: string, address: string])[];
}

export interface InstanceLock {
  /** Tells the next launcher where things are. */
  readonly publish: (addresses: Instance["addresses"]) => void;
  readonly release: () => void;
}

/** Makes this launcher the only one on a folder, or answers with the one that runs. */
export function takeInstanceLock(runDir: string): InstanceLock | Instance {
  mkdirSync(runDir, { recursive: true });
  const file = join(runDir, "launcher.json");
  const own: Instance = { pid: process.pid, command: commandLineOf(process.pid), addresses: [] };
  const draft = `${file}.${process.pid}`;
  const write = (instance: Instance) => writeFileSync(draft, JSON.stringify(instance));
  try {
    write(own);
    for (;;) {
      if (links(draft, file)) break;
      const other = readInstance(file);
      if (other !== undefined && isRunning(other)) return other;
      breakLock(file, other);
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return {
    publish(addresses) {
      write({ ...own, addresses });
      renameSync(draft, file);
    },
    release: () => rmSync(file, { force: true }),
  };
}

/** The lock appears with its content at once, and for one process alone. */
function links(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

/** Takes an abandoned lock away; puts it back if somebody faster has made it theirs in between. */
function breakLock(file: string, abandoned: Instance | undefined): void {
  const aside = `${file}.broken.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (readInstance(aside)?.pid !== abandoned?.pid) links(aside, file);
  rmSync(aside, { force: true });
}

function isRunning({ pid, command }: Instance): boolean {
  return pid !== process.pid && isAlive(pid) && commandLineOf(pid) === command;
}

function readInstance(file: string): Instance | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Instance;
  } catch {
    return undefined;
  }
}
