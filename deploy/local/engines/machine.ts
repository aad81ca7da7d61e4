import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { findRedis } from "./find-redis.ts";

/** The part of the machine that the installation depends on. */
export interface Machine {
  has(program: string): boolean;
  isRoot(): boolean;
  /** Whether sudo asks for no password. */
  maySudo(): boolean;
  /** Answers with the exit code; the output goes to `logFile`. */
  run(command: readonly string[], logFile: string): Promise<number>;
  findRedis(): string | undefined;
}

/** The machine on which we run. */
export const thisMachine: Machine = {
  has: (program) => spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined,
  isRoot: () => process.getuid?.() === 0,
  maySudo: () => spawnSync("sudo", ["-n", "true"], { stdio: "ignore" }).status === 0,
  async run([program = "", ...args], logFile) {
    mkdirSync(dirname(logFile), { recursive: true });
    const log = openSync(logFile, "a");
    try {
      const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
      const child = spawn(program, args, { env, stdio: ["ignore", log, log] });
      const [code] = (await once(child, "exit")) as [number | null];
      return code ?? 1;
    } catch {
      // There is no such program, although it was there a moment ago.
      return 1;
    } finally {
      closeSync(log);
    }
  },
  findRedis: () => findRedis(),
};
