import { join } from "node:path";
import { formatListen } from "#shared/config/settings.ts";
import type { Mesh } from "../../mesh.ts";
import { accepts, hostOf, keepEngine, type ReadyEngine } from "../start-engines.ts";
import { startLocalNeo4j } from "./local-neo4j.ts";
import { prepareNeo4jHome } from "./neo4j-home.ts";

const NEO4J_PORT = 7687;

/** With what the services need to know of it, beside what the environment says already. */
export interface ReadyNeo4j extends ReadyEngine {
  readonly variables: Readonly<Record<string, string>>;
}

/** The user's Neo4j, or, if that is asked for, one of our own that is kept running; undefined: the graph is kept in PostgreSQL. */
export async function startNeo4jEngine(mesh: Mesh): Promise<ReadyNeo4j | undefined> {
  const { settings, paths, say } = mesh;
  if (settings.neo4jUrl !== undefined) {
    const address = hostOf(settings.neo4jUrl);
    if (!(await accepts(address, NEO4J_PORT)))
      say(`COS_NEO4J_URL: nothing answers at ${address}; the graph is away until something does`);
    return { name: "Neo4j", url: settings.neo4jUrl, address, about: "yours", serves: true, variables: {} };
  }
  if (!mesh.wantsNeo4j) return undefined;
  const logFile = join(paths.logs, "neo4j.log");
  // Like npm's packages, the jars belong to the checkout, whatever its data folder is.
  const folder = join(paths.root, ".cos", "neo4j");
  const home = await prepareNeo4jHome({ folder, logFile: join(paths.logs, "neo4j-install.log"), say });
  mesh.follower.add(logFile, () => {});
  const start = () =>
    startLocalNeo4j({
      home,
      dataDir: join(paths.data, "neo4j", "data"),
      port: settings.neo4jListen.port,
      logFile,
      onStart: (server) => mesh.register.add(server),
    });
  say("Neo4j: starting, which takes it about 10 s ...");
  const engine = await start();
  keepEngine(mesh, engine, start);
  const about = `${engine.adopted ? "adopted; " : ""}the graph; its data: ${engine.dataDir}`;
  const { url, user, password = "" } = engine;
  return {
    name: "Neo4j",
    url,
    address: formatListen(settings.neo4jListen),
    about,
    serves: true,
    variables: { COS_NEO4J_URL: url, COS_NEO4J_USER: user, COS_NEO4J_PASSWORD: password },
  };
}
