import { type Client, createClient } from "@connectrpc/connect";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { unknownVariables } from "#shared/config/read-settings.ts";
import type { Cli } from "./cli.ts";
import { cliSpec, readCliSettings } from "./config.ts";

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
  await warnOfSlips(cli);
  cli.address = address ?? readCliSettings(cli.terminal.env).conductorAddress;
  const transport = await cli.terminal.openTransport(cli.address);
  try {
    const conductor = createClient(ConductorService, transport);
    return await use({ conductor, modules: createClient(ModuleService, transport) });
  } finally {
    transport.close();
  }
}

/** A misspelt address would quietly talk to another mesh. (What is far from our names is meant for the services.) */
async function warnOfSlips(cli: Cli): Promise<void> {
  const names = Object.values(cliSpec).map(({ name }) => name);
  for (const { meant, warning } of unknownVariables(cli.terminal.env, names)) {
    if (meant !== undefined) await cli.err.line(`cos: ${warning}`);
  }
}
