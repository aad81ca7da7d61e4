import { type Client, createClient } from "@connectrpc/connect";
import leven from "leven";
import { AuthService } from "#gen/cos/auth/v1/auth_service_pb.ts";
import { ConductorService } from "#gen/cos/conductor/v1/conductor_service_pb.ts";
import { ModuleService } from "#gen/cos/conductor/v1/module_service_pb.ts";
import { namesOf, unknownVariables } from "#shared/config/read-settings.ts";
import type { Cli } from "../cli.ts";
import { cliSpec, readCliSettings } from "../config.ts";
import { connectionTarget } from "./connection-target.ts";

/** The conductor at the other end of a connection. */
export interface Connection {
  readonly conductor: Client<typeof ConductorService>;
  readonly modules: Client<typeof ModuleService>;
  readonly auth: Client<typeof AuthService>;
}

/** Letters between a slip and the name that was meant; more, and it is a name of the services' (COS_TLS_CLIENT_CA). */
const SLIP_LETTERS_MAX = 2;

/** Lends a connection to the address given, else to the one of the environment, for the length of `use`. */
export async function withConnection<T>(
  cli: Cli,
  address: string | undefined,
  use: (connection: Connection) => Promise<T>,
): Promise<T> {
  await warnOfSlips(cli);
  const settings = readCliSettings(cli.terminal.env);
  const target = await connectionTarget(cli, settings, address ?? settings.conductorAddress);
  const transport = await cli.terminal.openTransport(target);
  try {
    return await use({
      conductor: createClient(ConductorService, transport),
      modules: createClient(ModuleService, transport),
      auth: createClient(AuthService, transport),
    });
  } finally {
    transport.close();
  }
}

/** A misspelt address would quietly talk to another mesh. (What is far from our names is meant for the services.) */
async function warnOfSlips(cli: Cli): Promise<void> {
  for (const { name, meant, warning } of unknownVariables(cli.terminal.env, namesOf(cliSpec))) {
    if (meant !== undefined && leven(name, meant) <= SLIP_LETTERS_MAX) await cli.err.line(`cos: ${warning}`);
  }
}
