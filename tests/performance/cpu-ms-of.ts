import { readFileSync } from "node:fs";
import { childrenOf } from "#tests/support/children-of.ts";

/** The CPU used so far, in milliseconds; NaN where the system does not say. */
export type CpuMs = () => number;

/** What `getconf CLK_TCK` says on every Linux. */
const TICK_MS = 10;

/**
 * User and system time of a process and of its children (proc(5), fields 14 to 17 of `stat`). The best figure that a busy
 * machine gives: it hardly depends on who else is at work.
 */
export function cpuMsOf(pid: number): CpuMs {
  return () => ticksOf(pid) * TICK_MS;
}

function ticksOf(pid: number): number {
  if (process.platform !== "linux") return Number.NaN;
  return [pid, ...childrenOf(pid)].reduce((sum, each) => sum + ownTicks(each, each === pid), 0);
}

/** With those of the children that have ended, if it is the parent. */
function ownTicks(pid: number, isParent: boolean): number {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name before the parenthesis may contain anything, spaces too.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields.slice(11, isParent ? 15 : 13).reduce((sum, ticks) => sum + Number(ticks), 0);
  } catch {
    // It has ended in the meantime: its parent counts it now.
    return 0;
  }
}
