// The mesh of a test file: real processes on real engines.
//
// Owner: the test file that opens it; `stop` ends and removes all of it.
//
//  M1  Without `faults` it stands on the run's engines, on a database and a logical Redis of its own (engines.ts): one
//      open mesh a test file. With `faults` it has a PostgreSQL and a Redis of its own, which may be mistreated.
//  M2  The conductor's address stays the same through `restart`, so that clients find it again.
//  M3  Clients that were lent by `client` end with the mesh.
import { type Client, createClient } from "@connectrpc/connect";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { HighwayService } from "#gen/cos/highway/v1/highway_service_pb.ts";
import { migrateConductor } from "#services/conductor/migrate.ts";
import { openLog } from "#shared/log/open-log.ts";
import { type ClosableTransport, openTransport } from "#shared/rpc/open-transport.ts";
import { cloneDatabase, redisUrl } from "./engines.ts";
import { findTool } from "./find-tool.ts";
import { type Conductor, startConductor } from "./mesh-conductor.ts";
import { endOf } from "./mesh-process.ts";
import { freePort, type PrivateServer, startPostgres, startRedis } from "./private-servers.ts";

export interface MeshOptions {
  /** Engines of its own, to be killed and frozen. */
  readonly faults?: boolean;
  /** Further settings of the conductor. */
  readonly env?: Readonly<Record<string, string>>;
  /** Where the first conductor tells its health without TLS. Unset: at its own port. */
  readonly healthPort?: number;
}

export interface MeshClient {
  readonly conductor: Client<typeof ConductorService>;
  readonly modules: Client<typeof ModuleService>;
  readonly highway: Client<typeof HighwayService>;
  readonly scratch: Client<typeof ScratchService>;
  readonly transport: ClosableTransport;
}

export interface Mesh {
  readonly address: string;
  readonly port: number;
  /** `http://host:port`. */
  readonly url: string;
  readonly postgresUrl: string;
  readonly redisUrl: string;
  /** The process that runs now. */
  readonly conductor: Conductor;
  /** The private engines; they throw where the mesh was opened without `faults`. */
  readonly postgres: PrivateServer;
  readonly redis: PrivateServer;
  /** Clients over native gRPC with a connection of their own, of the conductor or of a replica. */
  client(address?: string): MeshClient;
  /** Another conductor on the same engines, at an address of its own, serving. */
  replica(env?: Readonly<Record<string, string>>): Promise<Conductor>;
  /** SIGKILL; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** Starts the conductor where it was, after stopping it in good order if it runs; resolves when it serves. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

interface Engines {
  readonly postgresUrl: string;
  readonly redisUrl: string;
  readonly postgres?: PrivateServer;
  readonly redis?: PrivateServer;
  stop(): Promise<unknown>;
}

export async function openMesh(options: MeshOptions = {}): Promise<Mesh> {
  const engines = options.faults === true ? await privateEngines() : await sharedEngines();
  const env = { COS_POSTGRES_URL: engines.postgresUrl, COS_REDIS_URL: engines.redisUrl, ...options.env };
  const port = await freePort();
  const conductors: Conductor[] = [];
  const transports: ClosableTransport[] = [];
  const start = async (at: number, further: Readonly<Record<string, string>> = {}) => {
    const started = startConductor(at, { ...env, ...further }, options.healthPort);
    conductors.push(started);
    await started.serving();
    return started;
  };
  let conductor = await start(port);
  const { address } = conductor;
  return {
    address,
    port,
    url: `http://${address}`,
    postgresUrl: engines.postgresUrl,
    redisUrl: engines.redisUrl,
    get conductor() {
      return conductor;
    },
    get postgres() {
      return owned(engines.postgres);
    },
    get redis() {
      return owned(engines.redis);
    },
    client(at = address) {
      const transport = openTransport({ address: at });
      transports.push(transport);
      return {
        transport,
        conductor: createClient(ConductorService, transport),
        modules: createClient(ModuleService, transport),
        highway: createClient(HighwayService, transport),
        scratch: createClient(ScratchService, transport),
      };
    },
    replica: async (further) => start(await freePort(), further),
    async kill9() {
      conductor.kill("SIGKILL");
      await conductor.ended;
    },
    async restart() {
      await conductor.stop();
      conductor = await start(port);
    },
    async stop() {
      for (const transport of transports) transport.close();
      await Promise.all(conductors.map(endOf));
      await engines.stop();
    },
  };
}

function owned(server: PrivateServer | undefined): PrivateServer {
  if (server === undefined)
    throw new Error("not an engine of this mesh alone: open it with `faults`, where there is a Redis");
  return server;
}

/** Where a machine has no Redis, nobody listens here: the mesh works, degraded, and so do most of the tests. */
const NO_REDIS = "redis://127.0.0.1:1";

async function sharedEngines(): Promise<Engines> {
  const database = await cloneDatabase();
  const redis = findTool("redis") === undefined ? NO_REDIS : await redisUrl();
  return { postgresUrl: database.url, redisUrl: redis, stop: () => database.drop() };
}

async function privateEngines(): Promise<Engines> {
  const [postgres, redis] = await Promise.all([
    startPostgres({ fsync: "on" }),
    findTool("redis") === undefined ? undefined : startRedis(),
  ]);
  await migrateConductor({ url: postgres.url, log: openLog({ service: "migrate", level: "warn" }) });
  const stop = () => Promise.all([postgres.stop(), redis?.stop()]);
  return { postgresUrl: postgres.url, redisUrl: redis?.url ?? NO_REDIS, postgres, ...(redis && { redis }), stop };
}
