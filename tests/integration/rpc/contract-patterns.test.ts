import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "@jest/globals";

const PROTO = join(import.meta.dirname, "../../../proto/cos");

/** Validation runs them with Node's backtracking engine. */
const patterns = readdirSync(PROTO, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".proto"))
  .flatMap((file) => [...readFileSync(join(PROTO, file), "utf8").matchAll(/pattern: "([^"]+)"/g)])
  .map(([, pattern = ""]) => pattern.replaceAll("\\\\", "\\"));

/** Beginnings that match as long as they last, and then do not. */
const HOSTILE = ["a", "a_", "a.", "a1-", "A_.", "_", "aa_a."].map((unit) => `${unit.repeat(150_000)}!`);

/**
 * A fuse, not a measure: a linear pattern takes some milliseconds for a text of this length, a quadratic one minutes. (A
 * match blocks the event loop, so no timer of the test could end it.)
 */
const FUSE_MS = 1500;

/** Whether a pattern refuses every hostile text before the fuse blows. */
function isLinear(pattern: string): boolean {
  const search = "const expression = new RegExp(pattern, 'u'); texts.some((text) => expression.test(text))";
  try {
    return runInNewContext(search, { pattern, texts: HOSTILE }, { timeout: FUSE_MS }) === false;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ERR_SCRIPT_EXECUTION_TIMEOUT") return false;
    throw error;
  }
}

describe("the patterns of the contracts", () => {
  test("there are some", () => {
    expect(patterns.length).toBeGreaterThan(5);
  });

  test.each([...new Set(patterns)])("%s gives up on a hostile text in linear time", (pattern) => {
    expect(isLinear(pattern)).toBe(true);
  });

  test.each(["^a*a*b$", "^([a-z]+)*$"])("%s, which does not, would be found", (pattern) => {
    expect(isLinear(pattern)).toBe(false);
  });
});
