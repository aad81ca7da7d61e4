import { spawnSync } from "node:child_process";
import { readdirSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { isExecutable } from "../is-executable.ts";

/** A JDK: what runs Neo4j, and what compiles the class that starts it. */
export interface Java {
  readonly java: string;
  readonly javac: string;
}

/** What Neo4j 5 needs. */
const VERSION_MIN = 17;

/** Where distributions and people put JDKs that are not in the PATH. */
const FURTHER_HOMES = ["/usr/lib/jvm", "/opt/homebrew/opt/openjdk", "/usr/local/opt/openjdk"];

/** A JDK of version 17 or later on this machine: JAVA_HOME's, the PATH's, or one that is installed; or undefined. */
export function findJava(
  env: Readonly<Record<string, string | undefined>> = process.env,
  furtherHomes: readonly string[] = FURTHER_HOMES,
): Java | undefined {
  const path = (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
  const installed = furtherHomes.flatMap((home) => [home, ...subfolders(home)]).map((home) => join(home, "bin"));
  const folders = [...(env.JAVA_HOME ? [join(env.JAVA_HOME, "bin")] : []), ...path, ...installed];
  for (const folder of new Set(folders)) {
    const found = jdkIn(folder);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The `java` of a PATH is often a link into its JDK, and its compiler stands beside what it leads to. */
function jdkIn(folder: string): Java | undefined {
  const java = join(folder, "java");
  if (!isExecutable(java)) return undefined;
  const javac = join(dirname(realpathSync(java)), "javac");
  return isExecutable(javac) && majorOf(java) >= VERSION_MIN ? { java, javac } : undefined;
}

/** `openjdk version "17.0.15" 2025-04-15` is 17; what tells nothing is 0. */
function majorOf(java: string): number {
  const { stderr, stdout } = spawnSync(java, ["-version"], { encoding: "utf8", timeout: 20_000 });
  const [, major = "0"] = /version "(\d+)/.exec(`${stderr}${stdout}`) ?? [];
  return Number(major);
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder).map((name) => join(folder, name));
  } catch {
    return [];
  }
}
