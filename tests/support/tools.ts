import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { test } from "@jest/globals";
import { findRedis } from "#deploy/local/engines/find-redis.ts";

/** What tests may need beside npm's packages, and under which names it goes. */
const NAMES = {
  redis: [],
  "redis-cli": ["redis-cli", "valkey-cli"],
  grpcurl: ["grpcurl"],
  ghz: ["ghz"],
  "grpc-health-probe": ["grpc-health-probe", "grpc_health_probe"],
  go: ["go"],
  python3: ["python3"],
  chromium: ["chromium", "chromium-browser", "google-chrome", "chrome"],
  pgbench: ["pgbench"],
  psql: ["psql"],
  curl: ["curl"],
  git: ["git"],
} as const satisfies Record<string, readonly string[]>;

export type Tool = keyof typeof NAMES;

/** Where `install-tools.mjs` puts what Go builds. */
const TOOLS_DIR = join(import.meta.dirname, "..", "..", ".cos", "tools", "bin");

const FURTHER_FOLDERS = [TOOLS_DIR, "/usr/local/go/bin", "/usr/lib/postgresql/18/bin", "/usr/lib/postgresql/15/bin"];

/** The full path of a tool, or undefined. */
export function findTool(tool: Tool): string | undefined {
  if (tool === "redis") return process.env.COS_TEST_REDIS_URL ?? findRedis();
  const folders = [...FURTHER_FOLDERS, ...(process.env.PATH ?? "").split(delimiter)];
  return folders.flatMap((folder) => NAMES[tool].map((name) => join(folder, name))).find(isExecutable);
}

/**
 * `test`, or `test.skip` with a printed line when a tool is missing: `needs("grpcurl")("lists the services", ...)`.
 *
 * With COS_TEST_REQUIRE_ALL=1 nothing is skipped: the test file fails for want of the tool.
 */
export function needs(...wanted: readonly Tool[]): typeof test | typeof test.skip {
  const missing = wanted.filter((tool) => findTool(tool) === undefined);
  if (missing.length === 0) return test;
  if (process.env.COS_TEST_REQUIRE_ALL === "1") {
    throw new Error(`needs ${missing.join(", ")}, and COS_TEST_REQUIRE_ALL is set`);
  }
  process.stderr.write(`skipped for want of ${missing.join(", ")}: some tests of ${currentFile()}\n`);
  return test.skip;
}

function currentFile(): string {
  const caller = /\/(tests\/[^\s:)]+\.test\.ts)/.exec(new Error("where").stack ?? "");
  return caller?.[1] ?? "this run";
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
