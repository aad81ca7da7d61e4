import { type ChildProcess, spawn } from "node:child_process";

/** Ends a private server, and removes its folder, when the process that holds it is gone, however it went. */
export interface Guard {
  /** The server was stopped in good order: nothing is left to do. */
  release(): void;
}

// Standard input is a pipe from us; it ends when we do. SIGCONT first: a frozen process cannot hear anything else.
const SCRIPT = 'read -r _; kill -CONT "$1"; kill -QUIT "$1"; sleep 1; kill -KILL "$1"; rm -rf "$2"';

/** Guards the server with the process number `pid`, whose folder is `folder`. */
export function killWithUs(pid: number, folder: string): Guard {
  const guard: ChildProcess = spawn("/bin/sh", ["-c", SCRIPT, "guard", String(pid), folder], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  guard.unref();
  (guard.stdin as unknown as { unref(): void }).unref();
  return { release: () => guard.kill("SIGKILL") };
}
