import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** The process numbers of the direct children of a process. */
export function childrenOf(pid: number): number[] {
  const pairs = existsSync("/proc/self/stat") ? fromProc() : fromPs();
  return pairs.filter(({ parent }) => parent === pid).map((pair) => pair.pid);
}

interface Pair {
  readonly pid: number;
  readonly parent: number;
}

function fromProc(): Pair[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        // "pid (name) state parent ..."; the name may hold anything.
        return [{ pid: Number(name), parent: Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) }];
      } catch {
        return [];
      }
    });
}

function fromPs(): Pair[] {
  const { stdout } = spawnSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  return stdout
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number))
    .map(([pid = 0, parent = 0]) => ({ pid, parent }));
}
