// The contracts keep their word: compares proto/ with the contracts as they landed before (`buf breaking`).
//
// Compared with, the first of these that applies:
// - the commit that BREAKING_AGAINST names;
// - on a branch: the commit at which it left origin/main, so that what has not landed may still change;
// - on main: the last commit, while proto/ has changes that are not committed; else the commit before proto/ last changed.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** What git says, or undefined where it refuses (no repository, no such commit). */
function git(...args) {
  const run = spawnSync("git", args, { cwd: root, encoding: "utf8" });
  return run.status === 0 ? run.stdout.trim() : undefined;
}

const commit = (name) => git("rev-parse", "--verify", "--quiet", `${name}^{commit}`);
const holdsContracts = (sha) => git("cat-file", "-e", `${sha}:proto/cos`) !== undefined;

function fail(message) {
  console.error(`contracts: ${message}`);
  process.exit(1);
}

function baseline() {
  const named = process.env.BREAKING_AGAINST;
  if (named) return commit(named) ?? fail(`BREAKING_AGAINST names no commit: ${named}`);
  const head = commit("HEAD");
  if (head === undefined) return undefined;
  const left = git("merge-base", "HEAD", "origin/main");
  if (left !== undefined && left !== head) return left;
  if (git("status", "--porcelain", "--", "proto") !== "") return head;
  return commit(`${git("log", "-1", "--format=%H", "--", "proto")}^`);
}

const landed = baseline();
if (landed === undefined || !holdsContracts(landed)) console.log("contracts: nothing landed before to compare with");
else {
  const run = spawnSync("buf", ["breaking", "--against", `.git#ref=${landed}`], { cwd: root, stdio: "inherit" });
  if (run.status !== 0) fail(`proto/ breaks what landed with ${landed.slice(0, 12)}`);
  console.log(`contracts: nothing breaks what landed with ${landed.slice(0, 12)}`);
}
