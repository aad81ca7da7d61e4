import { join } from "node:path";
import { listenToSignals } from "./listen-to-signals.ts";
import { runCommand } from "./run-command.ts";

// A terminal that is gone must not keep us from stopping in good order.
process.stdout.on("error", () => {});

process.exit(
  await runCommand(process.argv.slice(2), {
    env: process.env,
    root: join(import.meta.dirname, "..", ".."),
    say: (line) => void process.stdout.write(`${line}\n`),
    ...listenToSignals(process),
  }),
);
