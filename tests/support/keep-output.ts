// What the processes of a run wrote, kept for the search at its end (global-teardown.ts).
//
// Kept are the processes that are ours; foreign clients print what they were answered. Of those commands of ours that print for the
// person who called them (a memory, a new token), standard error alone is kept.
import { randomUUID } from "node:crypto";
import { copyFileSync, existsSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Commands whose standard output is their answer. */
const ANSWERING = [join("bin", "cos.mjs"), join("services", "cli", "main.ts"), join("conductor", "owner-token.ts")];

/** Keeps what a program wrote, if it is one of ours. */
export function keepOutput(
  args: readonly string[],
  written: { readonly stdout: string; readonly stderr: string },
): void {
  const script = args.find((arg) => /\.(?:ts|mjs)$/.test(arg));
  if (script === undefined) return;
  const answers = ANSWERING.some((name) => script.endsWith(name));
  keep(basename(script), written.stderr + (answers ? "" : written.stdout));
}

/**
 * Keeps what a launcher showed, but for the two lines that are for whoever started it: the link with its token, and what to try. Keeps
 * its logs, too.
 */
export function keepLauncher(dataFolder: string | undefined, shown: string): void {
  keep("launcher", shown.replace(/^(?:Look, as the owner|COS is up\. Try):.*$/gm, ""));
  const logs = join(dataFolder ?? "", "logs");
  const folder = process.env.COS_TEST_RUN_OUTPUT;
  if (dataFolder === undefined || folder === undefined || !existsSync(logs)) return;
  for (const name of readdirSync(logs)) copyFileSync(join(logs, name), join(folder, named(name)));
}

function keep(name: string, text: string): void {
  const folder = process.env.COS_TEST_RUN_OUTPUT;
  if (folder !== undefined && text !== "") writeFileSync(join(folder, named(name)), text, { mode: 0o600 });
}

/** No two are the same, although every test file has this module to itself. */
function named(name: string): string {
  return `${randomUUID().slice(0, 8)}-${name}`;
}
