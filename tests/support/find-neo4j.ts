import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { isExecutable } from "#deploy/local/engines/is-executable.ts";
import { findJava } from "#deploy/local/engines/neo4j/find-java.ts";
import { neo4jFolder } from "#deploy/local/engines/neo4j/neo4j-home.ts";

/** Where a checkout keeps what its Neo4j runs on, for tests and for `npm start -- --neo4j`. */
export const NEO4J_FOLDER = join(import.meta.dirname, "..", "..", ".cos", "neo4j");

/** The Java that would run a Neo4j, where its jars are here or Maven can fetch them; or undefined. */
export function findNeo4j(): string | undefined {
  const { java } = findJava() ?? {};
  return existsSync(neo4jFolder(NEO4J_FOLDER)) || hasMaven() ? java : undefined;
}

function hasMaven(): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((folder) => isExecutable(join(folder, "mvn")));
}
