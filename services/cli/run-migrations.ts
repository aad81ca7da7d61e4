import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Cli } from "./cli.ts";
import { EXIT } from "./exit-codes.ts";

const SCRIPT = fileURLToPath(new URL("../conductor/migrate.ts", import.meta.url));

/** `cos migrate`: a process of the service that owns the schema, since the command itself knows no database. */
export async function runMigrations(cli: Cli, script = SCRIPT): Promise<number> {
  const { env, signal } = cli.terminal;
  const child = spawn(process.execPath, [script], { env: { ...env }, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.on("data", (chunk: Buffer) => void cli.out.write(chunk.toString()).catch(() => undefined));
  child.stderr.on("data", (chunk: Buffer) => void cli.err.write(chunk.toString()).catch(() => undefined));
  // SIGINT, so that the migration in hand is rolled back rather than cut off.
  const interrupt = (): void => void child.kill("SIGINT");
  signal.addEventListener("abort", interrupt, { once: true });
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", (code) => resolve(signal.aborted ? EXIT.interrupted : (code ?? EXIT.failed)));
    });
  } finally {
    signal.removeEventListener("abort", interrupt);
  }
}
