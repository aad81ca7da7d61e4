// Graph processes beside the rig's conductor, one for each engine.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, createClient } from "@connectrpc/connect";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { migrateGraph } from "#services/graph/migrate.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { findTool } from "#tests/support/find-tool.ts";
import { freePort } from "#tests/support/private-servers.ts";
import { startNeo4j } from "#tests/support/start-neo4j.ts";
import { type CpuMs, cpuMsOf } from "./cpu-ms-of.ts";
import type { Rig } from "./open-rig.ts";
import { startChild } from "./start-child.ts";

/** A graph process, on an engine of its own. */
export interface GraphRig {
  readonly engine: "postgres" | "neo4j";
  readonly graph: Client<typeof GraphService>;
  /** `host:port`. */
  readonly address: string;
  readonly cpuMs: CpuMs;
  /** How much memory the process holds now, and held at most, in MiB. */
  readonly memoryMiB: () => { readonly now: number; readonly most: number };
}

const READY_TIMEOUT_MS = 30_000;

/** One for PostgreSQL, and one for Neo4j where it can be started. */
export async function openGraphRigs(rig: Rig): Promise<GraphRig[]> {
  const { postgresUrl: url, log } = rig;
  await migrateGraph({ url, log });
  // Rebuilding is an administrator's.
  const token = makeApiToken(PrincipalKind.PERSON);
  await ensureOwner({ url, log, hash: hashOfApiToken(token) });
  const rigs = [await openGraphRig(rig, token, "postgres", {})];
  if (findTool("neo4j") === undefined) return rigs;
  const neo4j = await startNeo4j();
  rig.closers.add("Neo4j", () => neo4j.stop());
  return [...rigs, await openGraphRig(rig, token, "neo4j", { COS_NEO4J_URL: neo4j.url })];
}

async function openGraphRig(
  rig: Rig,
  token: string,
  engine: GraphRig["engine"],
  env: Readonly<Record<string, string>>,
): Promise<GraphRig> {
  const address = `127.0.0.1:${await freePort()}`;
  const child = await startChild(
    {
      name: `graph on ${engine}`,
      script: "services/graph/main.ts",
      env: {
        COS_POSTGRES_URL: rig.postgresUrl,
        COS_REDIS_URL: rig.redisUrl,
        COS_CONDUCTOR_ADDRESS: rig.address,
        COS_GRAPH_LISTEN: address,
        COS_RATE_LIMIT_SERVICES: "0",
        ...env,
      },
      logFile: join(rig.folder, `graph-${engine}.log`),
    },
    rig.closers,
  );
  const transport = openTransport({ address, token });
  rig.closers.add("transport", () => transport.close());
  const graph = createClient(GraphService, transport);
  await connected(graph);
  const pid = child.pid as number;
  return { engine, graph, address, cpuMs: cpuMsOf(pid), memoryMiB: () => memoryOf(pid) };
}

async function connected(graph: GraphRig["graph"]): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      if ((await graph.getProjection({})).connected) return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
    }
    if (performance.now() > endMs) throw new Error("the graph does not hear the conductor");
    await sleep(100);
  }
}

/** Resident memory, from proc(5); NaN where the system does not say. */
function memoryOf(pid: number): { now: number; most: number } {
  if (process.platform !== "linux") return { now: Number.NaN, most: Number.NaN };
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const kib = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
  return { now: kib("VmRSS") / 1024, most: kib("VmHWM") / 1024 };
}
