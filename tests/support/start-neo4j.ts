import { join } from "node:path";
import { startLocalNeo4j } from "#deploy/local/engines/neo4j/local-neo4j.ts";
import { prepareNeo4jHome } from "#deploy/local/engines/neo4j/neo4j-home.ts";
import { NEO4J_FOLDER } from "./find-neo4j.ts";
import { type PrivateServer, startPrivately } from "./private-servers.ts";

interface StartOptions {
  /** Unset: it lets everybody in. */
  readonly password?: string;
  /** Default 320. */
  readonly heapMb?: number;
}

/** Starts a Neo4j (8 s, 450 MB) of a test's own, which may be mistreated; throws where there is none (see `needs`). */
export async function startNeo4j(options: StartOptions = {}): Promise<PrivateServer> {
  const home = await prepareNeo4jHome({ folder: NEO4J_FOLDER, logFile: join(NEO4J_FOLDER, "maven.log") });
  return startPrivately((folder, port) =>
    startLocalNeo4j({
      home,
      dataDir: join(folder, "neo4j"),
      port,
      logFile: join(folder, "neo4j.log"),
      heapMb: options.heapMb ?? 320,
      pageCacheMb: 64,
      password: options.password,
    }),
  );
}
