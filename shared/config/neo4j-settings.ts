import { readFileSync } from "node:fs";
import type { Settings } from "./read-settings.ts";
import { text, url } from "./settings.ts";

/** Where the graph is kept, if not in PostgreSQL's tables. */
export const NEO4J_SETTINGS = {
  neo4jUrl: url({
    name: "COS_NEO4J_URL",
    about:
      "Neo4j 5.26 or later, where the graph is kept: `bolt://`, `neo4j://`, or `bolt+s://`, `neo4j+s://` (TLS; off this machine everything else shows the password to whoever listens). Unset: the graph is kept in PostgreSQL's tables; `npm start -- --neo4j` runs a Neo4j under `.cos/`.",
    fallback: undefined,
    schemes: ["bolt", "bolt+s", "neo4j", "neo4j+s"],
  }),
  neo4jUser: text({
    name: "COS_NEO4J_USER",
    about: "The user of Neo4j, if it asks for a password.",
    fallback: "neo4j",
  }),
  neo4jPassword: text({
    name: "COS_NEO4J_PASSWORD",
    about:
      "The password of `COS_NEO4J_USER`. Unset: the one in `COS_NEO4J_PASSWORD_FILE`; else Neo4j is called without.",
    fallback: undefined,
  }),
  neo4jPasswordFile: text({
    name: "COS_NEO4J_PASSWORD_FILE",
    about: "A file that holds the password of `COS_NEO4J_USER`; it is read anew for each attempt to connect.",
    fallback: undefined,
  }),
  neo4jCa: text({
    name: "COS_NEO4J_CA",
    about:
      "A file of certificates (PEM): Neo4j is believed if one of them vouches for it; goes with `bolt+s://` or `neo4j+s://`. Unset: the system's.",
    fallback: undefined,
  }),
  neo4jDatabase: text({
    name: "COS_NEO4J_DATABASE",
    about: "The database in Neo4j.",
    fallback: "neo4j",
  }),
} as const;

type Neo4jSettings = Settings<typeof NEO4J_SETTINGS>;

/** What Neo4j's settings say together that cannot be; a line for each fault. */
export function neo4jFaults({ neo4jUrl, neo4jPassword, neo4jPasswordFile, neo4jCa }: Neo4jSettings): string[] {
  const faults: string[] = [];
  const secure = neo4jUrl === undefined || /^\w+\+s:/.test(neo4jUrl);
  if (neo4jUrl !== undefined && /^[^/]+\/\/[^/?#]*@/.test(neo4jUrl))
    faults.push("COS_NEO4J_URL must not hold a user or a password: use COS_NEO4J_USER and COS_NEO4J_PASSWORD");
  if (neo4jPassword !== undefined && neo4jPasswordFile !== undefined)
    faults.push("COS_NEO4J_PASSWORD_FILE and COS_NEO4J_PASSWORD are both set: set one");
  if (neo4jCa !== undefined && !secure)
    faults.push("COS_NEO4J_CA is set, but COS_NEO4J_URL speaks no TLS: use bolt+s:// or neo4j+s://");
  for (const [name, file] of [
    ["COS_NEO4J_PASSWORD_FILE", neo4jPasswordFile],
    ["COS_NEO4J_CA", neo4jCa],
  ] as const)
    if (file !== undefined && !isReadable(file)) faults.push(`${name} cannot be read`);
  return faults;
}

function isReadable(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch {
    return false;
  }
}
