// What a Neo4j of our own runs on: its jars, from Maven, and the class that starts it.
//
// Purpose: 123 MB that are fetched once for a checkout, by whoever needs them first.
// Owner: nobody; it is only ever made, never changed.
//
//  M1  The folder is named after what it was made from, so that another version of Neo4j makes another folder.
//  M2  It appears complete or not at all: it is made beside and renamed, and whoever comes second throws their own away.
//
// Failure: without Maven, a JDK or the registry there is none; the message says what to do.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { LaunchFault } from "../../launch-fault.ts";
import { findJava, type Java } from "./find-java.ts";

export interface Neo4jHome {
  readonly java: string;
  /** What Java finds its classes in. */
  readonly classPath: string;
}

interface HomeOptions {
  /** Where the folder is, or is made: `.cos/neo4j` of the checkout. */
  readonly folder: string;
  /** What Maven and the compiler say. */
  readonly logFile: string;
  readonly say?: (line: string) => void;
  /** Default: this machine's. */
  readonly java?: Java | undefined;
  /** Default: `mvn`. */
  readonly maven?: string;
}

const POM = join(import.meta.dirname, "pom.xml");
const SOURCE = join(import.meta.dirname, "Neo4jServer.java");

/** The folder that holds what this version of the files above asks for (M1); it may not be there. */
export function neo4jFolder(folder: string): string {
  const stamp = createHash("sha256").update(readFileSync(POM)).update(readFileSync(SOURCE)).digest("hex").slice(0, 12);
  return join(folder, `server-${stamp}`);
}

/** Finds it, or makes it; throws LaunchFault. */
export async function prepareNeo4jHome(options: HomeOptions): Promise<Neo4jHome> {
  const java = "java" in options ? options.java : findJava();
  if (java === undefined) {
    throw new LaunchFault(
      "Neo4j needs a JDK of version 17 or later: install one (Debian: openjdk-17-jdk-headless), or set COS_NEO4J_URL to a Neo4j of your own",
      { exitCode: 2 },
    );
  }
  const home = neo4jFolder(options.folder);
  if (!existsSync(home)) await makeHome(home, java, options);
  return { java: java.java, classPath: classPathOf(home) };
}

const classPathOf = (home: string) => `${join(home, "classes")}:${join(home, "lib", "*")}`;

async function makeHome(
  home: string,
  { javac }: Java,
  { logFile, say = () => {}, maven = "mvn" }: HomeOptions,
): Promise<void> {
  const half = `${home}.${process.pid}`;
  rmSync(half, { recursive: true, force: true });
  mkdirSync(half, { recursive: true });
  try {
    say("Neo4j: fetching its jars with Maven (123 MB, once) ...");
    const goal = ["dependency:copy-dependencies", `-DoutputDirectory=${join(half, "lib")}`];
    await run([maven, "-q", "-B", "-f", POM, ...goal], logFile);
    await run([javac, "-cp", classPathOf(half), "-d", join(half, "classes"), SOURCE], logFile);
    keep(half, home);
  } finally {
    rmSync(half, { recursive: true, force: true });
  }
}

/** M2. */
function keep(half: string, home: string): void {
  try {
    renameSync(half, home);
  } catch (error) {
    if (!existsSync(home)) throw error;
  }
}

async function run([program = "", ...args]: readonly string[], logFile: string): Promise<void> {
  mkdirSync(dirname(logFile), { recursive: true });
  const log = openSync(logFile, "a", 0o600);
  try {
    const child = spawn(program, args, { stdio: ["ignore", log, log] });
    const [code] = (await once(child, "exit")) as [number | null];
    if (code !== 0)
      throw new LaunchFault(`Neo4j's jars could not be had: ${program} ended with ${code}, see ${logFile}`);
  } catch (cause) {
    if (cause instanceof LaunchFault) throw cause;
    throw new LaunchFault(`Neo4j's jars could not be had: ${program} cannot be run; install it (Debian: maven)`, {
      cause,
    });
  } finally {
    closeSync(log);
  }
}
