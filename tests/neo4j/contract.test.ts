import { randomUUID } from "node:crypto";
import { jest } from "@jest/globals";
import { openNeo4jGraph } from "#services/graph/store/neo4j/open-neo4j-graph.ts";
import { openLog } from "#shared/log/open-log.ts";
import { findTool } from "#tests/support/find-tool.ts";
import { graphStoreContract } from "#tests/support/graph/contract.ts";
import { neo4jUrl } from "#tests/support/neo4j.ts";
import { needs } from "#tests/support/tools.ts";

// A Neo4j that has just started takes its time to plan what it has not been asked before.
jest.setTimeout(240_000);

const PATIENT = { readTimeoutMs: 60_000, silenceMs: 60_000 };

async function openEmptyGraph() {
  const log = openLog({ service: "graph", level: "error" });
  const store = await openNeo4jGraph({ url: await neo4jUrl(), graph: randomUUID(), log, ...PATIENT });
  return { store, close: () => store.close() };
}

needs("neo4j")("Neo4j is here", () => undefined);

if (findTool("neo4j") !== undefined) graphStoreContract("Neo4j", openEmptyGraph, { sequences: 12 });
