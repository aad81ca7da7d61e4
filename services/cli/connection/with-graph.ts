import { type Client, createClient } from "@connectrpc/connect";
import { GraphService } from "#gen/cos/graph/v1/graph_service_pb.ts";
import type { Cli } from "../cli.ts";
import { lendTransport } from "./lend-transport.ts";

/** The graph at the other end of a connection. */
export type Graph = Client<typeof GraphService>;

/** Lends a connection to the graph at the address given, else to that of the environment, for the length of `use`. */
export function withGraph<T>(cli: Cli, address: string | undefined, use: (graph: Graph) => Promise<T>): Promise<T> {
  return lendTransport(cli, "graph", address, (transport) => use(createClient(GraphService, transport)));
}
