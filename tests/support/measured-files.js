import { globSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";

const comments = /\/\*[\s\S]*?\*\/|\/\/[^\n]*/g;

const holdsCode = (file) =>
  stripTypeScriptTypes(readFileSync(file, "utf8"), { mode: "strip" }).replace(comments, "").trim() !== "";

/**
 * The globs of what coverage measures, less the files that hold types alone: nothing loads them at run time, so V8 never
 * sees them and Jest would call every line of theirs uncovered.
 *
 * @param {readonly string[]} globs relative to the repository
 * @param {string} root the repository's folder
 */
export function measuredFiles(globs, root) {
  const typesAlone = globSync(globs, { cwd: root }).filter((file) => !holdsCode(`${root}/${file}`));
  return [...globs, ...typesAlone.map((file) => `!${file}`)];
}
