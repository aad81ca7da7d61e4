// Fetches what a Neo4j for tests is made of, if it is not there yet: `node tests/support/prepare-neo4j.ts`. A test run would do it by
// itself, but while its first test waits.
import { join } from "node:path";
import { prepareNeo4jHome } from "#deploy/local/engines/neo4j/neo4j-home.ts";
import { NEO4J_FOLDER } from "./find-neo4j.ts";

await prepareNeo4jHome({ folder: NEO4J_FOLDER, logFile: join(NEO4J_FOLDER, "maven.log") });
