// Writes docs/reference from the contracts in proto/, with the comments and rules that stand in them; with --check only compares.
// Usage: npm run reference [-- --check]
import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readContracts } from "./reference/read-contracts.mjs";
import { writePages } from "./reference/write-pages.mjs";

const root = join(import.meta.dirname, "..");
const folder = join(root, "docs", "reference");
const BYTES_MAX = 64 * 2 ** 20;

/** What buf makes of proto/. The descriptors in gen/ would not do: they have no comments. */
function describeContracts() {
  const args = ["build", "-o", "-#format=bin", "--as-file-descriptor-set"];
  const run = spawnSync("buf", args, { cwd: root, maxBuffer: BYTES_MAX, stdio: ["ignore", "pipe", "inherit"] });
  if (run.status !== 0) throw new Error("buf build failed", { cause: run.error });
  return run.stdout;
}

const pages = writePages(readContracts(describeContracts()));
const path = (page) => join(folder, page);
const surplus = globSync("*", { cwd: folder }).filter((page) => !pages.has(page));

if (process.argv.includes("--check")) {
  const stale = [...pages].filter(
    ([page, text]) => !existsSync(path(page)) || readFileSync(path(page), "utf8") !== text,
  );
  const wrong = [...stale.map(([page]) => page), ...surplus];
  if (wrong.length > 0) {
    console.error(
      `docs/reference does not fit proto/ (run \`npm run reference\`):\n${wrong.map((page) => `  docs/reference/${page}`).join("\n")}`,
    );
    process.exitCode = 1;
  }
} else {
  mkdirSync(folder, { recursive: true });
  for (const page of surplus) rmSync(path(page));
  for (const [page, text] of pages) writeFileSync(path(page), text);
}
