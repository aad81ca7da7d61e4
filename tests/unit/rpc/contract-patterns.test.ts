import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";

const PROTO = join(import.meta.dirname, "../../../proto/cos");

/** Validation runs them with Node's backtracking engine. */
const patterns = readdirSync(PROTO, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".proto"))
  .flatMap((file) => [...readFileSync(join(PROTO, file), "utf8").matchAll(/pattern: "([^"]+)"/g)])
  .map(([, pattern = ""]) => pattern.replaceAll("\\\\", "\\"));

/** Beginnings that match as long as they last, and then do not. */
const HOSTILE = ["a", "a_", "a.", "a1-", "A_.", "_", "aa_a."].map((unit) => `${unit.repeat(20_000)}!`);

describe("the patterns of the contracts", () => {
  test("there are some", () => {
    expect(patterns.length).toBeGreaterThan(5);
  });

  test.each([...new Set(patterns)])("%s gives up on a hostile text at once", (pattern) => {
    const compiled = new RegExp(pattern, "u");
    // A quadratic pattern takes many seconds for these, an exponential one for ever: that it ends is what is tested.
    expect(HOSTILE.filter((text) => compiled.test(text))).toEqual([]);
  });
});
