import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join, matchesGlob, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { childCoverageDirectory } from "./environment.js";

/**
 * A Jest reporter that counts what child processes executed.
 *
 * Purpose: the mesh's processes are tested as processes; their lines are covered where V8 says so.
 * Owner: Jest's main process, for one run.
 *
 * C1 A dump is handed over once, with the result of the test file that ended next; Jest merges V8's own counts before it
 *    turns them into lines, so a branch taken only in a child counts as taken.
 * C2 Custom reporters hear of a result before Jest's coverage reporter does.
 * C3 Only files that `collectCoverageFrom` names are handed over.
 *
 * Failure mode: a child that was killed by SIGKILL writes nothing, or half; one that is still writing is read with the
 * next file. Dumps that nobody could read by the end of the run are named, and the counts are lower by them.
 */
export default class ChildCoverage {
  #globalConfig;
  #directory;
  #unread = [];

  constructor(globalConfig) {
    this.#globalConfig = globalConfig;
    this.#directory = childCoverageDirectory(globalConfig);
  }

  onRunStart() {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  onTestResult(_test, testResult) {
    if (!this.#globalConfig.collectCoverage) return;
    testResult.v8Coverage = [...(testResult.v8Coverage ?? []), ...this.#take()];
  }

  onRunComplete() {
    if (this.#unread.length > 0) process.stderr.write(`unreadable child coverage: ${this.#unread.join(", ")}\n`);
  }

  #take() {
    const taken = [];
    this.#unread = [];
    for (const name of dumps(this.#directory)) {
      const scripts = readScripts(join(this.#directory, name));
      if (scripts === undefined) {
        this.#unread.push(name);
        continue;
      }
      rmSync(join(this.#directory, name));
      taken.push(...scripts.filter(({ url }) => this.#isMeasured(url)).map((result) => ({ result })));
    }
    return taken;
  }

  #isMeasured(path) {
    const { collectCoverageFrom, rootDir } = this.#globalConfig;
    const file = relative(rootDir, path);
    const wanted = collectCoverageFrom.filter((glob) => !glob.startsWith("!"));
    const unwanted = collectCoverageFrom.filter((glob) => glob.startsWith("!")).map((glob) => glob.slice(1));
    return wanted.some((glob) => matchesGlob(file, glob)) && !unwanted.some((glob) => matchesGlob(file, glob));
  }
}

function dumps(directory) {
  try {
    return readdirSync(directory).filter((name) => name.endsWith(".json"));
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}

/** The scripts of one dump, by path; undefined while its process is still writing it. */
function readScripts(file) {
  try {
    const { result } = JSON.parse(readFileSync(file, "utf8"));
    return result
      .filter(({ url }) => url.startsWith("file://"))
      .map((script) => ({ ...script, url: fileURLToPath(script.url) }));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
