// The launcher with a service that needs nothing (fake-service.ts), as a process of its own: one that can be killed.

import { join } from "node:path";
import { argv } from "node:process";
import { listenToSignals } from "#deploy/local/listen-to-signals.ts";
import { runCommand } from "#deploy/local/run-command.ts";
import type { Service } from "#deploy/local/services.ts";
import { listen } from "#shared/config/settings.ts";

const setting = listen({
  name: "FAKE_LISTEN",
  about: "Where the fake listens.",
  fallback: { host: "127.0.0.1", port: 50_999 },
});

export const FAKE_SERVICE: Service = {
  name: "fake",
  entry: "tests/support/fake-service.ts",
  listen: setting,
  settings: { listen: setting },
  check: () => {},
  entrance: () => ({ auth: "local", certificate: undefined }),
  postgresVariable: "COS_FAKE_POSTGRES_URL",
  about: "a fake",
  drainMs: () => 1_000,
  migrate: async () => {},
};

export const ROOT = join(import.meta.dirname, "..", "..");

if (argv[1] === import.meta.filename) {
  const say = (line: string) => void process.stdout.write(`${line}\n`);
  const host = { env: process.env, root: ROOT, say, ...listenToSignals(process) };
  process.exit(await runCommand(argv.slice(2), host, [FAKE_SERVICE]));
}
