// gen/ is what buf and protoc-gen-es make of proto/, byte for byte: generates it elsewhere and compares.
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** Every file below a folder, by its path in it. */
const contents = (folder) =>
  new Map(globSync("**/*.ts", { cwd: folder }).map((file) => [file, readFileSync(join(folder, file), "utf8")]));

const fresh = mkdtempSync(join(tmpdir(), "cos-gen-"));
try {
  const run = spawnSync("buf", ["generate", "-o", fresh], { cwd: root, stdio: "inherit" });
  if (run.status !== 0) throw new Error("buf generate failed", { cause: run.error });
  const committed = contents(join(root, "gen"));
  const generated = contents(join(fresh, "gen"));
  const files = new Set([...committed.keys(), ...generated.keys()]);
  const stale = [...files].filter((file) => committed.get(file) !== generated.get(file));
  if (stale.length > 0) {
    console.error(
      `gen/ does not fit proto/ (run \`npm run proto\`):\n${stale.map((file) => `  gen/${file}`).join("\n")}`,
    );
    process.exitCode = 1;
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}
