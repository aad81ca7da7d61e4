// The process around the `cos` command: its streams, its signals, its exit code.
import { userInfo } from "node:os";
import { fileURLToPath } from "node:url";
import { EXIT } from "./exit-codes.ts";
import { processEvents } from "./process-events.ts";
import { runCli } from "./run-cli.ts";

/** Ctrl-C may come twice at once, from the terminal and passed on by `bin/cos.mjs`; a person is slower, in milliseconds. */
const SAME_SIGNAL_MS = 50;

const interrupted = new AbortController();
let interruptedAt: number | undefined;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.on(signal, () => {
    interruptedAt ??= performance.now();
    // Whoever repeats it does not want to wait.
    if (performance.now() - interruptedAt > SAME_SIGNAL_MS) process.exit(EXIT.interrupted);
    interrupted.abort();
  });
}

const exitCode = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  root: fileURLToPath(new URL("../..", import.meta.url)),
  signal: interrupted.signal,
  processEvents,
  openTransport: async (target) => (await import("#shared/rpc/open-transport.ts")).openTransport(target),
  userName: () => userInfo().username,
});
// Not left to the event loop: standard input may still be open, and its reader waits for nobody.
process.exit(exitCode);
