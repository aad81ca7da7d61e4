import { type Client, createClient } from "@connectrpc/connect";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import type { Cli } from "./cli.ts";
import { readCliSettings } from "./config.ts";

/** The conductor at the other end of a connection. */
export interface Connection {
  readonly conductor: Client<typeof ConductorService>;
  readonly modules: Client<typeof ModuleService>;
}

/** Lends a connection to the address given, else to the one of the environment, for the length of `use`. */
export async function withConnection<T>(
  cli: Cli,
  address: string | undefined,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  cli.address = address ?? readCliSettings(cli.terminal.env).conductorAddress;
  const transport = await cli.terminal.openTransport(cli.address);
  try {
    const conductor = createClient(ConductorService, transport);
    return await use({ conductor, modules: createClient(ModuleService, transport) });
  } finally {
    transport.close();
  }
}
