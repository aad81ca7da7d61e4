import { readFileSync } from "node:fs";
import { join } from "node:path";

/** What a running PostgreSQL writes into `postmaster.pid` of its data folder. */
export interface Postmaster {
  readonly pid: number;
  readonly port: number;
}

export const POSTMASTER_FILE = "postmaster.pid";

/**
 * Reads who runs, or ran, on a data folder; undefined when nobody does.
 *
 * The lines are: process, data folder, start time, port, socket folder, address, shared memory, state
 * (PostgreSQL, src/include/utils/pidfile.h).
 */
export function readPostmaster(dataDir: string): Postmaster | undefined {
  try {
    const lines = readFileSync(join(dataDir, POSTMASTER_FILE), "utf8").split("\n");
    const pid = Number(lines[0]);
    return pid > 0 ? { pid, port: Number(lines[3]) } : undefined;
  } catch {
    return undefined;
  }
}
