import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** Where `install-tools.mjs` puts what Go builds, and where Debian keeps what is not in its PATH. */
const FURTHER_FOLDERS = [
  join(import.meta.dirname, "..", "..", ".cos", "tools", "bin"),
  "/usr/lib/postgresql/18/bin",
  "/usr/lib/postgresql/15/bin",
];

/** The full path of a program; throws where there is none, since a figure without its floor says nothing. */
export function findProgram(name: string): string {
  const folders = [...FURTHER_FOLDERS, ...(process.env.PATH ?? "").split(delimiter)];
  const found = folders.map((folder) => join(folder, name)).find(isExecutable);
  if (found === undefined) throw new Error(`this benchmark needs ${name}: node tests/support/install-tools.mjs`);
  return found;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
