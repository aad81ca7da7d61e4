import { readFileSync } from "node:fs";

/**
 * True while the process runs.
 *
 * A zombie does not run, although it can still be signalled: where nobody reaps orphans (a container without an init)
 * what the last launcher left stays a zombie for ever, and waiting for it would never end.
 */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  return !isZombie(pid);
}

const STATE = 0;
const THREADS = 17;

function isZombie(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // "pid (name) state ...": the name may itself hold parentheses and spaces.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // The first thread may be a zombie while others still hold the process's sockets.
    return fields[STATE] === "Z" && Number(fields[THREADS]) <= 1;
  } catch {
    return false;
  }
}
