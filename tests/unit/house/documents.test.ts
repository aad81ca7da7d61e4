import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "@jest/globals";
import { ErrorReason, ErrorReasonSchema } from "#gen/cos/api/v1/errors_pb.ts";
import { codeOf, isRetryable, reasonName } from "#shared/errors/reasons.ts";
import { collectSettings, configurationTable, withTable } from "../../../scripts/configuration-table.mjs";

const root = join(import.meta.dirname, "../../..");
const read = (file: string): string => readFileSync(join(root, file), "utf8");

/** The first cells of the rows whose first cell is code: `[reason, code, again]`. */
const codedRows = (page: string, cells: number): string[][] =>
  [...page.matchAll(/^\| `(.+)$/gm)].map(([row]) =>
    row
      .split(" | ")
      .slice(0, cells)
      .map((cell) => cell.replaceAll(/[|`]/g, "").trim()),
  );

/** `InvalidArgument` as the wire and the documents spell it. */
const codeName = (code: Code): string => (Code[code] ?? "").replaceAll(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();

describe("docs/errors.md", () => {
  test("has a row for every reason, with the code and the answer to repeating that the tables give", () => {
    const reasons = ErrorReasonSchema.values
      .map((value) => value.number as ErrorReason)
      .filter((reason) => reason !== ErrorReason.UNSPECIFIED);
    expect(codedRows(read("docs/errors.md"), 3)).toEqual(
      reasons.map((reason) => [reasonName(reason), codeName(codeOf(reason)), isRetryable(reason) ? "yes" : "no"]),
    );
  });
});

describe("docs/configuration.md", () => {
  test("has the table of what the processes declare (else: npm run configuration-table)", async () => {
    const page = read("docs/configuration.md");
    const settings = await collectSettings();
    expect(settings.length).toBeGreaterThan(0);
    expect(page).toBe(withTable(page, configurationTable(settings)));
  });

  test("names every COS_ variable that a document or a process speaks of", async () => {
    const known = new Set([
      ...(await collectSettings()).map(({ setting }) => setting.name),
      ...codedRows(read("docs/configuration.md"), 1).flat(),
    ]);
    const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root });
    const spoken = String(tracked)
      .split("\n")
      .filter((file) => /^(?:[A-Z]+\.md|docs\/.*|services\/.*\.ts|shared\/.*\.ts|deploy\/.*)$/.test(file))
      .flatMap((file) => [...read(file).matchAll(/\bCOS_[A-Z0-9_]*[A-Z0-9]\b/g)].map(([name]) => `${file}: ${name}`));
    expect(spoken.filter((line) => !known.has(line.split(": ")[1] ?? ""))).toEqual([]);
  });
});
