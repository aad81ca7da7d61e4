import { expect, test } from "@jest/globals";
import { shellWord } from "#services/cli/graph/shell-word.ts";
import { parseLabels } from "#services/cli/options/parse-labels.ts";
import { parseLastInstant } from "#services/cli/options/parse-last-instant.ts";
import { parseProperty } from "#services/cli/options/parse-property.ts";
import { Output } from "#services/cli/output/output.ts";
import { tableLines } from "#services/cli/output/table.ts";
import { Sink } from "./support/run.ts";

test.each([
  ["a=x", "x"],
  ["a=12", 12],
  ["a=-0.5", -0.5],
  ["a=1.50", "1.50"],
  ["a=12345678901234567890", "12345678901234567890"],
  ["a=true", true],
  ["a=false", false],
  ['a="true"', "true"],
  ["a=x=y\nz", "x=y\nz"],
])("property %j", (text, value) => {
  expect(parseProperty(text)).toEqual({ name: "a", value });
});

test.each(["a", "a=", "=x", "A=x", "1a=x", `${"a".repeat(41)}=x`])("%j is no property", (text) => {
  expect(() => parseProperty(text)).toThrow("must be name=value");
});

test("labels in letters of any case, each once; all of them are none in particular", () => {
  expect(parseLabels("entity, LOGENTRY,Entity")).toEqual(["Entity", "LogEntry"]);
  expect(parseLabels("ALL")).toEqual([]);
  expect(() => parseLabels("Entity,")).toThrow("must be `all`, or some of");
});

test("a date alone ends with its day, a time with itself, and nothing after the year 9999", () => {
  expect(parseLastInstant("1970-01-01")).toEqual({ seconds: 86_400n, nanos: 0 });
  expect(parseLastInstant("1970-01-01T00:00:00Z")).toEqual({ seconds: 0n, nanos: 0 });
  expect(parseLastInstant("9999-12-31")).toEqual({ seconds: 253_402_300_799n, nanos: 999_999_999 });
});

test.each([
  ["Will", "Will"],
  ["Will Hewer", '"Will Hewer"'],
  ["", '""'],
  ["$(rm) `x`", "'$(rm) `x`'"],
  [`it's "x"`, `'it'\\''s "x"'`],
])("%j as a word of a shell", (text, word) => {
  expect(shellWord(text)).toBe(word);
});

test("a column gives way where the terminal is narrow, but not all of itself", () => {
  const rows = [["12", "a name that is long enough", "x"]];
  const lines = (columns: number, gives?: number): string[] =>
    tableLines(new Output(new Sink(true, columns), { NO_COLOR: "1" }), ["N", "NAME", "X"], rows, {
      right: [0],
      ...(gives !== undefined && { gives }),
    });
  expect(lines(80, 1)).toEqual([" N  NAME                        X", "12  a name that is long enough  x"]);
  expect(lines(20, 1)).toEqual([" N  NAME           X", "12  a name that …  x"]);
  expect(lines(5, 1)[1]).toBe("12  a name that…  x");
  expect(lines(20)[1]).toBe("12  a name that is long enough  x");
  // More rows than an engine takes arguments.
  const many = Array.from({ length: 200_000 }, () => ["1", "a"]);
  expect(tableLines(new Output(new Sink(true, 5), {}), ["N", "NAME"], many)).toHaveLength(200_001);
  const empty = tableLines(new Output(new Sink(true, 5), {}), ["N", "NAME"], [["1", ""]], { gives: 1 });
  expect(empty.at(-1)).toBe("1");
});
