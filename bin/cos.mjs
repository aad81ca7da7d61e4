#!/usr/bin/env node
// The door to the `cos` command, for whatever Node.js is at hand (from 20 on): installs what is missing, then runs the
// command on the project's own Node.js, in this process where possible.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const main = join(root, "services", "cli", "main.ts");
/** From this one on, TypeScript runs as it is. */
const NODE_MAJOR = 26;
const FORWARDED = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The program of the platform package that `npm ci` installed. */
function ownNode() {
  const windows = process.platform === "win32";
  const family = process.platform === "darwin" && process.arch === "arm64" ? "node-bin" : "node";
  const folder = `${family}-${windows ? "win" : process.platform}-${process.arch}`;
  return join(root, "node_modules", folder, "bin", windows ? "node.exe" : "node");
}

/** Runs the command as a child that gets our signals; ends as it ends. */
function runAsChild() {
  const child = spawn(ownNode(), [main, ...process.argv.slice(2)], { stdio: "inherit" });
  // Ctrl-C reaches parent and child alike, a `kill` only the parent: so all are passed on, and the command takes two
  // that come at once for one (services/cli/main.ts).
  for (const signal of FORWARDED) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    console.error(`cos: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

/** Runs the command in place of this process, where the platform and this Node.js can do that (from 22.15 on). */
function runInPlace() {
  if (process.execve === undefined || process.platform === "win32") return false;
  const { emitWarning } = process;
  // It is still called experimental, which is no concern of the one who types.
  process.emitWarning = () => undefined;
  try {
    process.execve(ownNode(), [ownNode(), main, ...process.argv.slice(2)], process.env);
  } catch {
    process.emitWarning = emitWarning;
  }
  return false;
}

await import("../scripts/setup.mjs");
// Set-up has said what is missing.
if (!process.exitCode) {
  if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR) await import(main);
  else if (!runInPlace()) runAsChild();
}
