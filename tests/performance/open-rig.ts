// Everything that is measured, on one machine and for nobody else.
//
// Purpose: figures that mean something: a durable PostgreSQL (fsync on), a Redis, and the conductor as a process of its own.
// Owner:   bench.ts, whose closers end all of it, the last started first.
//
// Failure: whatever is left when this process is killed ends by itself: the engines by their guards, processes by their
// IPC channel.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Client, createClient } from "@connectrpc/connect";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import type { Closers } from "#shared/lifecycle/closers.ts";
import { type Log, openLog } from "#shared/log/open-log.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { freePort, startPostgres, startRedis } from "#tests/support/private-servers.ts";
import { type CpuMs, cpuMsOf } from "./cpu-ms-of.ts";
import { answerOf, type ChildOptions, startChild } from "./start-child.ts";

export interface Rig {
  readonly postgresUrl: string;
  readonly redisUrl: string;
  /** Of the conductor, `host:port`. */
  readonly address: string;
  readonly conductor: Client<typeof ConductorService>;
  readonly modules: Client<typeof ModuleService>;
  readonly highway: Client<typeof HighwayService>;
  /** Of its own; removed with the rig. */
  readonly folder: string;
  readonly log: Log;
  readonly conductorPid: number;
  /** The CPU that each has used so far. */
  readonly cpuMs: { readonly conductor: CpuMs; readonly postgres: CpuMs; readonly redis: CpuMs };
  /** Starts a process of `tests/performance` and waits for its first message. */
  readonly start: (script: string, ...args: string[]) => Promise<Started>;
  readonly closers: Closers;
}

export type Started = Awaited<ReturnType<typeof startChild>>;

interface RigOptions {
  /** Where the conductor leaves its CPU profile when it ends; unset: it makes none. */
  readonly profileFolder?: string | undefined;
}

const READY_TIMEOUT_MS = 20_000;
/** After the first answer the highway still opens its connections. */
const SETTLE_MS = 1_000;

export async function openRig(closers: Closers, { profileFolder }: RigOptions): Promise<Rig> {
  const log = openLog({ service: "bench", level: "error" });
  const folder = mkdtempSync(join(tmpdir(), "cos-bench-"));
  closers.add("folder", () => rmSync(folder, { recursive: true, force: true }));
  const postgres = await startPostgres({ fsync: "on", shared_buffers: "256MB", max_wal_size: "4GB" });
  closers.add("PostgreSQL", () => postgres.stop());
  const redis = await startRedis();
  closers.add("Redis", () => redis.stop());
  await migrateConductor({ url: postgres.url, log });

  const address = `127.0.0.1:${await freePort()}`;
  const conductorProcess = await startChild(
    conductorOptions(postgres.url, redis.url, address, folder, profileFolder),
    closers,
  );
  const transport = openTransport({ address });
  closers.add("transport", () => transport.close());
  const modules = createClient(ModuleService, transport);
  await ready(modules);
  return {
    postgresUrl: postgres.url,
    redisUrl: redis.url,
    address,
    conductor: createClient(ConductorService, transport),
    modules,
    highway: createClient(HighwayService, transport),
    folder,
    log,
    conductorPid: conductorProcess.pid as number,
    cpuMs: {
      conductor: cpuMsOf(conductorProcess.pid as number),
      postgres: cpuMsOf(postgres.pid),
      redis: cpuMsOf(redis.pid),
    },
    start: async (script, ...args) => {
      const child = await startChild({ name: script, script: `tests/performance/${script}`, args }, closers);
      await answerOf(child);
      return child;
    },
    closers,
  };
}

function conductorOptions(
  postgresUrl: string,
  redisUrl: string,
  address: string,
  folder: string,
  profileFolder: string | undefined,
): ChildOptions {
  return {
    name: "conductor",
    script: "services/conductor/main.ts",
    nodeArgs: profileFolder === undefined ? [] : ["--cpu-prof", "--cpu-prof-dir", profileFolder],
    env: {
      COS_POSTGRES_URL: postgresUrl,
      COS_REDIS_URL: redisUrl,
      COS_CONDUCTOR_LISTEN: address,
      // As fast as it can.
      COS_RATE_LIMIT_SERVICES: "0",
    },
    logFile: join(folder, "conductor.log"),
  };
}

async function ready(modules: Client<typeof ModuleService>): Promise<void> {
  const endMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    try {
      await modules.getModule({ name: "cc" });
      await sleep(SETTLE_MS);
      return;
    } catch (error) {
      if (performance.now() > endMs) throw error;
      await sleep(100);
    }
  }
}
