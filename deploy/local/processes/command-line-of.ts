import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

/**
 * The words with which a process was started, joined by spaces; empty when it is gone or cannot be asked.
 *
 * A process number is given again after a while, so nothing is adopted or stopped by its number alone.
 */
export function commandLineOf(pid: number, platform: string = process.platform): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch {
    if (platform === "linux" || platform === "win32") return "";
    const { error, stdout } = spawnSync("ps", ["-o", "command=", "-p", String(pid)], { encoding: "utf8" });
    return error === undefined ? stdout.trim() : "";
  }
}
