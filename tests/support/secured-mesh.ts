// A conductor as it runs where strangers may reach it: TLS, client certificates, tokens required.
//
// Owner: the test file that opens it; `stop` ends and removes all of it.
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, createClient } from "@connectrpc/connect";
import pg from "pg";
import { PrincipalKind } from "#gen/cos/auth/v1/auth_pb.ts";
import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { ScratchService } from "#gen/cos/conductor/v1/scratch_service_pb.ts";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import { ServerReflection } from "#gen/grpc/reflection/v1/reflection_pb.ts";
import {
  type Authority,
  makeAuthority,
  makeClientCertificate,
  makeServerCertificate,
} from "#services/cli/dev-certs/make-certificates.ts";
import { ensureOwner } from "#services/conductor/store/access/ensure-owner.ts";
import { hashOfApiToken, makeApiToken } from "#shared/auth/api-token.ts";
import { openServiceTokenMint, type ServiceTokenMint } from "#shared/identity/open-service-token-mint.ts";
import { openLog } from "#shared/log/open-log.ts";
import { type ClosableTransport, openTransport } from "#shared/rpc/open-transport.ts";
import { type Mesh, type MeshOptions, openMesh } from "./mesh.ts";
import { endOf, type MeshProcess, startMeshProcess } from "./mesh-process.ts";
import { freePort } from "./private-servers.ts";
import { serviceEntry } from "./service-keys.ts";
import { openTestIssuer, type TestIssuer } from "./test-issuer.ts";

export interface SecuredClients {
  readonly conductor: Client<typeof ConductorService>;
  readonly modules: Client<typeof ModuleService>;
  readonly scratch: Client<typeof ScratchService>;
  readonly auth: Client<typeof AuthService>;
  readonly transport: ClosableTransport;
}

export interface SecuredMesh {
  readonly mesh: Mesh;
  readonly address: string;
  /** The graph's; empty: there is none. */
  readonly graphAddress: string;
  /** The authority of all certificates, PEM. */
  readonly ca: string;
  readonly ownerToken: string;
  /** The issuer whose signed tokens the mesh believes: `groups` may be recorders, administrators, readers. */
  readonly issuer: TestIssuer;
  /** Makes tokens as the graph does, which may record everywhere, for whomever it calls for. */
  readonly graph: ServiceTokenMint;
  /** Clients with the owner's token. */
  readonly owner: SecuredClients;
  /** Clients with a token, or none, over TLS and native gRPC. */
  clients(token?: string): SecuredClients;
  /** A client's certificate of this name, signed by the authority. */
  certificateOf(name: string): Promise<{ kind: "certificate"; cert: string; key: string }>;
  /** The names of the services that a server serves, the conductor unless it is another one, by its own word. */
  servedNames(address?: string): Promise<string[]>;
  query(text: string, values?: readonly unknown[]): Promise<pg.QueryResult>;
  stop(): Promise<void>;
}

const VALIDITY = { now: new Date(), days: 2 };

/** What the policy gives to the groups of the issuer's people. */
const JWT_GRANTS = { recorders: { here: "record" }, administrators: { "*": "admin" }, readers: { there: "read" } };

/** Whom the policy knows by certificate. */
const CERTIFICATES = [
  { name: "spiffe://cos/here-record", principal: "here-recorder", kind: "service", grants: { here: "record" } },
  { name: "spiffe://cos/everywhere-admin", principal: "administrator", kind: "service", grants: { "*": "admin" } },
  { name: "spiffe://cos/there-read", principal: "there-reader", kind: "agent", grants: { there: "read" } },
];

interface SecuredMeshOptions extends MeshOptions {
  /** Whether a graph runs too. */
  readonly graph?: boolean;
}

