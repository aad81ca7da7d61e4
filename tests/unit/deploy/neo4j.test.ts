import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { findJava } from "#deploy/local/engines/neo4j/find-java.ts";
import { neo4jFolder, prepareNeo4jHome } from "#deploy/local/engines/neo4j/neo4j-home.ts";
import { temporaryFolder } from "#tests/support/temporary-folder.ts";

const base = await temporaryFolder();

function program(path: string, script: string): string {
  const full = join(base, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, `#!/bin/sh\n${script}\n`);
  chmodSync(full, 0o755);
  return full;
}

/** A Java that says that it is of a version, with a compiler beside it. */
function jdk(name: string, version: string): string {
  program(`${name}/bin/javac`, "exit 0");
  return dirname(program(`${name}/bin/java`, `echo 'openjdk version "${version}" 2025-04-15' >&2`));
}

describe("the JDK for Neo4j", () => {
  test("JAVA_HOME's comes first, then the PATH's, then those that are installed", () => {
    const [home, path, installed] = [jdk("home", "21"), jdk("path", "17.0.15"), jdk("jvm/installed", "18")];
    const env = { JAVA_HOME: dirname(home), PATH: path };
    const jvm = [dirname(dirname(installed))];
    expect(findJava(env, jvm)).toEqual({ java: join(home, "java"), javac: join(home, "javac") });
    expect(findJava({ PATH: path }, jvm)?.java).toBe(join(path, "java"));
    expect(findJava({ PATH: "" }, jvm)?.java).toBe(join(installed, "java"));
  });

  test("one that is too old, one without a compiler, and one that says nothing are passed over", () => {
    const runtimeAlone = dirname(program("jre/bin/java", `echo 'openjdk version "17.0.1"' >&2`));
    const silent = dirname(program("silent/bin/java", "exit 1"));
    program("silent/bin/javac", "exit 0");
    const PATH = [jdk("old", "11.0.2"), jdk("ancient", "1.8.0_392"), runtimeAlone, silent].join(":");
    expect(findJava({ PATH }, [])).toBeUndefined();
    expect(findJava({}, [join(base, "nowhere")])).toBeUndefined();
  });

  test("the compiler stands beside what a link in the PATH leads to", () => {
    const real = jdk("real", "17");
    mkdirSync(join(base, "links"));
    symlinkSync(join(real, "java"), join(base, "links", "java"));
    expect(findJava({ PATH: join(base, "links") }, [])).toEqual({
      java: join(base, "links", "java"),
      javac: join(real, "javac"),
    });
  });
});

describe("what Neo4j runs on", () => {
  const javac = () =>
    program("tools/javac", `for last; do :; done; test -f "$last" && mkdir -p "$4" && touch "$4/Neo4jServer.class"`);
  const java = () => ({ java: "/java", javac: javac() });
  /** Writes a jar where it is told to, and counts how often it was asked. */
  const maven = (folder: string) =>
    program(
      "tools/mvn",
      `echo asked >> ${folder}.count; for o; do case $o in -DoutputDirectory=*) d=\${o#*=};; esac; done; mkdir -p $d && touch $d/neo4j.jar`,
    );

  test("M1, M2: it is fetched and compiled once, into a folder that is named after what it was made from", async () => {
    const folder = join(base, "once");
    const lines: string[] = [];
    const options = {
      folder,
      logFile: join(base, "once.log"),
      say: (line: string) => void lines.push(line),
      java: java(),
      maven: maven(folder),
    };
    const home = neo4jFolder(folder);
    const wanted = { java: "/java", classPath: `${join(home, "classes")}:${join(home, "lib", "*")}` };
    await expect(prepareNeo4jHome(options)).resolves.toEqual(wanted);
    await expect(prepareNeo4jHome(options)).resolves.toEqual(wanted);
    expect(readFileSync(`${folder}.count`, "utf8")).toBe("asked\n");
    expect(existsSync(join(home, "lib", "neo4j.jar"))).toBe(true);
    expect(lines).toEqual(["Neo4j: fetching its jars with Maven (123 MB, once) ..."]);
  });

  test("M2: whoever comes second throws their own away", async () => {
    const folder = join(base, "twice");
    const home = neo4jFolder(folder);
    // By the time that Maven is done, another process has made it.
    const slow = program("tools/slow-mvn", `mkdir -p ${join(home, "lib")}; touch ${join(home, "theirs")}`);
    await prepareNeo4jHome({ folder, logFile: join(base, "twice.log"), java: java(), maven: slow });
    expect(existsSync(join(home, "theirs"))).toBe(true);
    expect(readdirSync(folder)).toHaveLength(1);
  });

  test("without a JDK it says what to install", async () => {
    const options = { folder: join(base, "none"), logFile: join(base, "none.log"), java: undefined };
    await expect(prepareNeo4jHome(options)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringMatching(/needs a JDK of version 17 or later: install one .* or set COS_NEO4J_URL/),
    });
  });

  test("when Maven fails, or is not there, nothing is left, and it is said", async () => {
    const folder = join(base, "failed");
    const failing = program("tools/failing-mvn", "echo no registry; exit 3");
    const options = { folder, logFile: join(base, "failed.log"), java: java() };
    await expect(prepareNeo4jHome({ ...options, maven: failing })).rejects.toThrow(/ended with 3, see .*failed\.log$/);
    expect(readFileSync(options.logFile, "utf8")).toBe("no registry\n");
    await expect(prepareNeo4jHome({ ...options, maven: "no-such-maven" })).rejects.toThrow(
      /no-such-maven cannot be run; install it/,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});
