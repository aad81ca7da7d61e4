import { delimiter, join } from "node:path";
import { findRedis } from "#deploy/local/engines/find-redis.ts";
import { isExecutable } from "#deploy/local/engines/is-executable.ts";
import { findNeo4j } from "./find-neo4j.ts";

/** What tests and benchmarks may need beside npm's packages, and under which names it goes. */
const NAMES = {
  redis: [],
  neo4j: [],
  "redis-cli": ["redis-cli", "valkey-cli"],
  grpcurl: ["grpcurl"],
  ghz: ["ghz"],
  "grpc-health-probe": ["grpc-health-probe", "grpc_health_probe"],
  h2spec: ["h2spec"],
  go: ["go"],
  python3: ["python3"],
  java: ["java"],
  maven: ["mvn"],
  chromium: ["chromium", "chromium-browser", "google-chrome", "chrome"],
  pgbench: ["pgbench"],
  psql: ["psql"],
  curl: ["curl"],
  sslyze: ["sslyze"],
  git: ["git"],
} as const satisfies Record<string, readonly string[]>;

export type Tool = keyof typeof NAMES;

/** Where `install-tools.mjs` puts what Go builds. */
const TOOLS_DIR = join(import.meta.dirname, "..", "..", ".cos", "tools", "bin");

const FURTHER_FOLDERS = [TOOLS_DIR, "/usr/local/go/bin", "/usr/lib/postgresql/18/bin", "/usr/lib/postgresql/15/bin"];

/** The full path of a tool, or undefined. */
export function findTool(tool: Tool): string | undefined {
  if (tool === "redis") return process.env.COS_TEST_REDIS_URL ?? findRedis();
  if (tool === "neo4j") return findNeo4j();
  const folders = [...FURTHER_FOLDERS, ...(process.env.PATH ?? "").split(delimiter)];
  return folders.flatMap((folder) => NAMES[tool].map((name) => join(folder, name))).find(isExecutable);
}

/** The full path of a tool; throws where there is none. */
export function requireTool(tool: Tool): string {
  const found = findTool(tool);
  if (found === undefined) throw new Error(`${tool} is needed here: node tests/support/install-tools.mjs`);
  return found;
}
