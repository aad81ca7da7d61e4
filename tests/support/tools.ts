import { test } from "@jest/globals";
import { findTool, type Tool } from "./find-tool.ts";

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
