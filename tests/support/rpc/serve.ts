import { type Client, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { localAccess } from "#shared/auth/local-access.ts";
import { openLog } from "#shared/log/open-log.ts";
import { bindService, type Handlers } from "#shared/rpc/bind-service.ts";
import { openServer, type RpcServer, type ServerOptions } from "#shared/rpc/open-server.ts";
import { type ClosableTransport, openTransport, type TransportOptions } from "#shared/rpc/open-transport.ts";

export type ConductorHandlers = Handlers<typeof ConductorService>;
export type LogLine = Record<string, unknown> & { msg: string };

export interface Served {
  readonly server: RpcServer;
  readonly port: number;
  /** What the server logged so far. */
  readonly lines: LogLine[];
  /** A client over native gRPC; its connection is closed with the server. */
  readonly client: Client<typeof ConductorService>;
  openTransport(options?: Partial<TransportOptions>): ClosableTransport;
}

/** A memory that keeps all rules. */
export const MEMORY = { module: "cc", eventType: "note", source: "test", text: "Up betimes" };

/** Handlers that echo; each test replaces those that it is about. */
const ECHO: ConductorHandlers = {
  recordMemory: async ({ memory }) => (memory === undefined ? {} : { memory }),
  batchRecordMemories: async ({ requests }) => ({ responses: requests.map(() => ({})) }),
  recordMemories: async function* (requests) {
    for await (const { requests: items } of requests) {
      yield { firstIndex: BigInt(items.length) };
    }
  },
  getMemory: async () => ({}),
  listMemories: async () => ({}),
  searchMemories: async () => ({}),
  forgetMemories: async function* () {
    yield { done: true };
  },
  linkMemories: async () => ({}),
  listLinks: async () => ({}),
  unlinkMemories: async () => ({}),
  getIngestStatus: async () => ({}),
  subscribe: async function* () {
    yield { frame: { case: "started" as const, value: {} } };
  },
};

const open = new Set<() => Promise<void> | void>();

/** Serves the conductor's contract with these handlers on a port of its own, until `closeServed`. */
export async function serve(
  handlers: Partial<ConductorHandlers> = {},
  options: Partial<ServerOptions> = {},
): Promise<Served> {
  const lines: LogLine[] = [];
  const log = openLog({
    service: "test",
    level: "debug",
    to: { write: (line: string) => void lines.push(JSON.parse(line) as LogLine) },
  });
  const server = await openServer({
    name: "test",
    services: [bindService(ConductorService, { ...ECHO, ...handlers })],
    listen: { host: "127.0.0.1", port: 0 },
    log,
    letIn: () => localAccess(),
    ...options,
  });
  server.health.setAll("SERVING");
  open.add(() => server.close());
  const address = `127.0.0.1:${server.address.port}`;
  const opened = (more: Partial<TransportOptions> = {}) => {
    const transport = openTransport({ address, ...more });
    open.add(() => transport.close());
    return transport;
  };
  const client = createClient(ConductorService, opened());
  return { server, port: server.address.port, lines, client, openTransport: opened };
}

/** Closes what the tests of a file opened; for `afterEach`. */
export async function closeServed(): Promise<void> {
  const closers = [...open].reverse();
  open.clear();
  for (const close of closers) {
    await close();
  }
}

export type Stack = "gRPC" | "Connect" | "Connect over HTTP/2" | "Connect in JSON" | "gRPC-Web";

export const STACKS: readonly Stack[] = ["gRPC", "Connect", "Connect over HTTP/2", "Connect in JSON", "gRPC-Web"];

/** A client of each kind to one server. */
export function clientOver(stack: Stack, served: Served): Client<typeof ConductorService> {
  const baseUrl = `http://127.0.0.1:${served.port}`;
  switch (stack) {
    case "gRPC":
      return served.client;
    case "gRPC-Web":
      return createClient(ConductorService, createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }));
    case "Connect over HTTP/2":
      return createClient(ConductorService, createConnectTransport({ baseUrl, httpVersion: "2" }));
    default: {
      const useBinaryFormat = stack === "Connect";
      return createClient(ConductorService, createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat }));
    }
  }
}

/** Waits until something is so; fails after five seconds. */
export async function until(condition: () => boolean, what = String(condition)): Promise<void> {
  for (let tries = 0; !condition(); tries += 1) {
    if (tries === 1_000) {
      throw new Error(`this did not become true: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The error that a call fails with. */
export async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return call.then(
    () => {
      throw new Error("the call succeeded");
    },
    (error: unknown) => error,
  );
}

/** Everything of a stream. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const each of stream) {
    all.push(each);
  }
  return all;
}

export async function* from<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}
