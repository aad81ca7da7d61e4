import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Cli } from "./cli.ts";
import { EXIT } from "./exit-codes.ts";

const SERVICES = new URL("../", import.meta.url);

/** Runs jobs one after the other; the first that does not succeed is the last, and its exit code that of all. */
export async function runJobs(cli: Cli, jobs: readonly string[], folder?: URL): Promise<number> {
  for (const job of jobs) {
    const code = await runJob(cli, job, folder);
    if (code !== EXIT.ok) return code;
  }
  return EXIT.ok;
}

/**
 * Runs one of the services' jobs (`conductor/migrate.ts`), which work on the database itself, in a process of its own, since the
 * command knows no database; the exit code is the job's.
 */
export async function runJob(cli: Cli, job: string, folder: URL = SERVICES): Promise<number> {
  const { env, signal } = cli.terminal;
  const script = fileURLToPath(new URL(job, folder));
  const child = spawn(process.execPath, [script], { env: { ...env }, stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.on("data", (chunk: Buffer) => void cli.out.write(chunk.toString()).catch(() => undefined));
  child.stderr.on("data", (chunk: Buffer) => void cli.err.write(chunk.toString()).catch(() => undefined));
  // SIGINT, so that what is in hand is rolled back rather than cut off.
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
