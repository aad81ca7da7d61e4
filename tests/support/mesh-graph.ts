// The mesh of a test file with a graph: a conductor, a graph, and the key with which the one calls the other.
//
// Owner: the test file that opens it; `stop` ends and removes all of it. M1 to M3 of mesh.ts hold; the graph keeps its address too.
import { type Client, createClient } from "@connectrpc/connect";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { migrateGraph } from "#services/graph/migrate.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openLog } from "#shared/log/open-log.ts";
import { openTransport } from "#shared/rpc/open-transport.ts";
import { type Mesh, type MeshClient, type MeshOptions, openMesh } from "./mesh.ts";
import { endOf, type MeshProcess, startMeshProcess } from "./mesh-process.ts";
import { freePort } from "./private-servers.ts";
import { makeServiceKeys } from "./service-keys.ts";

export interface GraphMeshOptions extends MeshOptions {
  /** Further settings of the graph. */
  readonly graphEnv?: Readonly<Record<string, string>>;
  /** What else the policy of both says. */
  readonly policy?: object;
  /** Whether the graph has a key to call the conductor with. Unset: it has. */
  readonly hasKey?: boolean;
}

export interface GraphClient extends MeshClient {
  readonly graph: Client<typeof GraphService>;
}

export interface GraphMesh {
  readonly mesh: Mesh;
  /** The graph that runs now. */
  readonly graph: MeshProcess;
  /** `host:port` of the graph. */
  readonly address: string;
  /** Clients over native gRPC with connections of their own; `at`: another graph's address. */
  client(at?: string): GraphClient;
  /** Clients as the owner, who may administer; a token of the owner's is made for them. */
  owner(): Promise<Pick<GraphClient, "graph" | "conductor">>;
  /** Another graph on the same engines, serving. */
  replica(env?: Readonly<Record<string, string>>): Promise<MeshProcess>;
  /** SIGKILL for the graph; resolves when the process is gone. */
  kill9(): Promise<void>;
  /** Starts the graph where it was, after stopping it in good order if it runs; resolves when it serves. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function openGraphMesh(options: GraphMeshOptions = {}): Promise<GraphMesh> {
  const keys = makeServiceKeys(options.policy);
  const mesh = await openMesh({ ...options, env: { ...keys.env, ...options.env } });
  if (options.faults === true)
    await migrateGraph({ url: mesh.postgresUrl, log: openLog({ service: "migrate", level: "warn" }) });
  const port = await freePort();
  const env = {
    ...options.env,
    ...(options.hasKey === false ? keys.env : keys.graphEnv),
    COS_POSTGRES_URL: mesh.postgresUrl,
    COS_REDIS_URL: mesh.redisUrl,
    COS_CONDUCTOR_ADDRESS: mesh.address,
    ...options.graphEnv,
  };
  const processes: MeshProcess[] = [];
  const closers: (() => void)[] = [];
  const start = async (at: number, further: Readonly<Record<string, string>> = {}) => {
    const started = startMeshProcess({
      name: "graph",
      service: "cos.graph.v1.GraphService",
      port: at,
      env: { ...env, ...further },
    });
    processes.push(started);
    await started.serving();
    return started;
  };
  let graph = await start(port);
  const { address } = graph;
  return {
    mesh,
    get graph() {
      return graph;
    },
    address,
    client(at = address) {
      const transport = openTransport({ address: at });
      closers.push(() => transport.close());
      return { ...mesh.client(), graph: createClient(GraphService, transport) };
    },
    async owner() {
      const token = makeApiToken(PrincipalKind.PERSON);
      const log = openLog({ service: "owner", level: "warn" });
      await ensureOwner({ url: mesh.postgresUrl, hash: hashOfApiToken(token), log });
      const [here, there] = [openTransport({ address, token }), openTransport({ address: mesh.address, token })];
      for (const transport of [here, there]) closers.push(() => transport.close());
      return { graph: createClient(GraphService, here), conductor: createClient(ConductorService, there) };
    },
    replica: async (further) => start(await freePort(), further),
    async kill9() {
      graph.kill("SIGKILL");
      await graph.ended;
    },
    async restart() {
      await graph.stop();
      graph = await start(port);
    },
    async stop() {
      for (const close of closers) close();
      await Promise.all(processes.map(endOf));
      await mesh.stop();
      keys.remove();
    },
  };
}
