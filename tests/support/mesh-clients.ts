// Programs in other languages, made ready for the tests that run them; each of these functions answers with undefined
// where the machine lacks what it takes.
import { spawnSync } from "node:child_process";
import { cpSync, globSync, mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { test } from "@jest/globals";
import { findTool } from "./find-tool.ts";
import { environment } from "./mesh-command.ts";
import { ROOT } from "./mesh-process.ts";

export const CLIENTS = join(import.meta.dirname, "clients");

/** `test`, or `test.skip` with a printed line; with COS_TEST_REQUIRE_ALL=1 it throws instead. See `needs` of tools.ts. */
export function testWith(client: string | undefined, lacking: string): typeof test | typeof test.skip {
  if (client !== undefined) return test;
  if (process.env.COS_TEST_REQUIRE_ALL === "1") throw new Error(`needs ${lacking}, and COS_TEST_REQUIRE_ALL is set`);
  process.stderr.write(`skipped for want of ${lacking}\n`);
  return test.skip;
}

/** A Python that has grpcio and its tools: the project's own virtual environment, or the machine's. */
export function pythonWithGrpc(): string | undefined {
  const candidates = [join(ROOT, ".cos", "python", "bin", "python3"), findTool("python3")];
  const program = "import grpc_tools, grpc_health, grpc_reflection";
  return candidates.find((python) => python !== undefined && spawnSync(python, ["-c", program]).status === 0);
}

/** Makes Python's stubs of our contracts in a folder. */
export function makePythonStubs(python: string, folder: string): void {
  const proto = join(ROOT, "proto");
  const files = globSync(["cos/**/*.proto", "buf/**/*.proto"], { cwd: proto });
  const out = [`-I${proto}`, `--python_out=${folder}`, `--grpc_python_out=${folder}`];
  runHere(python, ["-m", "grpc_tools.protoc", ...out, ...files], folder);
}

/** Builds the Go client in a folder, stubs included, and answers with its path. Needs Go and the module proxy, or its cache. */
export function buildGoClient(folder: string): string | undefined {
  const go = findTool("go");
  if (go === undefined) return undefined;
  cpSync(join(CLIENTS, "go"), folder, { recursive: true });
  const path = [dirname(go), join(ROOT, "node_modules", ".bin"), dirname(process.execPath), process.env.PATH];
  const env = { ...environment(), PATH: path.join(delimiter) };
  if (spawnSync(go, ["mod", "download"], { cwd: folder, env }).status !== 0) return undefined;
  const paths = ["cos", "buf"].flatMap((name) => ["--path", join(ROOT, "proto", name)]);
  runHere("buf", ["generate", ROOT, "--template", "buf.gen.yaml", ...paths], folder, env);
  runHere(go, ["build", "-o", "client", "."], folder, env);
  return join(folder, "client");
}

function runHere(file: string, args: readonly string[], cwd: string, env = environment()): void {
  mkdirSync(cwd, { recursive: true });
  const { status, stderr, error } = spawnSync(file, args, { cwd, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`${file} ${args.join(" ")} failed: ${stderr ?? error}`);
}
