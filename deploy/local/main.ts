import { join } from "node:path";
import { followParent } from "./follow-parent.ts";
import { listenToSignals } from "./listen-to-signals.ts";
import { runCommand } from "./run-command.ts";

// A terminal that is gone must not keep us from stopping in good order.
process.stdout.on("error", () => {});

// Whoever starts the launcher without npm may leave it running behind their back.
if (process.env.npm_lifecycle_event !== undefined) followParent(process, () => process.kill(process.pid, "SIGTERM"));

process.exit(
  await runCommand(process.argv.slice(2), {
    env: process.env,
    root: join(import.meta.dirname, "..", ".."),
    say: (line) => void process.stdout.write(`${line}\n`),
    ...listenToSignals(process),
  }),
);