export async function openSecuredMesh(options: SecuredMeshOptions = {}): Promise<SecuredMesh> {
  const folder = mkdtempSync(join(tmpdir(), "cos-secured-"));
  const authority = await makeAuthority(VALIDITY);
  const issuer = await openTestIssuer("EdDSA");
  const graphKey = generateKeyPairSync("ed25519").privateKey;
  const services = [serviceEntry("graph", graphKey, { "*": "record" })];
  const env = { ...(await writeSettings(folder, authority, issuer, services)), ...options.env };
  const mesh = await openMesh({ ...options, env, healthPort: await freePort() });
  const graph = options.graph === true ? await startGraph(folder, mesh, env, graphKey) : undefined;
  const ownerToken = makeApiToken(PrincipalKind.PERSON);
  const log = openLog({ service: "test", level: "warn" });
  await ensureOwner({ url: mesh.postgresUrl, hash: hashOfApiToken(ownerToken), log });
  const pool = new pg.Pool({ connectionString: mesh.postgresUrl, max: 2 });
  const transports: ClosableTransport[] = [];
  const open = (address: string, token?: string): ClosableTransport => {
    const tls = { ca: authority.cert };
    const transport = openTransport({ address, tls, ...(token !== undefined && { token }) });
    transports.push(transport);
    return transport;
  };
  const clients = (token?: string): SecuredClients => {
    const transport = open(mesh.address, token);
    return {
      transport,
      conductor: createClient(ConductorService, transport),
      modules: createClient(ModuleService, transport),
      scratch: createClient(ScratchService, transport),
      auth: createClient(AuthService, transport),
    };
  };
  const owner = clients(ownerToken);
  return {
    mesh,
    address: mesh.address,
    graphAddress: graph?.address ?? "",
    ca: authority.cert,
    ownerToken,
    issuer,
    graph: openServiceTokenMint({ service: "graph", privateKey: graphKey }),
    owner,
    clients,
    certificateOf: async (name) => ({
      kind: "certificate",
      ...(await makeClientCertificate(authority, [name], VALIDITY)),
    }),
    servedNames: (address = mesh.address) => servedNames(open(address, ownerToken)),
    query: (text, values = []) => pool.query(text, [...values]),
    async stop() {
      for (const transport of transports) transport.close();
      await pool.end();
      if (graph !== undefined) await endOf(graph);
      await mesh.stop();
      await issuer.close();
      rmSync(folder, { recursive: true });
    },
  };
}

/** A graph with the same settings, which shows the conductor its key. */
async function startGraph(
  folder: string,
  { address, postgresUrl, redisUrl }: Mesh,
  env: Readonly<Record<string, string>>,
  key: KeyObject,
): Promise<MeshProcess> {
  const keyFile = join(folder, "graph.key");
  writeFileSync(keyFile, key.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const graph = startMeshProcess({
    name: "graph",
    service: GraphService.typeName,
    port: await freePort(),
    healthPort: await freePort(),
    env: {
      ...env,
      COS_POSTGRES_URL: postgresUrl,
      COS_REDIS_URL: redisUrl,
      COS_CONDUCTOR_ADDRESS: address,
      COS_TLS_CA: join(folder, "ca.crt"),
      COS_GRAPH_SERVICE_KEY: keyFile,
    },
  });
  await graph.serving();
  return graph;
}

async function writeSettings(
  folder: string,
  authority: Authority,
  { issuer, jwksUri }: TestIssuer,
  services: readonly object[],
): Promise<Record<string, string>> {
  const server = await makeServerCertificate(authority, ["localhost", "127.0.0.1"], VALIDITY);
  const written = (name: string, text: string) => {
    const path = join(folder, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  const jwt = {
    name: "studio",
    issuer,
    audience: "cos",
    jwksUri,
    kindClaim: "account",
    kinds: { human: "person" },
    grantsClaim: "groups",
    grants: JWT_GRANTS,
  };
  return {
    COS_AUTH: "required",
    COS_TLS_CERT: written("server.crt", server.cert),
    COS_TLS_KEY: written("server.key", server.key),
    COS_TLS_CLIENT_CA: written("ca.crt", authority.cert),
    COS_AUTH_POLICY: written("policy.json", JSON.stringify({ jwt: [jwt], certificates: CERTIFICATES, services })),
  };
}

async function servedNames(transport: ClosableTransport): Promise<string[]> {
  const asked = (async function* () {
    yield { messageRequest: { case: "listServices" as const, value: "" } };
  })();
  for await (const { messageResponse } of createClient(ServerReflection, transport).serverReflectionInfo(asked)) {
    if (messageResponse.case === "listServicesResponse") {
      return messageResponse.value.service.map(({ name }) => name).sort();
    }
  }
  throw new Error("the server did not say what it serves");
}
